"""How users prove who they are, by the names of RFC 8176: read, checked and written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

PASSWORD = "pwd"  # noqa: S105 - the name of a method
ONE_TIME = "otp"
SEVERAL = "mfa"
SMS = "sms"
HARDWARE_KEY = "hwk"
SOFTWARE_KEY = "swk"
PRESENCE = "user"
PIN = "pin"

NONE: frozenset[str] = frozenset()
MOST = 16
LONGEST = 100

# Another issuer may use names of its own, as Entra does ("rsa", "wia"); none has a space in it.
_NAME = re.compile(r"[!-~]{1,32}", re.ASCII)
_CONTEXT = re.compile(r"[!-~]{1,100}", re.ASCII)


def methods(names: Iterable[str]) -> frozenset[str]:
    """Names of methods, as a set that all callers who proved themselves alike share.

    Args:
        names: such as ``["pwd", "otp"]``, not one text.

    Raises:
        ValueError: they are none: no text, empty, with spaces, or too many.
    """
    if isinstance(names, str):
        raise ValueError(f'Write a list of names, such as ["{PASSWORD}", "{ONE_TIME}"], not a text.')
    found = tuple(names)
    if not all(isinstance(name, str) for name in found):
        raise ValueError("The names of methods are strings.")
    return _shared(found)


@lru_cache(maxsize=1024)
def _shared(names: tuple[str, ...]) -> frozenset[str]:
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} names no method: at most 32 visible characters of ASCII, no spaces.")
    found = frozenset(names)
    if len(names) > MOST or len(text(found)) > LONGEST:
        raise ValueError(f"Name at most {MOST} methods, of {LONGEST} characters together.")
    return found


def text(names: Iterable[str]) -> str:
    """Methods as a column keeps them: sorted, with spaces between."""
    return " ".join(sorted(names))


def of_text(value: str) -> frozenset[str]:
    """What `text` has written."""
    return _shared(tuple(value.split())) if value else NONE


def context(value: object) -> str:
    """An `acr`, or "" for none.

    Raises:
        ValueError: it is none: no text, with spaces, or longer than a column of ours.
    """
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not _CONTEXT.fullmatch(value):
        raise ValueError("An acr is at most 100 visible characters of ASCII, without spaces.")
    return value
