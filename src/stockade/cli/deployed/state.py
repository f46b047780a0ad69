"""The shared state, of whatever kind: there, loaded, with room, and right for how the project is served."""

from __future__ import annotations

from collections.abc import Iterator

from stockade.cli.deployed.facts import Facts
from stockade.cli.deployed.faults import Fault, error, note, warning

SLOW = 5_000  # microseconds
FULL, NEARLY = 0.95, 0.80
_TENTHS = 1_000


def answers(facts: Facts) -> Iterator[Fault]:
    """The state answers, and quickly."""
    if facts.state is None:
        yield error(
            f"The state does not answer: {facts.state_away}.",
            "503 to every request until it does.",
            "Start it, and see STATE: host, port, user, password, ca. From this host: redis-cli -u URL PING.",
        )
        return
    trip = facts.state.round_trip
    if trip is None or facts.state.version is None:  # no server: there is no way to go
        yield note(f"The state ({facts.state.kind}) answers.")
        return
    yield note(
        f"The state ({facts.state.kind} {facts.state.version}) answers within {trip / _TENTHS:.2f} ms."
    )
    if trip > SLOW:
        yield warning(
            f"A round trip to the state takes {trip / _TENTHS:.1f} ms.",
            "Every request pays it once.",
            "Put the state beside the hosts that serve; look for scripts of others in `SLOWLOG GET`.",
        )


def loads(facts: Facts) -> Iterator[Fault]:
    """The state has a birth marker, or gets one from SQL now, as by the first request."""
    if facts.state is None or isinstance(facts.database, str):
        return
    before, why = facts.loading
    if why:
        yield error(
            f"The state is empty and cannot be loaded from SQL: {why}.",
            "503 to every request until it is.",
            "See the finding about the database; migrate; then ask /readyz.",
        )
    elif not before:
        yield note("The state was empty, new or restarted; it has been loaded from SQL.")


def same(facts: Facts) -> Iterator[Fault]:
    """STOCKADE_CHECK_STATE_URL, where it is set, leads to the state that requests use."""
    if facts.state is None or isinstance(facts.database, str):
        return
    before, _ = facts.loading
    if before and facts.state.marker != before:
        yield error(
            "STOCKADE_CHECK_STATE_URL leads to another server than STATE, or to another database of it.",
            "What is said here of the state is said of that server.",
            "Write the URL of STATE with another user and password, and nothing else changed.",
        )


def one_process(facts: Facts) -> Iterator[Fault]:
    """The state is one that many processes share."""
    if facts.state is not None and facts.state.kind == "memory":
        yield error(
            'STATE is "memory://".',
            "Each process counts and revokes for itself: limits are as many times wider as there are workers, and an "
            "ended session goes on in the others. A second process that serves does not start.",
            'Write "lmdb://" for one host, or "rediss://..." for many.',
        )


def one_host(facts: Facts) -> Iterator[Fault]:
    """With lmdb: that this is one host's state."""
    if facts.state is not None and facts.state.kind == "lmdb":
        yield note(
            "STATE is lmdb: all processes of this host share it, and no other host does.",
            remedy='Several hosts behind one address want "rediss://..." or "redis+sentinel://...".',
        )


def room(facts: Facts) -> Iterator[Fault]:
    """The state has room left."""
    found = facts.state
    if found is None or not found.used or not found.room:
        return
    share = found.used / found.room
    what = f"The state uses {found.used >> 20} of {found.room >> 20} MiB ({share:.0%})."
    risk = "A full state refuses to count, and every request that must be counted is answered with 503."
    remedy = (
        "Raise STATE_SIZE."
        if found.kind == "lmdb"
        else "Raise maxmemory; see how much memory is needed in the guide."
    )
    if share >= FULL:
        yield error(what, risk, remedy)
    elif share >= NEARLY:
        yield warning(what, risk, remedy)
    else:
        yield note(what)
