"""Whether a server that loads first and forks then tells Python of it: else its workers are copies that learn nothing.

uWSGI forks in C and calls nothing that is registered for forks, unless it is told to. Its workers would have the
parent's connections and none of its threads: no new keys, no flushed events, no agreement on what was revoked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType

from stockade.pipeline.finding import Finding

_TELLS = frozenset({"py-call-uwsgi-fork-hooks", "py-call-osafterfork"})
_FORKS = frozenset({"master", "processes", "workers"})


def _uwsgi() -> ModuleType | None:
    """What uWSGI gives its applications; None under any other server."""
    try:
        return import_module("uwsgi")
    except ImportError:
        return None


def fork_findings() -> Iterator[Finding]:
    """E220: workers will be forked from this process, and Python will not hear of it."""
    server = _uwsgi()
    given = getattr(server, "opt", None)
    if server is None or not isinstance(given, Mapping) or server.worker_id():
        return  # another server, or loaded in the worker itself (lazy-apps)
    options = {_text(name) for name, value in given.items() if _text(value) not in ("false", "0", "False")}
    if options & _FORKS and not options & _TELLS:
        yield Finding(
            "stockade.E220",
            "uWSGI forks its workers without telling Python: no thread runs in them, and connections are shared.",
            "Set py-call-uwsgi-fork-hooks = true and enable-threads = true, or lazy-apps = true.",
        )


def _text(found: object) -> str:
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
