"""What Django has a session end by: the user's session hash, which changes with the password, and the backend."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models, router

from stockade.schemes import stamp
from stockade.schemes.shape import UserState


class _Password:
    """As much of a user as Django's own hash is made of."""

    get_session_auth_hash = AbstractBaseUser.get_session_auth_hash
    get_session_auth_fallback_hash = AbstractBaseUser.get_session_auth_fallback_hash
    _get_session_auth_hash = AbstractBaseUser._get_session_auth_hash  # type: ignore[attr-defined]  # noqa: SLF001

    def __init__(self, password: str) -> None:
        self.password = password


def stamp_of(subject: str, session_hash: str, backend: str) -> str:
    """What the session's row holds of the hash, and of the backend that has logged the user in; see `stamp`."""
    return stamp.stamp(subject, _text(session_hash, backend))


def holds_by(
    model: type[models.Model], user_id: Any, state: UserState, subject: str, kept: str
) -> str | None:
    """The backend of a session whose stamp is one of the user as he is, under SECRET_KEY or a fallback.

    None where it is of another hash, or of a backend that is not in AUTHENTICATION_BACKENDS any more: whom that has
    logged in is logged in no longer, as Django has it.

    Args:
        model: the project's user model. One with a hash of its own is read whole: one more query.
        user_id, state, subject: whose session it is.
        kept: the stamp.
    """
    return backend_of(all_of(model, user_id, state), subject, kept)


def backend_of(hashes: list[str], subject: str, kept: str) -> str | None:
    """As `holds_by`, of hashes that `all_of` gave."""
    for backend in settings.AUTHENTICATION_BACKENDS:
        if any(stamp.matches(kept, subject, _text(one, backend)) for one in hashes):
            return str(backend)
    return None


def renewed(
    model: type[models.Model], user_id: Any, state: UserState, subject: str, kept: str, backend: str
) -> str | None:
    """The stamp under the SECRET_KEY of today, for a session whose stamp holds by a fallback; None where it has it."""
    hashes = all_of(model, user_id, state)
    made = stamp_of(subject, hashes[0], backend) if hashes else kept
    return None if made == kept else made


def _text(session_hash: str, backend: str) -> str:
    return f"{backend}\0{session_hash}"


def all_of(model: type[models.Model], user_id: Any, state: UserState) -> list[str]:
    """The session hashes of a user, that of today first; none of one who is gone."""
    if not hasattr(model, "get_session_auth_hash"):
        return [""]
    holder = _holder(model, user_id, state)
    if holder is None:
        return []
    fallbacks = getattr(holder, "get_session_auth_fallback_hash", None)
    return [holder.get_session_auth_hash(), *(fallbacks() if fallbacks is not None else ())]


def _holder(model: type[models.Model], user_id: Any, state: UserState) -> Any:
    """Who makes the hash: of Django's own, the password is enough."""
    if any(getattr(model, name, None) is not getattr(AbstractBaseUser, name) for name in _OWN):
        return model._base_manager.using(router.db_for_write(model)).filter(pk=user_id).first()  # noqa: SLF001
    return _Password(state.password)


_OWN = ("get_session_auth_hash", "get_session_auth_fallback_hash", "_get_session_auth_hash")
