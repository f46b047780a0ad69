"""The string that `secret` returns: a real `str`, because Django wants one, that does not show itself in a repr."""

from __future__ import annotations

from typing import Any

SHOWN = "Secret('**********')"


class Secret(str):
    """A str whose repr is redacted; otherwise it behaves as the text it holds.

    `settings.SECRET_KEY` must be a str: Django signs with ``str(key).encode()`` and copies DATABASES. So `str()`,
    f-strings, ``%s`` and JSON give the value, and a repr does not: tracebacks with locals, Django's debug page,
    pytest's assertions, Sentry's frames and ``print(settings.DATABASES)`` all show reprs. What is derived from it
    (a slice, a concatenation) is a plain str. Where nothing has to take a str, ask for ``cast=SecretStr``.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return SHOWN

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self


def tidy(text: str) -> str:
    """The secret in what a file or variable holds.

    One line end is taken off the end (editors, `echo` and `kubectl` leave one), and the mark that Windows' editors put
    before a text. A PEM document that was folded into
    one line with literal ``\\n``, as some platforms want it, gets its lines back.
    """
    text = text.removeprefix("\ufeff").removesuffix("\n").removesuffix("\r")
    if text.startswith("-----BEGIN ") and "\n" not in text:
        text = text.replace("\\r\\n", "\n").replace("\\n", "\n").removesuffix("\n")
    return text


def malformed(text: str) -> str | None:
    """Why `text` cannot be a secret that somebody meant to write, in words that do not quote it; None if it can."""
    if "\0" in text:
        return "contains a NUL character"
    if "\n" not in text and text != text.strip():
        return "begins or ends with white space"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "is not UTF-8"
    return None
