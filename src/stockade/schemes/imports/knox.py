"""Tokens of django-rest-knox, whose table holds SHA-512 digests: of those our own digest is made."""

from __future__ import annotations

import datetime
import re
from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils.module_loading import import_string

from stockade.core import clock
from stockade.models import OpaqueToken
from stockade.schemes.imports.source import Held, Source, option
from stockade.schemes.opaque.life import GONE_THERE
from stockade.schemes.opaque.rows import note
from stockade.schemes.opaque.shapes import TOKEN, Shape

# TOKEN_PREFIX of at most 10 characters, which a view may choose, and then AUTH_TOKEN_CHARACTER_LENGTH hex digits. With
# fewer than 32 (128 bits) they could be guessed.
_TOKEN = re.compile(r"[!-~]{0,10}[0-9a-f]{32,256}", re.ASCII)
SHORTEST = 32


def knox(key: str, otherwise: Any) -> Any:
    """A setting of the package."""
    return option("REST_KNOX", key, otherwise)


class _Hex(Shape):
    """Hex digits behind a short prefix."""

    __slots__ = ()

    def looks_mine(self, value: str) -> bool:
        """Whether `value` is such as the package makes."""
        return _TOKEN.fullmatch(value) is not None

    is_whole = looks_mine


class Knox(Source):
    """The package's table of tokens."""

    name = "knox"
    app = "knox"
    origin = OpaqueToken.Origin.KNOX.value
    reason = f"knox{GONE_THERE}"
    columns = ("digest", "token_key", "user_id", "created", "expiry")

    def model(self) -> Any:
        """AuthToken, or what the project has in its place."""
        named = knox("TOKEN_MODEL", getattr(settings, "KNOX_TOKEN_MODEL", "knox.AuthToken"))
        return apps.get_model(named)

    def shape(self) -> Shape:
        """Shown under AUTH_HEADER_PREFIX."""
        word = str(knox("AUTH_HEADER_PREFIX", "Token"))
        return _Hex(*TOKEN._replace(keywords=(word.lower(),), challenge=word))

    def held(self, row: tuple[Any, ...]) -> Held:
        """A token by the package's digest of it."""
        digest, visible, user, created, expiry = row
        return Held(digest, f"knox:{digest}", user, visible[:8], self.name, created, expiry)

    def value_of(self, shown: str) -> str:
        """The package's digest: a whole token of at least 128 random bits gives it, and it gives nobody the token."""
        algorithm = knox("SECURE_HASH_ALGORITHM", "hashlib.sha512")
        digest = (import_string(algorithm) if isinstance(algorithm, str) else algorithm)()
        digest.update(shown.encode())
        return f"knox:{digest.hexdigest()}"

    def shown(self, value: str) -> Held | None:
        """Its row, if it has not run out."""
        rows = self.theirs().filter(pk=self.value_of(value).partition(":")[2])
        return next((held for held in self.read(rows) if not held.over), None)

    def near(self, rows: list[Any]) -> Any:
        """Those of the same users; for one token those that begin as it does, for a user may have thousands."""
        found = self.theirs().filter(user_id__in={row.user_id for row in rows})
        return found.filter(token_key__startswith=rows[0].visible) if len(rows) == 1 else found

    def current(self, row: Any, held: Held | None) -> datetime.datetime | None:
        """With AUTO_REFRESH a use puts the end off, in both tables, as the package does."""
        expires = super().current(row, held)
        now = clock.now_datetime()
        if expires is None or expires <= now or not knox("AUTO_REFRESH", False):
            return expires
        lifetime = knox("TOKEN_TTL", datetime.timedelta(hours=10))
        if lifetime is None:
            return expires
        until: datetime.datetime = now + lifetime
        most = knox("AUTO_REFRESH_MAX_TTL", None)
        if most is not None:
            until = min(until, row.created_at + most)
        if (until - expires).total_seconds() <= knox("MIN_REFRESH_INTERVAL", 60):
            return expires
        note(lambda: self._put_off(row, held, until))
        return until

    def _put_off(self, row: Any, held: Held | None, until: datetime.datetime) -> None:
        self.ours().filter(pk=row.id).update(expires_at=until)
        if held is not None:
            self.theirs().filter(pk=held.key).update(expiry=until)


KNOX = Knox()
