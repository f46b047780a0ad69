"""The schemes of imported credentials: taken where an import is, by their digest in our own table."""

from __future__ import annotations

import datetime
from functools import partial

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from stockade.core.errors import InvalidCredential
from stockade.schemes import attempts
from stockade.schemes.imports.api_keys import DRF_API_KEY, DrfApiKey
from stockade.schemes.imports.keeping import keep
from stockade.schemes.imports.source import Held, Source
from stockade.schemes.opaque import rows
from stockade.schemes.opaque.keys import digest_keys
from stockade.schemes.opaque.scheme import OpaqueScheme, Token
from stockade.schemes.shape import UserState
from stockade.truth.tokens import end_tokens


class ImportedScheme(OpaqueScheme):
    """Implements `stockade.schemes.protocol.Scheme` for what was imported.

    Args:
        source: the package.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source.shape())
        self.name = source.name
        self._source = source

    def find(self, value: str) -> rows.Found | None:
        """Our row; made now, where the package has made the credential since the import."""
        return self._imported(value) or rows.on_snapshot_of_now(lambda: self._take_over(value))

    def _imported(self, value: str) -> rows.Found | None:
        return self._row_of(self._source.value_of(value))

    def _row_of(self, digested: str) -> rows.Found | None:
        return rows.find(digested, self._shape.kind, origin=self._source.origin)

    def _take_over(self, value: str) -> rows.Found | None:
        held = self._source.shown(value) if self._source.installed() else None
        if held is None:
            return None
        with transaction.atomic(using=rows.database()):
            if not self._source.hold_open():
                return None
            keep(self._source, [held])
        return self._imported(value)

    def expiry(self, token: Token) -> datetime.datetime | None:
        """As the package's table has it, which until it is erased must have the credential still.

        Raises:
            InvalidCredential: old code has deleted or revoked it there.
        """
        beside = self._source.beside([token]) if token.linked else None
        held = None if beside is None else beside.get(token.id)
        if beside is not None and (held is None or not held.live):
            raise InvalidCredential(reason="ended")
        if token.replaced_by is not None and token.expires_at is not None:
            # Rotated here: the old one ends with the overlap, whatever the package's table says.
            ends = (token.expires_at, held.expires if held is not None else None)
            return min(end for end in ends if end is not None)
        expires = self._source.current(token, held)
        if held is not None and expires == held.expires != token.expires_at:  # else it was just put off
            rows.note(lambda: self._source.ours().filter(pk=token.id).update(expires_at=expires))
        return expires

    def judge(self, token: Token, user: UserState, subject: str) -> None:
        """As ours; and what a new password has ended ends in the package's table.

        A process without Stockade tells nobody of the new password, and old code would give the user that token again.
        """
        try:
            super().judge(token, user, subject)
        except InvalidCredential as error:
            if token.linked:
                rows.note(partial(end_tokens, ids=[token.id], reason=error.reason))
            raise


class ApiKeyScheme(ImportedScheme):
    """Keys of drf-api-key, of which those made before its 3.0 have a slow hash: it is asked once in a key's life."""

    def __init__(self) -> None:
        super().__init__(DRF_API_KEY)

    def _take_over(self, value: str) -> rows.Found | None:
        source: DrfApiKey = DRF_API_KEY
        held = source.shown(value) if source.installed() else None
        if held is None:
            return None
        waiting = self._row_of(source.waiting(held))
        if waiting is None:
            taken = super()._take_over(value)
            waiting = self._row_of(source.waiting(held)) if taken is None else None
            if waiting is None:
                return taken
        if waiting.ended_at is not None or (held.slow and not self._matches(value, held)):
            return None
        rows.note(partial(self._settle, waiting, source.value_of(value)))
        return waiting

    @sensitive_variables()
    def _matches(self, value: str, held: Held) -> bool:
        """Whether a key has a slow hash, which who knows a prefix must not have us compute as often as he likes.

        Raises:
            TooMany: wrong secrets were shown for this prefix, as often as LIMITS["login"] says. Unavailable: the state
            is away, so that nobody counts them.
        """
        place = attempts.reserve([("login", f"drf-api-key\0{held.visible}")])
        try:
            found = DRF_API_KEY.matches(value, held)
        except BaseException:
            place.refund()
            raise
        if found:
            place.refund()
        return found

    def _settle(self, waiting: rows.Found, digested: str) -> None:
        """Put our digest in the place of the slow hash."""
        key = digest_keys()[0]
        found = self._source.ours().filter(pk=waiting.id, digest=waiting.digest)
        found.update(digest=key.digest(digested), digest_key=key.name)
