"""What the settings of these tests are made of; imports nothing, so that settings may."""

from __future__ import annotations

MIDDLEWARE = [
    "stockade.web.Middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
BACKENDS = ["stockade.schemes.backend.LoginLimits", "django.contrib.auth.backends.ModelBackend"]
