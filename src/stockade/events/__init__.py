"""The security log: a closed catalogue of events and the sinks that keep them."""

from stockade.events.bus import Stats, emit, flush, off, on, reopen, stats
from stockade.events.catalogue import Event, Kind, Level
from stockade.events.record import Record
from stockade.events.sinks import MemorySink, NullSink, Sink

__all__ = [
    "Event",
    "Kind",
    "Level",
    "MemorySink",
    "NullSink",
    "Record",
    "Sink",
    "Stats",
    "emit",
    "flush",
    "off",
    "on",
    "reopen",
    "stats",
]
