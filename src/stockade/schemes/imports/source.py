"""A table of another package: read, and in step with ours until it is erased."""

from __future__ import annotations

import datetime
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from django.apps import apps
from django.db import router, transaction
from django.db.models import F

from stockade.core import clock, tenant
from stockade.models import OpaqueToken
from stockade.schemes.moving import Import
from stockade.schemes.opaque.keys import digest_keys, key_named
from stockade.schemes.opaque.rows import database
from stockade.schemes.opaque.shapes import Shape
from stockade.truth.tokens import Ended


class Held(NamedTuple):
    """What a package's table says of one credential.

    Args:
        key: its primary key there.
        value: what our digest is made of; "" for one that is not taken.
        visible: how it begins; safe to show.
        live: whether it was not revoked there.
        slow: whether its hash is a slow one: then it says nothing of the digest until it is shown, and `value` stands
            in its place.
    """

    key: Any
    value: str
    user: Any
    visible: str
    name: str
    created: datetime.datetime
    expires: datetime.datetime | None = None
    live: bool = True
    slow: bool = False

    @property
    def over(self) -> bool:
        """Whether it is revoked there, or has run out."""
        return not self.live or (self.expires is not None and self.expires <= clock.now_datetime())


class Row(Protocol):
    """A row of ours, or what was read of one."""

    @property
    def id(self) -> Any:
        """Its key."""
        ...

    @property
    def user_id(self) -> Any:
        """Whose it is; None for a service's."""
        ...

    @property
    def visible(self) -> str:
        """How it begins."""
        ...

    @property
    def digest(self) -> str:
        """Of the credential."""
        ...

    @property
    def digest_key(self) -> str:
        """Which key made it."""
        ...


class Source(ABC):
    """One package whose credentials are imported.

    name: as in SCHEMES and in the command.
    app: as in INSTALLED_APPS.
    origin: of `OpaqueToken.Origin`.
    reason: why a credential has ended that its table has no more; at most 32 characters, and ends with `GONE_THERE`.
    columns: of its table, the primary key first; `held` reads them.
    created: the column that says since when; written to take a lock.
    changes: whether a row of it may change otherwise than by going.
    thing: what the command calls one.
    """

    name: str
    app: str
    origin: str
    reason: str
    columns: tuple[str, ...]
    created = "created"
    changes = True
    thing = "token"

    # -- of each package ---------------------------------------------------------------------------------------

    @abstractmethod
    def model(self) -> Any:
        """The package's model."""

    @abstractmethod
    def shape(self) -> Shape:
        """What its credentials look like, and how they are shown."""

    @abstractmethod
    def held(self, row: tuple[Any, ...]) -> Held:
        """What `columns` of a row say."""

    @abstractmethod
    def value_of(self, shown: str) -> str:
        """What our digest of a credential is made of."""

    @abstractmethod
    def shown(self, value: str) -> Held | None:
        """The package's row of a credential that was shown, if it is good there."""

    @abstractmethod
    def near(self, rows: list[Any]) -> Any:
        """The package's rows among which those of these rows of ours are."""

    def end_there(self, rows: Any) -> None:
        """End rows of the package's table, as its own code does; without signals, for we are being told already."""
        rows._raw_delete(rows.db)  # noqa: SLF001

    def bound_there(self, rows: Any, until: datetime.datetime) -> None:  # noqa: B027 - tokens are not rotated
        """Give rows of the package's table an end, where its credentials are keys."""

    def ready(self, held: list[Held]) -> list[Held]:
        """Those whose digest we have, so that the package's row can go."""
        return held

    def current(self, row: Any, held: Held | None) -> datetime.datetime | None:
        """When a credential that is being used ends; may put that off where the package does so.

        Args:
            row: ours.
            held: the package's, until it is erased.
        """
        found: datetime.datetime | None = row.expires_at if held is None else held.expires
        return found

    # -- their table -------------------------------------------------------------------------------------------

    def installed(self) -> bool:
        """Whether the package's app, and so its table, is there."""
        return apps.is_installed(self.app)

    def theirs(self) -> Any:
        """The package's rows, where they are written."""
        found = self.model()
        return found._base_manager.using(router.db_for_write(found))  # noqa: SLF001

    def read(self, rows: Any) -> list[Held]:
        """What rows of the package's table say."""
        return [self.held(row) for row in rows.values_list(*self.columns)]

    def of(self, instance: Any) -> Held:
        """What an instance of the package's model says."""
        return self.held(tuple(getattr(instance, name) for name in self.columns))

    def beside(self, rows: Iterable[Row]) -> dict[Any, Held] | None:
        """By the ids of rows of ours what the package's table says of each: nothing if old code has deleted it there.

        None without the app: then there is no such code, and what was imported stands by itself.
        """
        if not self.installed():
            return None
        wanted = list(rows)
        listed: dict[Any, list[Held]] = {}
        for held in self.read(self.near(wanted)):
            listed.setdefault(held.user, []).append(held)
        pairs = ((row.id, self._among(row, listed.get(row.user_id, []))) for row in wanted)
        return {id: held for id, held in pairs if held is not None}

    def _among(self, row: Row, some: list[Held]) -> Held | None:
        key = key_named(row.digest_key)
        if key is None:
            return None
        return next((held for held in some if key.digest(held.value) == row.digest), None)

    # -- our table ---------------------------------------------------------------------------------------------

    def ours(self) -> Any:
        """Our rows of imported credentials, of the tenant at hand."""
        rows = OpaqueToken.objects.using(database())
        return rows.filter(origin=self.origin, tenant=tenant.now())

    def known(self, held: Iterable[Held]) -> dict[Any, tuple[Any, bool]]:
        """Of these, those that are imported: by their keys the id of our row, and whether it has not ended."""
        listed = list(held)
        found: dict[Any, tuple[Any, bool]] = {}
        for digest_key in digest_keys():
            by_digest = {digest_key.digest(one.value): one.key for one in listed}
            rows = self.ours().filter(digest__in=list(by_digest)).values_list("digest", "pk", "ended_at")
            found.update({by_digest[digest]: (pk, ended is None) for digest, pk, ended in rows})
        return found

    def forget(self, ended: list[Ended], using: str) -> None:
        """For `on_end`: what ends here ends in the package's table, too, for processes that still go by that.

        So it also stays ended when the import is taken back.
        """
        self._follow(ended, using, self.end_there)

    def follow_overlap(self, token: Ended, until: datetime.datetime, using: str) -> None:
        """For `on_overlap`: what was rotated here ends there, too.

        Else old processes would go on taking it, and so would an import that finds no row of it here any more.
        """
        self._follow([token], using, lambda rows: self.bound_there(rows, until))

    def _follow(self, tokens: list[Ended], using: str, write: Callable[[Any], None]) -> None:
        """Write to the package's rows of these, in their transaction or after it."""
        mine = [row for row in tokens if row.linked and row.origin == self.origin]
        beside = self.beside(mine) if mine else None
        if not beside:
            return
        rows = self.theirs().filter(pk__in=[held.key for held in beside.values()])
        if rows.db == using:
            write(rows)
        else:
            transaction.on_commit(lambda: write(rows), using=using)

    # -- the import --------------------------------------------------------------------------------------------

    def imports(self) -> Import:
        """The import: each tenant has one, as it has a table of the package."""
        whose = tenant.now()
        key = f"{self.name}:{hashlib.sha256(whose.encode()).hexdigest()[:20]}" if whose else self.name
        return Import(self.name, key, database())

    def hold_open(self) -> bool:
        """Whether the package's table counts now; in a transaction it stays so until that ends."""
        still = self.imports().rows().filter(undone_at=None, access_until=None)
        return bool(still.update(judged_by=F("judged_by")))


def option(name: str, key: str, otherwise: Any) -> Any:
    """What a package's own setting, a mapping, says: it holds though the package is not installed any more."""
    from django.conf import settings

    found: Mapping[str, Any] = getattr(settings, name, None) or {}
    return found.get(key, otherwise)
