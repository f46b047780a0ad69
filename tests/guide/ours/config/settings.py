"""The settings of the guide's example."""

import stockade.drf
import stockade.edge
from config.project import *
from config.project import DJANGO_APPS, MIDDLEWARE

INSTALLED_APPS = [
    # ...
    "rest_framework",
    "stockade",
]
MIDDLEWARE = ["stockade.web.Middleware"] + MIDDLEWARE

STOCKADE = {
    "STATE": "lmdb://",
    "LIMITS": {"user": "1000/day", "anon": "50/day"},
    "CORS": {"ORIGINS": ["https://your-frontend.example"]},
}
REST_FRAMEWORK = stockade.drf.defaults()
globals().update(stockade.edge.settings("api"))
INSTALLED_APPS = DJANGO_APPS + INSTALLED_APPS
