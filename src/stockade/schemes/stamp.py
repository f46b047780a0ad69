"""A session's stamp: which password it was opened with, as a keyed digest, so that a changed password ends it."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from django.conf import settings
from django.utils.crypto import salted_hmac

_SALT = "stockade.session.stamp"


def stamp(subject: str, password: str) -> str:
    """The stamp of a user's stored password hash, 64 hex digits.

    Args:
        subject: the user's primary key as text, so that two users' equal hashes have two stamps.
        password: what the user's row holds; an encoded hash, never a password.
    """
    return _digest(subject, password, settings.SECRET_KEY)


def matches(kept: str, subject: str, password: str) -> bool:
    """Whether `kept` was made of this hash, with SECRET_KEY or one of its fallbacks."""
    return any(hmac.compare_digest(kept, one) for one in stamps(subject, password))


def is_current(kept: str, subject: str, password: str) -> bool:
    """Whether `kept` was made with the SECRET_KEY of today; one of a fallback goes with it."""
    return hmac.compare_digest(kept, stamp(subject, password))


def stamps(subject: str, password: str) -> Iterator[str]:
    """The stamps of a hash that a row may hold: with SECRET_KEY, and with each of its fallbacks."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        yield _digest(subject, password, secret)


def _digest(subject: str, password: str, secret: str | bytes) -> str:
    return salted_hmac(_SALT, f"{subject}\0{password}", secret=secret, algorithm="sha256").hexdigest()
