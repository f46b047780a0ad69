"""What stands beside Stockade in a project's settings and would undo it: middleware, backends, former DRF settings."""

from __future__ import annotations

from collections.abc import Iterator

from stockade import conf
from stockade.core.mode import BEFORE
from stockade.pipeline.conf import PipelineSettings
from stockade.pipeline.finding import Finding

MIDDLEWARE = "stockade.web.Middleware"


LOGIN_LIMITS = "stockade.schemes.backend.LoginLimits"


def middleware_findings() -> Iterator[Finding]:
    """The middleware must be there, once, and first: behind another, views and redirects slip past it."""
    from django.conf import settings

    listed = list(settings.MIDDLEWARE)
    if MIDDLEWARE not in listed:
        yield Finding(
            "stockade.W011",
            f"{MIDDLEWARE} is not in MIDDLEWARE: only DRF views with our classes are protected, others are open.",
            f'Write MIDDLEWARE = ["{MIDDLEWARE}", *MIDDLEWARE].',
            stops=False,
        )
    elif listed[0] != MIDDLEWARE or listed.count(MIDDLEWARE) > 1:
        yield Finding(
            "stockade.E011",
            f"{MIDDLEWARE} is not first in MIDDLEWARE.",
            "Move it to the front: what stands before it can answer without asking it.",
        )


def backend_findings() -> Iterator[Finding]:
    """Logins that Django itself takes are limited by a backend, which must come before those that verify."""
    from django.conf import settings

    if next(iter(settings.AUTHENTICATION_BACKENDS), "") != LOGIN_LIMITS:
        others = [name for name in settings.AUTHENTICATION_BACKENDS if name != LOGIN_LIMITS]
        listed = [f'"{name}"' for name in (LOGIN_LIMITS, *others)]
        own = listed[1] if others else '"django.contrib.auth.backends.ModelBackend"'
        yield Finding(
            "stockade.W012",
            f"{LOGIN_LIMITS} is not first in AUTHENTICATION_BACKENDS: guessing at the admin's login is not limited.",
            f"Write AUTHENTICATION_BACKENDS = [{', '.join(listed)}]. Where your code calls login(request, user) for a "
            f"user whom authenticate() has not returned, name the backend there: backend={own}; with several Django "
            "asks for it.",
            stops=False,
        )


def before_findings() -> Iterator[Finding]:
    """Where views are judged as before, it must be known how: DRF's own default is AllowAny."""
    from django.conf import settings

    rest = getattr(settings, "REST_FRAMEWORK", None) or {}
    if conf.load(PipelineSettings).undeclared == "legacy" and BEFORE in rest and rest[BEFORE] is None:
        yield Finding(
            "stockade.E217",
            'UNDECLARED is "legacy", but stockade.drf.defaults() found no REST_FRAMEWORK that it stands after: the '
            "project's own permission and authentication classes would be lost.",
            "Write REST_FRAMEWORK = {...} first and then REST_FRAMEWORK = {**REST_FRAMEWORK, "
            "**stockade.drf.defaults()}; where there was none, stockade.drf.defaults({}).",
        )
