"""The first two lines: nothing is refused, and `stockade report` tells what would have been."""

from config.settings import *
from config.settings import INSTALLED_APPS, MIDDLEWARE, SHARED_APPS

SHARED_APPS += ["stockade"]
INSTALLED_APPS += ["stockade"]
MIDDLEWARE = ["stockade.web.Middleware", *MIDDLEWARE]
