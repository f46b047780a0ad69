"""The first ten lines: limits are enforced, and every view is judged by its own permission classes."""

import stockade.drf
from config.settings import *
from config.settings import INSTALLED_APPS, MIDDLEWARE, REST_FRAMEWORK, SHARED_APPS

SHARED_APPS += ["stockade"]
INSTALLED_APPS += ["stockade"]
MIDDLEWARE = ["stockade.web.Middleware", *MIDDLEWARE]
STOCKADE = {
    "MODE": {"policies": "enforce", "limits": "enforce", "input": "report"},
    "UNDECLARED": "legacy",
    "SCHEMES": [
        "oauth2_provider.contrib.rest_framework.OAuth2Authentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "EXEMPT": ["admin"],
    "TENANT": "stockade.tenant.django_tenants",
    "LIMITS": {"anon": "5000/day", "user": "5000/day"},
    "ERRORS": "drf",
}
REST_FRAMEWORK = {**REST_FRAMEWORK, **stockade.drf.defaults()}
