"""Content types that Django fails at while it makes the request, before any middleware: a server then says 500."""

from __future__ import annotations

import encodings
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest

from stockade.pipeline import registry as registries

UNREADABLE = "stockade_unreadable"  # on the request: its Content-Type says nothing that may be believed
_METHOD = "_set_content_type_params"  # of HttpRequest, from Django 1.11 to 6.1
_ODD_NAMES = 1000
# Python keeps for good the name of every codec that was asked for in vain (`encodings.search_function`), and Django
# asks for whatever a header names: 8 KB of memory for each request of a stranger who makes names up.
_asked: dict[str, object] = getattr(encodings, "_cache", {})
_ASCII = bytes(range(128)).replace(b"\\", rb"+AAA-\u0041")


@lru_cache(maxsize=64)
def harmless(charset: str) -> bool:
    """Whether ASCII means in `charset` what it says.

    Django decodes the query string by the body's charset. `hex` and `idna` decode no text, `utf-7` and
    `unicode_escape` make characters out of ASCII that nobody saw when the query string was judged: a NUL, say.
    """
    try:
        # With "replace" because Django decodes so, which not every codec can.
        return _ASCII.decode(charset, "replace") == _ASCII.decode("ascii")
    except (LookupError, ValueError):
        return False


def _forget_odd_names() -> None:
    for name, codec in list(_asked.items()):
        if codec is None:
            _asked.pop(name, None)


def restore(request: HttpRequest) -> None:
    """Have a marked request say what its Content-Type says, as Django reads it, where that is only recorded."""
    original = getattr(getattr(HttpRequest, _METHOD), UNREADABLE, None)
    if original is not None:
        with suppress(
            ValueError, LookupError, SuspiciousOperation, BadRequest
        ):  # Django would not have made it
            original(request, request.META)


def install() -> None:
    """Have requests whose Content-Type cannot be read made all the same, without one and marked; once."""
    original = getattr(HttpRequest, _METHOD)
    if hasattr(original, UNREADABLE):
        return

    def careful(self: HttpRequest, meta: Mapping[str, Any]) -> None:
        if len(_asked) > _ODD_NAMES:  # at every request: DRF asks for what an Accept header names
            _forget_odd_names()
        if not meta.get("CONTENT_TYPE"):
            original(self, meta)
            return
        try:
            original(self, meta)
            if self.encoding is None or harmless(self.encoding) or registries.current() is None:
                return
        except (ValueError, LookupError, SuspiciousOperation, BadRequest):  # BadRequest: Django 6.1
            if registries.current() is None:  # tests take the setting away: then nothing is but observed
                raise
        self.content_type, self.content_params = "", {}
        state = self.__dict__
        state["_encoding"] = None
        state.pop("GET", None)
        state[UNREADABLE] = True

    setattr(careful, UNREADABLE, original)
    setattr(HttpRequest, _METHOD, careful)
