"""A bounded queue of records for the database: what does not fit is dropped and counted, nobody ever waits for room."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable

from stockade.core import clock
from stockade.events.catalogue import Kind, Level
from stockade.events.record import Record

# An attacker who floods the queue with cheap refusals must not push out the events that matter.
_RESERVED = 10  # percent of the queue that only critical events may use
_MINUTE = 60_000_000  # microseconds


class Marker:
    """Stands in the queue; `passed` is set when everything before it was written or dropped."""

    __slots__ = ("passed",)

    def __init__(self) -> None:
        self.passed = threading.Event()


class Backlog:
    """What waits for the database, and what did not fit.

    Args:
        size: how many records may wait; a tenth of it is for critical ones only.
        rows: how many refusals a minute are taken, and as many critical ones apart from them; 0 for no bound.
        report: makes the record that reports drops, counted by event tag.
    """

    def __init__(self, size: int, rows: int, report: Callable[[Counter[str]], Record]) -> None:
        self._size, self._rows, self._make_report = size, rows, report
        self._open_to_all = size - max(1, size * _RESERVED // 100)
        self._lock = threading.Lock()
        self._queue: deque[Record | Marker] = deque()
        self._lost: Counter[str] = Counter()
        self._report_at = 0
        self._minute = 0
        self._taken: Counter[bool] = Counter()  # in this minute, by whether they are critical
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def lost(self) -> bool:
        """Whether something was dropped that no report has told of."""
        return bool(self._lost)

    def put(self, record: Record) -> None:
        """Take a record, or drop and count it."""
        critical = record.event.level is Level.CRITICAL
        fits = len(self._queue) < (self._size if critical else self._open_to_all)
        if fits and self._rows and record.event.kind is not Kind.SYSTEM:
            # Critical ones too: a stranger can show a token in the query string as often as he likes.
            fits = not self._minute_is_full(critical)
        if fits:
            self._queue.append(record)
        else:
            self.drop([record])

    def _minute_is_full(self, critical: bool) -> bool:
        minute = clock.ticks() // _MINUTE
        if minute != self._minute:
            self._minute, self._taken = minute, Counter()
        self._taken[critical] += 1
        return self._taken[critical] > self._rows

    def mark(self) -> Marker:
        """Put a marker behind everything that waits now."""
        marker = Marker()
        self._queue.append(marker)
        return marker

    def drop(self, records: list[Record]) -> None:
        """Count records as lost."""
        with self._lock:
            self.dropped += len(records)
            self._lost.update(record.event.tag for record in records)

    def give_back(self, records: list[Record]) -> None:
        """Put records that were taken before everything else that waits."""
        self._queue.extendleft(reversed(records))

    def take(self, most: int) -> tuple[list[Record], list[Marker]]:
        """Up to `most` records, oldest first, and the markers among and right behind them."""
        records: list[Record] = []
        markers: list[Marker] = []
        while self._queue and (len(records) < most or isinstance(self._queue[0], Marker)):
            found = self._queue.popleft()
            if isinstance(found, Marker):
                markers.append(found)
            else:
                records.append(found)
        return records, markers

    def report(self, *, urgent: bool) -> Record | None:
        """What was lost since the last report; one a minute, so that a flood does not fill the table with reports."""
        if not self._lost or not (urgent or clock.ticks() >= self._report_at):
            return None
        with self._lock:
            lost, self._lost = self._lost, Counter()
        self._report_at = clock.ticks() + _MINUTE
        return self._make_report(lost)

    def clear(self) -> None:
        """Forget everything, and make new locks: in a forked child another thread may have held them."""
        self._lock = threading.Lock()
        self._queue.clear()
        self._lost.clear()
