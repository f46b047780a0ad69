"""What every move from something older goes by: tables in steps, and the row that says whether an import is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import F

from stockade import truth
from stockade.core import clock
from stockade.events import Event, emit
from stockade.gate.protocol import WORLD
from stockade.models import TokenImport

T = TypeVar("T")

CHUNK = 500  # rows in one transaction: SQLite takes 999 parameters

Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, of: int) -> None:
    """For those whom nobody watches."""


def steps(rows: Any, tell: Progress, what: str, size: int = 0) -> Iterator[list[Any]]:
    """Rows in steps, each a query of its own: no cursor is held open, and none is lost when others write.

    Args:
        rows: a queryset, of instances or of `values_list` with the primary key first.
        tell: called when a step has been worked through.
        what: for `tell`: what is gone through.
        size: rows of one step; by default `CHUNK`.
    """
    ordered = rows.order_by("pk")
    total, done, after = rows.count(), 0, None
    while some := list((ordered if after is None else ordered.filter(pk__gt=after))[: size or CHUNK]):
        last = some[-1]
        after = last[0] if isinstance(last, tuple) else last.pk
        yield some
        done += len(some)
        tell(what, done, max(total, done))


@dataclass(frozen=True, slots=True)
class Import:
    """The import from one package: open or not, for all workers at once.

    Args:
        source: the package, for the log.
        key: of the import's row.
        using: alias of the database that holds it, and what is imported.
    """

    source: str
    key: str
    using: str

    def rows(self) -> Any:
        """Its row, if there is one."""
        return TokenImport.objects.using(self.using).filter(pk=self.key)

    def open(
        self,
        decide: Callable[[TokenImport | None], dict[str, Any]],
        details: Callable[[], dict[str, str | int]],
    ) -> None:
        """Take the package's credentials from now on, and tell of it.

        Args:
            decide: gives what the row is to say, by what it says, None for none; nothing where it may stay as it is.
            details: for the log.

        Raises:
            Unavailable: the state is away.
        """
        with truth.changing([WORLD], using=self.using):
            wanted = decide(self.rows().first())
            if not wanted:
                return
            fields = {**wanted, "opened_at": clock.now_datetime(), "undone_at": None}
            TokenImport.objects.using(self.using).update_or_create(pk=self.key, defaults=fields)
            self.tell("import_opened", details())

    def undo(self, take_back: Callable[[TokenImport], T]) -> T | None:
        """Take nothing of the package's any more; None where there is no import.

        Args:
            take_back: does what else there is to do, and is given the row as it was. What it raises undoes nothing.

        Raises:
            Unavailable: the state is away.
        """
        with truth.changing([WORLD], using=self.using):
            # First of all: whoever takes a credential over, or erases one, at this moment holds this row.
            if not self.rows().update(judged_by=F("judged_by")):
                return None
            found: TokenImport = self.rows().get()
            if found.undone_at is None:
                self.rows().update(undone_at=clock.now_datetime())
                self.tell("import_undone", {})
            return take_back(found)

    def tell(self, reason: str, details: dict[str, str | int]) -> None:
        """Tell the log; in the transaction at hand."""
        emit(
            Event.AUTHZ_CHANGE, reason=reason, details={"source": self.source, **details}, using=self.using
        )  # fmt: skip
