"""The same project with Stockade adopted and enforcing, as most pages assume."""

from project.plain import *  # noqa: F403
from project.plain import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "stockade"]
MIDDLEWARE = ["stockade.web.Middleware", *MIDDLEWARE]
STOCKADE = {"STATE": "memory://"}
