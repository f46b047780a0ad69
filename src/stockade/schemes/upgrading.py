"""Has a login renew a user's hash only where it is still the one that was verified.

Django verifies a password against the hash that it has read, makes the new hash, and writes it, whatever stands there
by then. Hashing takes long, and waits for its turn while many log in: a login with the old password, under way while
its owner changes it, would write the old one back, and who knows it would be inside again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import check_password
from django.core.exceptions import ObjectDoesNotExist
from django.db import router
from django.views.decorators.debug import sensitive_variables

from stockade import truth
from stockade.conf import configured
from stockade.core import tenant
from stockade.gate.keys import subject_key


def install() -> None:
    """Teach Django's users; nothing happens the second time, and nothing without a STOCKADE setting."""
    if getattr(AbstractBaseUser.check_password, "stockade", False):
        return
    model: Any = AbstractBaseUser
    model.check_password = _sync(AbstractBaseUser.check_password)
    model.acheck_password = _async(AbstractBaseUser.acheck_password)


def _sync(original: Callable[[Any, str], bool]) -> Callable[[Any, str], bool]:
    @sensitive_variables()
    def check_password(self: Any, raw_password: str) -> bool:
        """Whether the password is right; its hash is brought up to date where it has to be."""
        return _checked(self, raw_password) if _known(self) else original(self, raw_password)

    check_password.stockade = True  # type: ignore[attr-defined]
    return check_password


def _async(original: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    @sensitive_variables()
    async def acheck_password(self: Any, raw_password: str) -> bool:
        """As `check_password`."""
        if not _known(self):
            return bool(await original(self, raw_password))
        return await sync_to_async(_checked)(self, raw_password)

    return acheck_password


def _known(user: Any) -> bool:
    return configured() and user.pk is not None and not user._state.adding  # noqa: SLF001 - Django's documented way


@sensitive_variables()
def _checked(user: Any, raw_password: str) -> bool:
    before, overtaken = user.password, False

    def setter(raw: str) -> None:
        nonlocal overtaken
        user.set_password(raw)
        user._password = None  # noqa: SLF001 - as Django does: this is no change of the password
        overtaken = not _written(user, before)

    if not check_password(raw_password, before, setter):
        return False
    if overtaken:  # by another login with the same password, by a change of it, or by the end of the user
        try:
            user.refresh_from_db(using=_database(user), fields=["password"])
        except ObjectDoesNotExist:
            return False
        return check_password(raw_password, user.password)
    return True


def _written(user: Any, before: str) -> bool:
    """Write the new hash over the one that was verified; False where another stands there by now."""
    using = _database(user)
    rows = type(user)._base_manager.using(using)  # noqa: SLF001 - also whom a manager hides
    # The user's epoch first, as whoever saves a user does.
    with truth.changing([subject_key(tenant.subject(user.pk))], using=using):
        if not rows.filter(pk=user.pk, password=before).update(password=user.password):
            return False
        user.save(update_fields=["password"], using=using)
    return True


def _database(user: Any) -> str:
    return router.db_for_write(type(user), instance=user)
