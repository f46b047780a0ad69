"""What the scheme `session` needs of Django's own settings, and what beside it would undo it."""

from __future__ import annotations

from collections.abc import Iterator

from stockade import conf
from stockade.pipeline.finding import Finding
from stockade.pipeline.weak import CSRF, SESSIONS
from stockade.schemes import engine
from stockade.schemes.conf import SchemeSettings


def session_findings() -> Iterator[Finding]:
    """What keeps browsers from logging in, or has them logged in by what nobody can end."""
    from django.conf import settings

    if "pickle" in str(settings.SESSION_SERIALIZER).lower() and engine.is_ours():
        yield Finding(
            "stockade.E137",
            f"SESSION_SERIALIZER is {settings.SESSION_SERIALIZER}: who writes to the database and has SECRET_KEY runs "
            "code here.",
            'Write SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer".',
        )
    listed = conf.load(SchemeSettings).schemes
    if "session" not in listed:
        return
    if not engine.is_ours():
        more = (
            " Sessions of signed_cookies cannot be ended at all: a copied cookie is good until it expires."
            if settings.SESSION_ENGINE.endswith("signed_cookies")
            else ""
        )
        yield Finding(
            "stockade.W135",
            f'SCHEMES names "session", and SESSION_ENGINE is {settings.SESSION_ENGINE!r}: SQL is asked at each '
            f"request, a stolen table logs in, and its sessions are not in the list and not ended from it.{more}",
            f'Write SESSION_ENGINE = "{engine.PATH}"; whoever is logged in logs in once more.',
            stops=False,
        )
        return
    for middleware, id, why in (
        (SESSIONS, "E134", "no browser is given a session"),
        (CSRF, "E136", "no page is given the token that unsafe methods have to show"),
    ):
        if middleware not in settings.MIDDLEWARE:
            yield Finding(
                f"stockade.{id}",
                f'SCHEMES names "session", and {middleware} is not in MIDDLEWARE: {why}.',
                f'Write MIDDLEWARE = ["stockade.web.Middleware", ..., "{middleware}", ...].',
            )
    if settings.SESSION_SAVE_EVERY_REQUEST:
        yield Finding(
            "stockade.W133",
            "SESSION_SAVE_EVERY_REQUEST writes to the database with every request.",
            'Take it out: use keeps a session alive by itself, see "SESSION": {"IDLE": ...}.',
            stops=False,
        )
    if engine.DRF in listed:
        yield Finding(
            "stockade.W134",
            f'SCHEMES names "session" and {engine.DRF}: the second asks SQL again at each request of a visitor, for '
            "the same cookie.",
            f'Take "{engine.DRF}" out of SCHEMES.',
            stops=False,
        )
