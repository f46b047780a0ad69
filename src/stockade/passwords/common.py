"""The passwords that are known without any file: Django's own list, and what people make of its entries."""

from __future__ import annotations

import re
from functools import cache

_TAIL = re.compile(r"[\W\d_]{1,4}\Z")
_SHORTEST = 4  # characters; shorter ones are part of too much
_LEET = str.maketrans("@4301!5$7", "aaeoiisst")


@cache
def listed() -> frozenset[str]:
    """The common passwords that Django brings along, in lower case."""
    from django.contrib.auth.password_validation import CommonPasswordValidator

    return frozenset(CommonPasswordValidator().passwords)


def plain(text: str) -> str:
    """In lower case, with the letters that digits and signs are often put for."""
    return text.casefold().translate(_LEET)


def is_common(password: str) -> bool:
    """Whether it is in the list: in capitals too, with signs for letters, or with up to four digits or signs behind."""
    known, lower = listed(), password.casefold()
    if lower.strip() in known:
        return True
    bases = {plain(lower), _TAIL.sub("", lower), plain(_TAIL.sub("", lower)), _TAIL.sub("", plain(lower))}
    return any(len(base) >= _SHORTEST and base in known for base in bases)
