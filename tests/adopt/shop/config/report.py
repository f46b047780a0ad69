"""The first two lines: nothing is refused, and `stockade report` tells what would have been."""

from .settings import *
from .settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS += ["stockade"]
MIDDLEWARE = ["stockade.web.Middleware", *MIDDLEWARE]
