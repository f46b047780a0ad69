"""The first ten lines: limits are enforced, and every view is judged by its own permission classes."""

import stockade.drf
from config.settings import *
from config.settings import INSTALLED_APPS, MIDDLEWARE, REST_FRAMEWORK

INSTALLED_APPS += ["stockade"]
MIDDLEWARE = ["stockade.web.Middleware", *MIDDLEWARE]
STOCKADE = {
    "MODE": {"policies": "enforce", "limits": "enforce", "input": "report"},
    "UNDECLARED": "legacy",
    "SCHEMES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "EXEMPT": ["admin", "spectacular"],
    "LIMITS": {"anon": "5000/day", "user": "5000/day"},
    "ERRORS": "drf",
}
REST_FRAMEWORK = {**REST_FRAMEWORK, **stockade.drf.defaults()}
