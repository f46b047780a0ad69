"""The settings of the guide's example."""

from config.project import *
from config.project import DJANGO_APPS, MIDDLEWARE

# --- from the guide, as it stands ---
# settings.py (snippets)
INSTALLED_APPS = [
    # ...
    "rest_framework",
    "rest_framework_simplejwt",
    "corsheaders",
]
MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware"] + MIDDLEWARE

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": (
        "rest_framework_simplejwt.authentication.JWTAuthentication",
    ),
    "DEFAULT_PERMISSION_CLASSES": ("rest_framework.permissions.IsAuthenticated",),
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.UserRateThrottle",
        "rest_framework.throttling.AnonRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {"user": "1000/day", "anon": "50/day"},
}
CORS_ALLOWED_ORIGINS = ["https://your-frontend.example"]
# --- the end of it ---
INSTALLED_APPS = DJANGO_APPS + INSTALLED_APPS
