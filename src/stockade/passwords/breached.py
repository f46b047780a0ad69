"""`BreachedPassword`: refuses passwords that others have used and lost, by a file or by Django's common ones."""

from __future__ import annotations

import os
import threading
from typing import Any

from django.core.exceptions import ValidationError
from django.views.decorators.debug import sensitive_variables

from stockade.core.errors import ConfigurationError
from stockade.passwords.common import is_common
from stockade.passwords.filed import BreachList, BrokenList

_opened: dict[str, BreachList] = {}
_lock = threading.Lock()


def opened(path: str) -> BreachList:
    """The list of that file, opened and checked once a process.

    Raises:
        ConfigurationError: E241, it cannot be read, is none, or was damaged.
    """
    found = _opened.get(path)
    if found is None:
        with _lock:
            found = _opened.get(path)
            if found is None:
                try:
                    found = _opened[path] = BreachList(path)
                except (OSError, BrokenList) as error:
                    raise _unusable(path, error) from None
    return found


@sensitive_variables()
def is_listed(password: str, path: str) -> bool:
    """Whether a password is in the list of that file.

    Raises:
        ConfigurationError: as `opened`.
    """
    found = opened(path)
    try:
        return password in found
    except (OSError, BrokenList):
        # Another was written over it, instead of beside it. If that is whole by now, it is the list.
        with _lock:
            if _opened.get(path) is found:
                del _opened[path]
    try:
        return password in opened(path)
    except (OSError, BrokenList) as error:
        raise _unusable(path, error) from None


def _unusable(path: str, error: OSError | BrokenList) -> ConfigurationError:
    why = f"{path} cannot be read: {error.strerror}." if isinstance(error, OSError) else str(error)
    return ConfigurationError(
        "stockade.E241",
        f"The list of breached passwords: {why}",
        f"Make it anew: `stockade passwords build FILE... --to {path}`; or leave `path` out.",
    )


class BreachedPassword:
    """For AUTH_PASSWORD_VALIDATORS (ASVS 5.0, 6.2.4 and 6.2.12).

    Args:
        path: of a file that `stockade passwords build` has made. Without one only the common passwords are known.
            It is opened by the first password that is validated; `check` and the start open it, too.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = None if path is None else os.fspath(path)

    @sensitive_variables()
    def validate(self, password: str, user: Any = None) -> None:
        """Refuse a known one.

        Raises:
            ValidationError: ``password_breached``.
            ConfigurationError: the file cannot be read; then no password is taken.
        """
        if is_common(password) or (self.path is not None and is_listed(password, self.path)):
            raise ValidationError(
                "This password is known from breaches of other services. Choose another one.",
                code="password_breached",
            )

    def get_help_text(self) -> str:
        """For forms."""
        return "Your password can't be one that is known from breaches of other services."
