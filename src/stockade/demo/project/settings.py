"""Settings of the reference API; what differs from run to run is read from the folder that the environment names."""

from __future__ import annotations

import stockade.drf
import stockade.edge
import stockade.passwords
from stockade.demo.accounts import PARTNER
from stockade.demo.config import read
from stockade.vault import fallbacks, secret

_config = read()
# Cookies know no ports (RFC 6265 section 8.5): two demos on one machine must not take each other's place.
_port = _config.base_url.rpartition(":")[2]

globals().update(
    stockade.edge.settings(
        "browser",
        ALLOWED_HOSTS=_config.hosts,
        SESSION_COOKIE_NAME=f"__Host-demo-{_port}-sessionid",
        CSRF_COOKIE_NAME=f"__Host-demo-{_port}-csrftoken",
    )
)
SECRET_KEY = secret("DEMO_SECRET_KEY", default=_config.secret_key)
SECRET_KEY_FALLBACKS = fallbacks("DEMO_SECRET_KEY")
ROOT_URLCONF = "stockade.demo.project.urls"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
# Without ATOMIC_REQUESTS: with it each GET would take SQLite's one write lock (BEGIN IMMEDIATE). What changes articles
# runs in a transaction all the same, see PolicyMixin.
DATABASES = {"default": _config.database}
PASSWORD_HASHERS = ["stockade.schemes.passwords.Argon2"]
AUTH_PASSWORD_VALIDATORS = stockade.passwords.validators(15)
AUTHENTICATION_BACKENDS = [
    "stockade.schemes.backend.LoginLimits",  # guesses at the admin's login count as well
    "django.contrib.auth.backends.ModelBackend",
]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "stockade",
    "stockade.demo.articles",
    "stockade.demo.project",
]
MIDDLEWARE = [
    "stockade.web.Middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

SESSION_ENGINE = "stockade.schemes.session"

STOCKADE = {
    "STATE": _config.state,
    "SCHEMES": ["jwt", "external", "token", "api_key", "session"],
    "EXEMPT": ["admin"],
    "PLAIN_HTTP": "serve",  # the one thing that the profile would not: this machine has no certificate
    # Roomy enough to play with the page for an hour; `--limit` overrides them one by one.
    "LIMITS": {
        "anon": "600/min",
        "user": "600/min",
        "login": "5/min",
        "login_address": "60/min",
        "failed_auth": "120/min",
        **_config.limits,
    },
    "JWT": {
        "ISSUER": _config.base_url,
        "AUDIENCE": _config.base_url,
        "REFRESH_COOKIE": f"__Secure-demo-{_port}-refresh-token",
    },
    # Another company's people and services. Over plain HTTP, since it is this very machine.
    "ISSUERS": {
        PARTNER: {
            "ISSUER": _config.issuer_url,
            "AUDIENCE": _config.base_url,
            "ALGORITHMS": ["ES256"],
            "SERVICES": True,
            "LOOPBACK": True,
            "TIMEOUT": "30s",  # the same machine, with all else that runs here
        },
    },
    "WEBHOOKS": {
        name: {"SECRETS": [secret], **({"URL": _config.base_url} if name == "twilio" else {})}
        for name, secret in _config.webhooks.items()
    },
    "EVENTS": {"LOG": str(_config.folder / "security.log")},
}
REST_FRAMEWORK = {
    **stockade.drf.defaults(),
    "DEFAULT_RENDERER_CLASSES": ["stockade.drf.renderers.SafeJSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Articles, guarded",
    "DESCRIPTION": "The reference API of Stockade: articles that belong to somebody.",
    "VERSION": stockade.__version__,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/",
    "ENFORCE_NON_BLANK_FIELDS": True,
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # Refusals stand in the security log; Django's own line for each 4xx says less.
    "loggers": {"django.request": {"level": "ERROR"}},
}
