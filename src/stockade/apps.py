"""The Django app: label `stockade`, one migration history."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig, apps


class StockadeConfig(AppConfig):
    """Connects what must hear of changes once models are loaded."""

    name = "stockade"
    label = "stockade"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect signals and register checks. No SQL, no state: those wait for the first request."""
        from django.core.signals import setting_changed

        from stockade import checks, conf, truth
        from stockade.schemes import registry, upgrading
        from stockade.schemes.imports import hearing
        from stockade.schemes.session import proving

        registry.foreign = _foreign
        setting_changed.connect(_settings_changed, dispatch_uid="stockade.settings")
        truth.connect()
        hearing.connect()
        proving.connect()
        upgrading.install()
        _ = checks, conf  # imported so that they are registered
        if apps.is_installed("rest_framework"):
            from stockade.drf.intake import reading
            from stockade.pipeline import start

            reading.install()
            start.further[:] = [_serializer_findings]
        if _documented():
            from stockade.drf.schema import wiring

            wiring.install()


def _serializer_findings() -> Any:
    """What is wrong with serializers; imports DRF's views no earlier than the project does."""
    from stockade.drf.declaring import serializer_findings

    return serializer_findings()


def _documented() -> bool:
    """Whether the project makes its OpenAPI document with drf-spectacular, which is an extra."""
    from django.conf import settings

    rest: dict[str, Any] = getattr(settings, "REST_FRAMEWORK", None) or {}
    used = "drf_spectacular" in settings.INSTALLED_APPS or "DEFAULT_SCHEMA_CLASS" in rest
    return used and find_spec("drf_spectacular") is not None


def _foreign(path: str, name: str) -> Any:
    """Imports DRF only where SCHEMES names an authenticator, and no earlier than its first use."""
    from stockade.drf.foreign.making import make

    return make(path, name)


def _settings_changed(*, setting: str, **_: Any) -> None:
    """A test's override_settings: what was built from settings is built anew."""
    from stockade import conf

    if setting in _READ:
        conf.forget()


# Every Django setting that something of ours is built from.
_READ = frozenset(
    {
        "STOCKADE", "STOCKADE_KEY", "STOCKADE_KEY_FALLBACKS", "SECRET_KEY", "SECRET_KEY_FALLBACKS", "ROOT_URLCONF",
        "AUTH_USER_MODEL", "SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD",
        "SECURE_CONTENT_TYPE_NOSNIFF", "SECURE_REFERRER_POLICY", "SECURE_CROSS_ORIGIN_OPENER_POLICY",
        "X_FRAME_OPTIONS", "SECURE_CSP", "SECURE_CSP_REPORT_ONLY", "SECURE_SSL_REDIRECT", "SECURE_SSL_HOST",
        "SECURE_REDIRECT_EXEMPT", "STOCKADE_PROFILE", "MIDDLEWARE", "SECURE_PROXY_SSL_HEADER",
        "DATABASES", "BASE_DIR", "REST_FRAMEWORK", "SESSION_COOKIE_NAME", "SESSION_ENGINE", "SESSION_SERIALIZER",
        "SIMPLE_JWT", "USE_TZ",
    }
)  # fmt: skip
