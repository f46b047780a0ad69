"""The clocks: this host's beside the database's and the state's."""

from __future__ import annotations

from collections.abc import Iterator

from stockade import conf
from stockade.cli.deployed.facts import Clock, DatabaseReport, Facts
from stockade.cli.deployed.faults import Fault, error, note, warning
from stockade.schemes.conf import JWTSettings

# A host that keeps time by NTP is within some milliseconds; half a second says that it does not.
ODD = 0.5  # seconds


def database_clock(facts: Facts) -> Iterator[Fault]:
    """This host's clock and the database's agree."""
    if isinstance(facts.database, DatabaseReport) and facts.database.clock is not None:
        yield from _judge("database", facts.database.clock)


def state_clock(facts: Facts) -> Iterator[Fault]:
    """This host's clock and the state's agree."""
    if facts.state_clock is not None:
        yield from _judge("state", facts.state_clock)


def _judge(whose: str, found: Clock) -> Iterator[Fault]:
    """An error from CLOCK_SKEW on: then tokens of one host are refused by another."""
    allowed = conf.load(JWTSettings).clock_skew
    what = (
        f"The clock of the {whose}'s host is {abs(found.ahead):.3f} s {'ahead of' if found.ahead > 0 else 'behind'} "
        f"this host's (measured to {found.unsure * 1000:.1f} ms)."
    )
    remedy = "Run an NTP client (chrony, systemd-timesyncd) on every host, and see `timedatectl`."
    if found.at_least >= max(allowed, ODD):
        yield error(
            what,
            f"JWT['CLOCK_SKEW'] is {allowed:g} s: tokens that a host ahead has issued are refused elsewhere, and "
            "expired ones are admitted by a host behind for as long as it is.",
            remedy,
        )
    elif found.at_least >= ODD:
        yield warning(
            what,
            "A host that keeps time is within milliseconds. This one does not, and drifts on: lifetimes, the leeway of "
            "refresh tokens and the waits of keys become wrong by as much.",
            remedy,
        )
    else:
        yield note(what)
