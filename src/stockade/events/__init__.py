"""The security log: a closed catalogue of events and the sinks that keep them."""

from stockade.events.bus import Stats, flush, problem, reopen, stats
from stockade.events.catalogue import Event, Kind, Level
from stockade.events.emission import emit
from stockade.events.record import Record
from stockade.events.sinks import MemorySink, NullSink, Sink
from stockade.events.store import export, prune, tail
from stockade.events.subscribers import off, on

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
    "export",
    "flush",
    "off",
    "on",
    "problem",
    "prune",
    "reopen",
    "stats",
    "tail",
]
