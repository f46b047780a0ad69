"""Whether the backend that has logged a user in still knows him: Django asks it at each request."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.contrib.auth import load_backend
from django.contrib.auth.backends import ModelBackend

_OWN = ("get_user", "user_can_authenticate")


def knows(path: str, user_id: Any) -> bool:
    """Whether it does. Django's own looks at `is_active`, as `shape` does; another one is asked, and may ask SQL.

    Args:
        path: of the backend, as in AUTHENTICATION_BACKENDS.
        user_id: the user's primary key.
    """
    backend: Any = load_backend(path)
    if not _has_its_own(backend.__class__):
        return True
    ask = getattr(backend, "get_user", None)
    return ask is not None and ask(user_id) is not None


@lru_cache(maxsize=64)
def _has_its_own(backend: Any) -> bool:
    return any(getattr(backend, name, None) is not getattr(ModelBackend, name) for name in _OWN)
