"""The import from a package: each credential becomes a digest, in steps; undone, or made final by erasing the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connections, transaction
from django.db.models import F

from stockade import truth
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.database import again
from stockade.models import TokenImport
from stockade.schemes.imports.keeping import keep
from stockade.schemes.imports.source import Held, Source
from stockade.schemes.moving import Progress, silent, steps
from stockade.schemes.opaque.rows import database


class Erased(Exception):
    """An import cannot be taken back any more."""


@dataclass(slots=True)
class Counts:
    """What an import finds, or would.

    Args:
        tokens: those that are taken, `new` of them for the first time.
        ended: those that were imported and revoked here, which the package's table should not have.
        shapes: those of another shape than the package makes, which are not taken.
        over: those that have run out or are revoked in the package's table, which are not taken either.
        waiting: those of a slow hash that were not shown yet.
        gone: imported ones that the package's table has no more: they end.
        erased: those that were removed from the package's table.
    """

    tokens: int = 0
    new: int = 0
    ended: int = 0
    shapes: int = 0
    over: int = 0
    waiting: int = 0
    gone: int = 0
    erased: int = 0


def run(source: Source, *, dry: bool = False, progress: Progress | None = None) -> Counts:
    """Import: from now on the package's credentials are taken where SCHEMES names it.

    From the first moment: what a run that is interrupted has not come to, and what old code makes meanwhile, is
    imported when it is shown. Run it again for what is missing.

    Args:
        source: the package.
        dry: only count.
        progress: called with what is gone through, how many are done, and how many there are.

    Raises:
        ConfigurationError: the package's app is not installed.
        Unavailable: the state is away.
    """
    _require_app(source)
    tell = progress or silent
    if not dry:
        _open(source)
    found = Counts()
    for some in _theirs(source, tell, f"{source.thing}s"):
        _count(source, some, found, dry)
    found.gone = _bury(source, dry, tell)
    return found


def undo(source: Source) -> int | None:
    """Take the import back: our rows go, the package's table stands as ever; None where there is no import.

    What was revoked here was revoked there, and stays so.

    Raises:
        Erased: credentials were removed from the package's table, so that there is no way back.
        Unavailable: the state is away.
    """
    _require_app(source)
    return source.imports().undo(lambda _: _take_back(source))


def _take_back(source: Source) -> int:
    if source.ours().filter(linked=False).exists():
        raise Erased(
            f"Imported {source.thing}s were erased from the table of {source.app}: they are good here alone. "
            f'Keep "{source.name}" in SCHEMES as long as clients use them, or revoke them.'
        )
    rows = source.ours()
    count: int = rows.filter(ended_at=None).count()
    rows._raw_delete(database())  # noqa: SLF001 - no signals: the world's epoch has everybody read again
    return count


def erase(source: Source, *, progress: Progress | None = None) -> Counts:
    """Import what is missing, then remove it from the package's table: the last step, with no way back.

    From then on our rows stand by themselves, and what old code puts into the table opens nothing. What has a slow hash
    and was not shown yet stays in the table, for only there can it be verified.

    Raises: as `run`.
    """
    tell = progress or silent
    found = run(source, progress=progress)
    _wipe(source)
    for some in _theirs(source, tell, "erased"):
        # Again if it was overtaken: whoever ends one at this moment locks our row first, and the package's after it.
        found.erased += again(partial(_erase, source, some), database())
    found.gone += _bury(source, False, tell)
    with transaction.atomic(using=database()):
        if source.hold_open():
            source.imports().rows().update(access_until=clock.now_datetime())
            source.ours().exclude(ended_at=None).update(linked=False)  # `prune` may delete it now
            source.imports().tell("import_erased", {"count": found.erased})
    return found


def _require_app(source: Source) -> None:
    if not source.installed():
        raise ConfigurationError(
            "stockade.E108",
            f"{source.app} is not in INSTALLED_APPS.",
            f"Put it back, at least for the import: its table has the {source.thing}s.",
        )


def _open(source: Source) -> None:
    def decide(found: TokenImport | None) -> dict[str, Any]:
        if found is not None and found.undone_at is None and found.access_until is None:
            return {}
        return {"judged_by": TokenImport.Judge.TABLES, "access_until": None}

    source.imports().open(decide, lambda: {"count": source.theirs().count()})


def _theirs(source: Source, tell: Progress, what: str) -> Iterator[list[Held]]:
    for some in steps(source.theirs().values_list(*source.columns), tell, what):
        yield [source.held(row) for row in some]


def _count(source: Source, some: list[Held], found: Counts, dry: bool) -> None:
    shaped = [held for held in some if held.value]
    good = [held for held in shaped if not held.over]
    found.shapes += len(some) - len(shaped)
    found.over += len(shaped) - len(good)
    if dry:
        new = len(good) - len(source.known(good))
    else:
        with transaction.atomic(using=database()):
            new = keep(source, good) if source.hold_open() else 0
    live = [live for _, live in source.known(good).values()]
    found.waiting += sum(held.slow for held in good) if dry else len(good) - len(source.ready(good))
    found.ended += live.count(False)
    found.new += new
    found.tokens += live.count(True) + (new if dry else 0)


def _bury(source: Source, dry: bool, tell: Progress) -> int:
    """End imported credentials that the package's table has no more: without its app nothing would say so."""
    count = 0
    for some in steps(source.ours().filter(linked=True, ended_at=None), tell, "imported"):
        beside = source.beside(some) or {}
        gone = [row.pk for row in some if row.pk not in beside or not beside[row.pk].live]
        count += len(gone)
        if gone and not dry:
            truth.end_tokens(ids=gone, reason=source.reason)
    return count


def _erase(source: Source, some: list[Held]) -> int:
    """Make rows of ours independent, then remove theirs; what old code has deleted meanwhile stays deleted."""
    theirs = source.theirs().filter(pk__in=[held.key for held in some if held.value])
    alias = theirs.db
    with transaction.atomic(using=alias), transaction.atomic(using=database()):
        if not source.hold_open():  # somebody else has taken it back, or has erased the rest
            return 0
        # The lock first, also where a database takes none for reading.
        theirs.update(**{source.created: F(source.created)})
        there = [held for held in source.read(theirs) if not held.over]
        keep(source, there)
        ready = source.ready(there)
        known = source.known(ready)
        for held in ready:
            if (
                held.expires is not None and held.key in known
            ):  # it may have been put off since it was imported
                source.ours().filter(pk=known[held.key][0]).update(expires_at=held.expires)
        ids: list[Any] = [id for id, _ in known.values()]
        source.ours().filter(pk__in=ids).update(linked=False)
        keys = [held.key for held in ready]
        source.theirs().filter(pk__in=keys)._raw_delete(alias)  # noqa: SLF001 - no signals: they go on here
        return len(keys)


def _wipe(source: Source) -> None:
    """Have SQLite overwrite what it deletes, where it would else leave it in the file."""
    connection = connections[source.theirs().db]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")
