"""How a request asks the state and the lists: once, elsewhere than in an event loop, and what holds when it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from stockade import truth
from stockade.conf import load
from stockade.core.context import RequestContext
from stockade.core.errors import Banned, TooMany, Unavailable
from stockade.core.principal import ANONYMOUS, Kind
from stockade.gate.conf import GateSettings
from stockade.gate.headers import retry_after
from stockade.gate.outage import Outage
from stockade.gate.protocol import DIRTY, Charge, Gate, Verdict
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.memory import Memory
from stockade.truth import lists
from stockade.truth.lists import Asked

_UNKNOWN = -2  # an epoch that no verdict has
_NOBODY = Asked()


class NeedsThread(Exception):
    """A step must ask SQL and runs in an event loop: run it again in a thread."""


def in_event_loop() -> bool:
    """Whether this thread runs an event loop right now."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Asking:
    """What an engine says to its gate.

    Args:
        gate: the shared state.
        memory: what this worker remembers; dropped when the state is another one.
    """

    def __init__(self, gate: Gate, memory: Memory) -> None:
        self.gate = gate
        self.memory = memory
        self.remote = gate.remote
        # A remote state tells of its absence itself; of one on this host the first request without an answer does.
        self._outage = None if gate.remote else Outage(gate.url.partition("://")[0])
        self._admits = load(GateSettings).state_away == "admit"
        self._world = _UNKNOWN  # the world's epoch when the key ring was last known to be of today

    # -- the state ---------------------------------------------------------------------------------------------

    def _ask(
        self,
        epochs: tuple[bytes, ...],
        charges: tuple[Charge, ...],
        given: Verdict | None = None,
        exchange: Exchange | None = None,
    ) -> Verdict:
        try:
            if given is None:
                given = self._gate_asked(epochs, charges)
            verdict = given
            if verdict.marker != self.memory.marker:
                verdict = self._again(epochs, charges, verdict)
        except Unavailable as error:
            verdict = self._without(epochs, error, exchange)
        if self._outage is not None and self._outage.away and verdict.marker:
            self._outage.end()
        if verdict.world != self._world:  # before anything is verified, also by a view: keys may have gone
            truth.follow(self.gate, verdict.world)
            self._world = _UNKNOWN if verdict.world == DIRTY else verdict.world
        return verdict

    def _gate_asked(self, epochs: tuple[bytes, ...], charges: tuple[Charge, ...]) -> Verdict:
        """Ask the state, here: not in an event loop if it may take long."""
        if self.remote and in_event_loop():
            raise NeedsThread
        return self.gate.ask(epochs, charges)

    def _again(self, epochs: tuple[bytes, ...], charges: tuple[Charge, ...], verdict: Verdict) -> Verdict:
        """The state is empty or new: nothing is decided until live revocations are loaded (decision 2).

        Raises:
            NeedsThread: in an event loop, where SQL may not be asked; nothing is charged.
        """
        if in_event_loop():
            if not self.remote:
                self._give_back(charges, verdict)
            raise NeedsThread
        marker = truth.ensure_loaded(self.gate, verdict.marker)
        self.memory.clear()
        self.memory.marker = marker
        if verdict.marker != marker:
            self._give_back(charges, verdict)  # asked again below: one request, one charge
            verdict = self.gate.ask(epochs, charges)
            if verdict.marker != marker:
                raise Unavailable(reason="state_changing")
        return verdict

    def _without(self, epochs: tuple[bytes, ...], error: Unavailable, exchange: Exchange | None) -> Verdict:
        """While the state is away, STATE_AWAY or MODE may say to go on: no limits, and all else is asked of SQL.

        Raises:
            Unavailable: it does not, as it is by default. NeedsThread: SQL may not be asked here.
        """
        if self._outage is not None:
            self._outage.begin(error.reason or "")
        if not self._admits and (exchange is None or not exchange.spares(error)):
            raise error
        if in_event_loop():
            raise NeedsThread
        return Verdict(-1, 0, (), (), (DIRTY,) * len(epochs), DIRTY, DIRTY, b"", 0)

    def _give_back(self, charges: tuple[Charge, ...], verdict: Verdict) -> None:
        """Refund what a verdict has charged, if anything."""
        if not charges or verdict.refused >= 0 or not verdict.at:
            return
        if self.remote and in_event_loop():  # nobody waits for it
            asyncio.get_running_loop().run_in_executor(None, self._refund_quietly, charges, verdict.at)
        else:
            self.gate.refund(charges, verdict.at)

    def _refund_quietly(self, charges: tuple[Charge, ...], at: int) -> None:
        with suppress(Unavailable):  # a place that is not given back comes free with its window
            self.gate.refund(charges, at)

    @staticmethod
    def _too_many(charges: tuple[Charge, ...], verdict: Verdict) -> TooMany:
        return TooMany(retry_after(verdict.wait), charges[verdict.refused].limit.name)

    # -- bans, in step 3 and wherever there is none ------------------------------------------------------------

    def turn_away(self, context: RequestContext) -> None:
        """Refuse an address that this worker knows to be banned, before anything else of the request is looked at.

        Raises:
            Banned: so it is. NeedsThread: SQL must be asked, and this is an event loop.
        """
        self._turn_away(Asked(context.address))

    def pass_lists(
        self, context: RequestContext, session_user: Callable[[], tuple[str, tuple[str, ...]]] | None = None
    ) -> None:
        """Ask the lists alone: for views that guard themselves, and answers that no view gives.

        Args:
            session_user: the user of Django's own session, "" for nobody, and the ids of his login where the session
                is ours; asks SQL.

        Raises:
            Banned: address or user. NeedsThread: see `turn_away`.
        """
        try:
            verdict = self._gate_asked((), ())
        except Unavailable:  # whoever is to mend it must get in: the truth is asked instead of its copy
            if in_event_loop():
                raise NeedsThread from None
            who = Asked(context.address, *(session_user() if session_user is not None else ()))
            found = lists.hit(lists.about(who), who)
            if found is not None:
                raise Banned(*found) from None
            return
        copy = lists.current()
        if lists.stale(copy, verdict) or (copy.callers and session_user is not None):
            if in_event_loop():
                raise NeedsThread
            who = Asked(context.address, *(session_user() if session_user is not None else ()))
            self._keep_out(who, verdict, ())
        elif copy.guarded:
            self._keep_out(Asked(context.address), verdict, ())

    @staticmethod
    def _asked(exchange: Exchange) -> Asked:
        """Whom the lists are asked about. Nobody, for a probe."""
        leaf = exchange.leaf
        if leaf is not None and leaf.probe:
            return _NOBODY
        entry = exchange.entry
        principal = exchange.principal if entry is None else entry.principal
        if principal is None or principal is ANONYMOUS:
            return Asked(exchange.context.address)
        credential = principal.credential
        is_user = principal.kind is Kind.USER
        service = "" if is_user else principal.subject
        if credential is None:
            return Asked(exchange.context.address, principal.subject if is_user else "", (), service)
        # A service's credential may name a user: a stateless token's is banned with the user whose key it carries.
        subject = principal.subject if is_user else credential.subject
        return Asked(exchange.context.address, subject, (credential.session, credential.id), service)

    def _turn_away(self, who: Asked) -> None:
        """Refuse whom this worker's copy keeps out, before anything is charged, if it holds still."""
        if lists.hit(lists.current(), who) is not None:
            self._keep_out(who, self._gate_asked((), ()), ())

    def _keep_out(self, who: Asked, verdict: Verdict, charges: tuple[Charge, ...]) -> None:
        """Refuse whom the lists keep out under `verdict`; what it has charged is given back."""
        try:
            copy = lists.current()
            if lists.stale(copy, verdict):
                if in_event_loop():
                    raise NeedsThread
                copy = lists.under(verdict, who)
            found = lists.hit(copy, who)
            if found is not None:
                raise Banned(*found)
        except BaseException as error:
            if not (self.remote and isinstance(error, NeedsThread)):
                self._give_back(charges, verdict)
            raise
