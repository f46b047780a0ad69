"""The import from authtoken: each token becomes a digest, in steps; undone, or made final by erasing the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction
from django.db.models import F

from stockade import truth
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.events import Event, emit
from stockade.gate.protocol import WORLD
from stockade.models import TokenImport
from stockade.schemes.authtoken import table
from stockade.schemes.authtoken.keeping import Row, keep
from stockade.schemes.opaque.rows import database

CHUNK = 500  # rows in one transaction: SQLite takes 999 parameters

Progress = Callable[[str, int, int], None]


class Erased(Exception):
    """An import cannot be taken back any more."""


@dataclass(slots=True)
class Counts:
    """What an import finds, or would.

    Args:
        tokens: those that are taken, `new` of them for the first time.
        ended: those that were imported and revoked here, which the package's table should not have.
        shapes: those of another shape than 40 hex digits, which are not taken.
        gone: imported ones that the package's table has no more: they end.
        erased: those that were removed from the package's table.
    """

    tokens: int = 0
    new: int = 0
    ended: int = 0
    shapes: int = 0
    gone: int = 0
    erased: int = 0


def run(*, dry: bool = False, progress: Progress | None = None) -> Counts:
    """Import: from now on the package's tokens are taken where SCHEMES names `authtoken`.

    From the first moment: what a run that is interrupted has not come to, and what old code makes meanwhile, is
    imported when it is shown. Run it again for what is missing.

    Args:
        dry: only count.
        progress: called with what is gone through, how many are done, and how many there are.

    Raises:
        ConfigurationError: the package's app is not installed.
        Unavailable: the state is away.
    """
    _require_app()
    tell = progress or _silent
    if not dry:
        _open()
    found = Counts()
    for rows in _theirs(tell, "tokens"):
        _count(rows, found, dry)
    found.gone = _bury(dry, tell)
    return found


def undo() -> int | None:
    """Take the import back: our rows go, the package's table stands as ever; None where there is no import.

    What was revoked here was revoked there, and stays so.

    Raises:
        Erased: tokens were removed from the package's table, so that there is no way back.
        Unavailable: the state is away.
    """
    _require_app()
    alias = database()
    with truth.changing([WORLD], using=alias):
        # First of all: a token that is being taken over at this moment holds this row.
        if not table.imports().update(judged_by=F("judged_by")):
            return None
        if table.ours().filter(linked=False).exists():
            raise Erased(
                "Imported tokens were erased from the table of rest_framework.authtoken: they are good here alone. "
                'Keep "authtoken" in SCHEMES as long as clients use them, or revoke them.'
            )
        if table.imports().filter(undone_at=None).update(undone_at=clock.now_datetime()):
            emit(Event.AUTHZ_CHANGE, reason="import_undone", details={"source": table.NAME}, using=alias)
        rows = table.ours()
        count: int = rows.filter(ended_at=None).count()
        rows._raw_delete(alias)  # noqa: SLF001 - no signals: the world's epoch has everybody read again
    return count


def erase(*, progress: Progress | None = None) -> Counts:
    """Import what is missing, then remove the tokens from the package's table: the last step, with no way back.

    From then on our rows stand by themselves, and a token that old code puts into the table opens nothing.

    Raises: as `run`.
    """
    tell = progress or _silent
    found = run(progress=progress)
    _wipe()
    for rows in _theirs(tell, "erased"):
        found.erased += _erase([row for row in rows if table.is_key(row[0])])
    found.gone += _bury(False, tell)
    with transaction.atomic(using=database()):
        if table.hold_open():
            table.imports().update(access_until=clock.now_datetime())
            details: dict[str, str | int] = {"source": table.NAME, "count": found.erased}
            emit(Event.AUTHZ_CHANGE, reason="import_erased", details=details, using=database())
    return found


def _silent(what: str, done: int, of: int) -> None:
    """Nobody watches."""


def _require_app() -> None:
    if not table.installed():
        raise ConfigurationError(
            "stockade.E108",
            f"{table.APP} is not in INSTALLED_APPS.",
            "Put it back, at least for the import: its table has the tokens.",
        )


def _open() -> None:
    alias = database()
    with truth.changing([WORLD], using=alias):
        found, new = TokenImport.objects.using(alias).get_or_create(
            pk=table.source(),
            defaults={"judged_by": TokenImport.Judge.TABLES, "opened_at": clock.now_datetime()},
        )
        if new or found.undone_at is not None or found.access_until is not None:
            table.imports().update(undone_at=None, access_until=None, opened_at=clock.now_datetime())
            details: dict[str, str | int] = {"source": table.NAME, "count": table.theirs().count()}
            emit(Event.AUTHZ_CHANGE, reason="import_opened", details=details, using=alias)


def _theirs(tell: Progress, what: str) -> Iterator[list[Row]]:
    """The package's rows in steps, each a query of its own: no cursor is held open, none is lost when others write."""
    total, done, after = table.theirs().count(), 0, ""
    while True:
        rows = table.theirs().filter(key__gt=after).order_by("key")
        some = list(rows.values_list("key", "user_id", "created")[:CHUNK])
        if not some:
            return
        after = some[-1][0]
        yield some
        done += len(some)
        tell(what, done, max(total, done))


def _count(rows: list[Row], found: Counts, dry: bool) -> None:
    good = [row for row in rows if table.is_key(row[0])]
    found.shapes += len(rows) - len(good)
    if dry:
        new = len(good) - len(table.known(key for key, _, _ in good))
    else:
        with transaction.atomic(using=database()):
            new = keep(good) if table.hold_open() else 0
    live = [live for _, live in table.known(key for key, _, _ in good).values()]
    found.ended += live.count(False)
    found.new += new
    found.tokens += live.count(True) + (new if dry else 0)


def _bury(dry: bool, tell: Progress) -> int:
    """End imported tokens that the package's table has no more: without its app nothing would say so."""
    rows = table.ours().filter(linked=True, ended_at=None).order_by("pk")
    total, done, count, after = rows.count(), 0, 0, None
    while True:
        some = list((rows if after is None else rows.filter(pk__gt=after))[:CHUNK])
        if not some:
            return count
        after = some[-1].pk
        gone = table.gone(some)
        count += len(gone)
        if gone and not dry:
            truth.end_tokens(ids=gone, reason="authtoken_deleted")
        done += len(some)
        tell("imported", done, max(total, done))


def _erase(rows: list[Row]) -> int:
    """Make rows of ours independent, then remove theirs; what old code has deleted meanwhile stays deleted."""
    theirs = table.theirs().filter(key__in=[key for key, _, _ in rows])
    alias = theirs.db
    with transaction.atomic(using=alias), transaction.atomic(using=database()):
        theirs.update(created=F("created"))  # the lock first, also where a database takes none for reading
        there: list[Row] = list(theirs.values_list("key", "user_id", "created"))
        keep(there)
        ids: list[Any] = [id for id, _ in table.known(key for key, _, _ in there).values()]
        table.ours().filter(pk__in=ids).update(linked=False)
        keys = [key for key, _, _ in there]
        table.theirs().filter(key__in=keys)._raw_delete(alias)  # noqa: SLF001 - no signals: they go on here
        return len(keys)


def _wipe() -> None:
    """Have SQLite overwrite what it deletes, where it would else leave it in the file."""
    connection = connections[table.theirs().db]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")
