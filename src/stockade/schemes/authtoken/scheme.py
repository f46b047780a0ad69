"""The scheme `authtoken`: a token of the package is taken where an import is, by its digest in our own table."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from stockade.core.errors import InvalidCredential
from stockade.schemes.authtoken import table
from stockade.schemes.authtoken.keeping import keep
from stockade.schemes.opaque import rows
from stockade.schemes.opaque.scheme import OpaqueScheme, Token
from stockade.schemes.opaque.shapes import TOKEN, Shape
from stockade.schemes.shape import UserState


class _Hex(Shape):
    """40 hex digits."""

    __slots__ = ()

    def looks_mine(self, value: str) -> bool:
        """Whether `value` is such as the package makes."""
        return table.is_key(value)

    is_whole = looks_mine


class AuthtokenScheme(OpaqueScheme):
    """Implements `stockade.schemes.protocol.Scheme` for imported tokens."""

    def __init__(self) -> None:
        super().__init__(_Hex(*TOKEN))
        self.name = table.NAME

    def find(self, value: str) -> rows.Found | None:
        """Our row; made now, where the package has made the token since the import."""
        return self._imported(value) or rows.on_snapshot_of_now(lambda: self._take_over(value))

    def _imported(self, value: str) -> rows.Found | None:
        return rows.find(value, TOKEN.kind, imported=True)

    def _take_over(self, value: str) -> rows.Found | None:
        if not table.installed():
            return None
        row: Any = table.theirs().filter(key=value).values_list("key", "user_id", "created").first()
        if row is None:
            return None
        with transaction.atomic(using=rows.database()):
            if not table.hold_open():
                return None
            keep([row])
        return self._imported(value)

    def judge(self, token: Token, user: UserState, subject: str) -> None:
        """As for any other; and until the package's table is erased it must have the token still.

        Raises:
            InvalidCredential: the password is another than it was, or old code has deleted the token.
        """
        super().judge(token, user, subject)
        if token.linked and table.gone([token]):
            raise InvalidCredential(reason="ended")
