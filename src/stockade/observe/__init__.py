"""What would have been refused: counted by view, method, kind and reason, across all processes of a host."""

from __future__ import annotations

from stockade.observe.counts import Counts
from stockade.observe.rows import OTHERS, Row

_counts = Counts()

note = _counts.note
read = _counts.read
clear = _counts.clear
flush = _counts.flush

__all__ = ["OTHERS", "Row", "clear", "flush", "note", "read"]
