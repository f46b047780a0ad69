"""What would have been refused: counted by view, method, kind and reason, across all processes of a host."""

from __future__ import annotations

from stockade.observe.counts import Counts
from stockade.observe.rows import OTHERS, Row

COUNTS = Counts()  # of this process

note = COUNTS.note
read = COUNTS.read
clear = COUNTS.clear
flush = COUNTS.flush

__all__ = ["COUNTS", "OTHERS", "Row", "clear", "flush", "note", "read"]
