"""Counting what fails: a place is taken before anything dear is verified, and given back unless it fails."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from stockade.conf import load
from stockade.core.address import limit_key as address_key
from stockade.core.context import current
from stockade.core.errors import Banned, InvalidCredential, TooMany, Unavailable
from stockade.events import emit
from stockade.events.catalogue import Event
from stockade.gate.conf import GateSettings
from stockade.gate.keys import limit_key
from stockade.gate.protocol import DIRTY, Charge, Gate, Limit, Verdict
from stockade.gate.registry import get_gate
from stockade.schemes.conf import AttemptSettings
from stockade.truth import follow, lists

FAILED_AUTH = "failed_auth"
SESSION_REFRESH = "session_refresh"
# Not a guess: it was made here and held once, or is a visitor's. Its holder is not charged for it.
HONEST = frozenset(
    {
        "banned",
        "expired",
        "ended",
        "inactive",
        "gone",
        "nobody",
        "password_changed",
        "import_over",
        "blacklisted",
    }
)


class Reservation:
    """Places that were taken. They stay taken unless `refund` gives them back."""

    __slots__ = ("_charges", "_gate", "_open", "verdict")

    def __init__(self, gate: Gate | None, charges: tuple[Charge, ...], verdict: Verdict | None) -> None:
        self._gate, self._charges, self.verdict = gate, charges, verdict
        self._open = gate is not None

    def refund(self) -> None:
        """Give the places back; once, however often it is called."""
        if self._open and self._gate is not None and self.verdict is not None:
            self._open = False
            with suppress(Unavailable):  # it comes free with its window; who was right is not refused for it
                self._gate.refund(self._charges, self.verdict.at)

    def exhausted(self) -> tuple[str, ...]:
        """The limits whose last place this reservation took."""
        if self.verdict is None:
            return ()
        return tuple(
            charge.limit.name
            for charge, left in zip(self._charges, self.verdict.remaining, strict=True)
            if left <= 0
        )

    def reset(self, name: str) -> int:
        """Whole seconds until the oldest place of a limit comes free."""
        if self.verdict is None:
            return 0
        waits = zip(self._charges, self.verdict.reset, strict=True)
        return max(
            (math.ceil(wait / 1_000_000) for charge, wait in waits if charge.limit.name == name), default=0
        )


def reserve(wanted: Iterable[tuple[str, str]], address: str = "", *, guess: bool = True) -> Reservation:
    """Take a place of each named limit, all or none.

    Args:
        wanted: names from LIMITS and whom they count; a limit that is off is left out.
        address: the client's, where what follows is dear: a banned one pays nothing and gets nothing.
        guess: whether what follows can be guessed at. Then it waits for the state whatever STATE_AWAY says, because
            nobody else counts the guesses; a signature may be verified without.

    Raises:
        Banned: the address is.
        TooMany: one of them is used up; nothing was taken.
        Unavailable: the state is away, and nothing is verified without it.
    """
    limits = load(AttemptSettings).limits
    found: list[tuple[Limit, str]] = [(limits[name], whom) for name, whom in wanted if name in limits]
    charges = tuple(Charge(limit, limit_key(limit, whom)) for limit, whom in found)
    if not charges and not address:
        return Reservation(None, (), None)
    gate = get_gate()
    try:
        verdict = gate.ask((), charges)
    except Unavailable:
        if guess or load(GateSettings).state_away != "admit":
            raise
        return _without(gate, lists.Asked(address))
    follow(gate, verdict.world)  # before anything is verified: keys may have gone
    if address:
        try:
            lists.judge(verdict, lists.Asked(address))
        except BaseException:
            if charges and verdict.refused < 0:
                gate.refund(charges, verdict.at)
            raise
    if verdict.refused >= 0:
        refusal = TooMany(max(1, math.ceil(verdict.wait / 1_000_000)), charges[verdict.refused].limit.name)
        if _enforced():
            raise refusal
        emit(Event.LIMIT_EXCEEDED, reason=refusal.reason, details={**refusal.facts, "mode": "report"})
        return Reservation(None, (), None)
    return Reservation(gate, charges, verdict)


def _enforced() -> bool:
    """Whether the view at hand refuses what is over a limit; without one, the project."""
    context = current.get()
    mode = context.mode if context is not None else None
    return (load(AttemptSettings).modes.general if mode is None else mode).limits


def _without(gate: Gate, who: lists.Asked) -> Reservation:
    """While the state is away and STATE_AWAY admits: keys and bans as SQL knows them now, and no limits."""
    follow(gate, DIRTY)
    found = lists.hit(lists.about(who), who) if who.address else None
    if found is not None:
        raise Banned(*found)
    return Reservation(None, (), None)


def of_session(session: str) -> None:
    """Take a place for a refresh token that was made here, before it costs SQL; it is not given back.

    A refresh writes a row and an event, and one that has ended is forgiven by `failed_auth`: without this, one token
    could fill the disk or keep the database busy.

    Args:
        session: the id in a token whose MAC holds, so that nobody else can use its places up.

    Raises:
        TooMany: it was shown too often. Unavailable: the state is away.
    """
    reserve([(SESSION_REFRESH, session)], guess=False)


def failed(address: str) -> None:
    """Take a place of `failed_auth` for what was verified already and did not hold; it is not given back.

    For what is cheap to verify, and must not be refused because of others who use the same address.

    Args:
        address: the client's; IPv6 counts by its /64.

    Raises:
        TooMany: it has shown too many that did not hold. Unavailable: the state is away.
    """
    reserve([(FAILED_AUTH, address_key(address))], guess=False)


@contextmanager
def failed_auth(address: str) -> Iterator[None]:
    """Verify a credential in this block: its address pays a place of `failed_auth` only if it does not hold.

    Args:
        address: the client's; IPv6 counts by its /64.

    Raises:
        Banned: this address is.
        TooMany: it has shown too many that did not hold.
        Unavailable: the state is away.
    """
    place = reserve([(FAILED_AUTH, address_key(address))], address, guess=False)
    try:
        yield
    except InvalidCredential as error:
        if error.reason in HONEST:
            place.refund()
        raise
    except BaseException:
        place.refund()
        raise
    place.refund()
