"""`ContextWords`: refuses passwords that are little more than the name of the service or of the user."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.views.decorators.debug import sensitive_variables

from stockade.passwords.common import plain

_SHORTEST = 4  # characters of a word that counts
_PART = re.compile(r"[\W_]+")
# What is in the names of hosts and packages of everybody.
_NOBODYS = frozenset({
    "localhost", "testserver", "config", "conf", "core", "project", "mysite", "backend", "server", "service",
    "settings", "urls", "site", "apps", "main", "prod", "staging", "test", "example", "internal", "local",
})  # fmt: skip


class ContextWords:
    """For AUTH_PASSWORD_VALIDATORS (ASVS 5.0, 6.2.11).

    The words are those given here, the project's package, the names of its hosts, and the user's own names and
    address. A password may contain them, if the rest of it would do as a password.

    Args:
        words: further names: of the service, of the firm, of its products.
        rest: how many characters must be left besides them.
    """

    def __init__(self, words: Sequence[str] = (), rest: int = 8) -> None:
        self.rest = rest
        self.words = frozenset(_parts([*words, *_of_project()], _NOBODYS)) | frozenset(_parts(words, ()))

    @sensitive_variables()
    def validate(self, password: str, user: Any = None) -> None:
        """Refuse one that is little else.

        Raises:
            ValidationError: ``password_context``.
        """
        left = text = plain(password)
        for word in sorted(self.words | frozenset(_parts(_of_user(user), ())), key=len, reverse=True):
            left = left.replace(word, "")
        if left != text and len(left) < self.rest:
            raise ValidationError(
                "This password is little more than a name that everybody knows here. Choose another one.",
                code="password_context",
            )

    def get_help_text(self) -> str:
        """For forms."""
        return "Your password can't be little more than your own name or that of this service."


def _parts(texts: Iterable[str], but: Iterable[str]) -> Iterator[str]:
    leave = set(but)
    for text in texts:
        for word in {text, *_PART.split(text)}:
            folded = plain(word)
            if len(folded) >= _SHORTEST and word.casefold() not in leave:
                yield folded


def _of_project() -> list[str]:
    from django.conf import settings

    found = [str(getattr(settings, "ROOT_URLCONF", "") or "").partition(".")[0]]
    for host in settings.ALLOWED_HOSTS:
        name = str(host).strip(".[]")
        try:
            ipaddress.ip_address(name)
        except ValueError:
            found += name.split(".")[:-1]
    return found


def _of_user(user: Any) -> Iterator[str]:
    if user is None:
        return
    named = {getattr(type(user), "USERNAME_FIELD", "username"), getattr(type(user), "EMAIL_FIELD", "email")}
    for name in sorted(named | {"username", "email", "first_name", "last_name"}):
        value = getattr(user, name, None)
        if isinstance(value, str) and value:
            yield value
