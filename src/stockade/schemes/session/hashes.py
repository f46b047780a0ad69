"""A user's session hash, of which Django has a session end: by default it changes with the password."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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


def stamp_of(subject: str, session_hash: str) -> str:
    """What the session's row holds of the hash; as with a password's, see `stamp`."""
    return stamp.stamp(subject, session_hash)


def holds(model: type[models.Model], user_id: Any, state: UserState, subject: str, kept: str) -> bool:
    """Whether a session's stamp is one of the user as he is, under SECRET_KEY or a fallback.

    Args:
        model: the project's user model. One with a hash of its own is read whole: one more query.
        user_id, state, subject: whose session it is.
        kept: the stamp.
    """
    if not hasattr(model, "get_session_auth_hash"):
        return stamp.matches(kept, subject, "")
    holder = _holder(model, user_id, state)
    return holder is not None and any(stamp.matches(kept, subject, one) for one in _hashes(holder))


def renewed(model: type[models.Model], user_id: Any, state: UserState, subject: str, kept: str) -> str | None:
    """The stamp under the SECRET_KEY of today, for a session whose stamp holds by a fallback; None where it has it."""
    found = ""
    if hasattr(model, "get_session_auth_hash"):
        holder = _holder(model, user_id, state)
        if holder is None:
            return None
        found = holder.get_session_auth_hash()
    made = stamp_of(subject, found)
    return None if made == kept else made


def _holder(model: type[models.Model], user_id: Any, state: UserState) -> Any:
    """Who makes the hash: of Django's own, the password is enough."""
    if any(getattr(model, name, None) is not getattr(AbstractBaseUser, name) for name in _OWN):
        return model._base_manager.using(router.db_for_write(model)).filter(pk=user_id).first()  # noqa: SLF001
    return _Password(state.password)


_OWN = ("get_session_auth_hash", "get_session_auth_fallback_hash", "_get_session_auth_hash")


def _hashes(user: Any) -> Iterator[str]:
    yield user.get_session_auth_hash()
    fallbacks = getattr(user, "get_session_auth_fallback_hash", None)
    if fallbacks is not None:
        yield from fallbacks()
