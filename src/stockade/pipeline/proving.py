"""Step 2 of a request, where SQL may be asked: what a worker has not seen is proven, what has changed is read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stockade import keyring, truth
from stockade.core import clock
from stockade.core.credential import Credential
from stockade.core.errors import InvalidCredential
from stockade.core.principal import ANONYMOUS, Principal
from stockade.database import aside, snapshot_is_old, write_database
from stockade.gate.protocol import DIRTY, Gate, Verdict
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.find import Finder, Presented
from stockade.pipeline.foreign import Others
from stockade.pipeline.memory import NOBODY, Entry, ForeignEntry, Memory, dead
from stockade.pipeline.passing import Passing
from stockade.pipeline.plans import NOTHING, Plans
from stockade.schemes import attempts
from stockade.truth.epochs import alias as truth_database


class Proving(Passing):
    """Finds out who is calling.

    Args:
        gate, memory, plans: as of `Passing`.
        finder: reads a credential from the headers.
        others: the foreign schemes.
        max_age: microseconds for which a principal is believed.
    """

    def __init__(
        self, gate: Gate, memory: Memory, plans: Plans, finder: Finder, others: Others, max_age: int
    ) -> None:
        super().__init__(gate, memory, plans)
        self.finder = finder
        self.others = others
        self._max_age = max_age
        self._until = 0

    def verify(self, exchange: Exchange) -> None:
        """Prove a credential that this worker has not seen, and learn who it is.

        The address passes its gate first: a place of `failed_auth` is taken before the proof and given back unless
        the proof fails, so that a hundred guesses at once are limited as well (architecture, "Dear steps").

        Raises:
            InvalidCredential: it does not hold. TooMany: this address has shown too many that did not.
            Refusal: see `Others.ask`.
        """
        presented = exchange.presented
        if presented is None:
            answer = self.others.ask(exchange)
            if answer is not None and answer.principal is not ANONYMOUS:
                exchange.entry = ForeignEntry(answer.principal, answer.given)
            return
        generation = keyring.generation()
        try:
            with attempts.failed_auth(exchange.context.address):
                credential = self._prove(presented, exchange.meta)
        except InvalidCredential:
            if not presented.scheme.keywords:  # a session's cookie
                self.memory.put(exchange.key, NOBODY)
            raise
        # Epochs first, SQL second: a change between the two moves the epoch, and the next request reads again.
        verdict = self._ask(presented.scheme.epochs(credential), (), exchange=exchange)
        if keyring.generation() != generation:
            # The ring is another one than it was: what a revoked key has signed must not be remembered under an epoch
            # that is younger than its revocation.
            with attempts.failed_auth(exchange.context.address):
                credential = presented.scheme.verify(presented.value, exchange.meta)
        entry = Entry(presented.scheme, credential, presented.scheme.epochs(credential))
        self._learn(entry, verdict)
        exchange.entry = self.memory.put(exchange.key, entry)

    def _prove(self, presented: Presented, meta: Mapping[str, Any]) -> Credential:
        """Prove a credential; one of a key that this worker has not heard of, after it has listened."""
        generation = keyring.generation()
        try:
            return presented.scheme.verify(presented.value, meta)
        except InvalidCredential as error:
            if error.reason != "unknown_kid":
                raise
            self._ask((), ())
            if keyring.generation() == generation:
                raise
        return presented.scheme.verify(presented.value, meta)

    def reload(self, exchange: Exchange) -> None:
        """Read the principal again: something has changed, or what is known is too old. May do I/O.

        Raises:
            InvalidCredential: the subject or session has ended, or its key is gone. Banned: see `pass_gate`.
        """
        entry, verdict = exchange.entry, exchange.verdict
        assert entry is not None and verdict is not None  # noqa: S101, PT018 - after `pass_gate`
        credential = entry.credential
        if verdict.world != entry.world or verdict.world == DIRTY:
            # Keys may have gone: prove it again under the ring as it is now.
            truth.follow(self.gate, verdict.world)
            presented = exchange.presented or self.finder.find(exchange.meta)
            assert presented is not None  # noqa: S101 - the same headers gave one before
            try:
                credential = presented.scheme.verify(presented.value, exchange.meta)
            except InvalidCredential:
                self.memory.drop(exchange.key)
                raise
        # A new entry, never a changed one: other threads may be looking at this one, or be reading it again under an
        # older verdict, and a mixture of two readings would keep a right that was taken away.
        fresh = Entry(entry.scheme, credential, entry.keys)
        self._learn(fresh, verdict)
        exchange.entry = self.memory.renew(exchange.key, fresh)
        if fresh.principal is None:
            raise dead(fresh.refusal)
        exchange.principal = fresh.principal
        if entry.principal is None:
            self._come_back(exchange, verdict)
        if fresh.networks:
            self._from_where(exchange, fresh)

    def _come_back(self, exchange: Exchange, verdict: Verdict) -> None:
        """Nobody's credential until now: the lists were asked about the address alone, and no limit was charged."""
        self._keep_out(self._asked(exchange), verdict, ())
        if not verdict.marker:  # the state is away, and STATE_AWAY admits without limits
            return
        entry = exchange.entry
        assert entry is not None  # noqa: S101 - `reload` has just put it there
        plan = self._plan(entry, exchange.leaf)
        if plan.charges:
            charged = self._ask((), plan.charges)
            exchange.plan, exchange.verdict = plan if charged.marker else NOTHING, charged
            if charged.refused >= 0:
                self._over(exchange, plan.charges, charged)

    def _learn(self, entry: Entry, verdict: Verdict) -> None:
        """Ask SQL who the credential's subject is, under the epochs of `verdict`, read before."""
        dirty = DIRTY in verdict.epochs or verdict.world == DIRTY
        if dirty and verdict.marker:
            truth.reconcile_soon()
        asked_at = clock.ticks()  # of this host: the verdict's own may be another's
        try:
            principal, refusal = self._load(entry), ""
        except InvalidCredential as error:
            principal, refusal = None, error.reason
        # Under change nothing is kept: `fresh_until` in the past makes the next request ask again.
        # Of what is signed the end is for ever; that of a row may be put off, and is read again when it comes.
        credential = principal.credential if principal is not None else None
        left = ((credential or entry).expires - clock.now()) * 1_000_000
        until = 0 if dirty else asked_at + int(min(self._max_age, left))
        entry.learn(principal, refusal, verdict.epochs, verdict.world, self._shared(until))

    @staticmethod
    def _load(entry: Entry) -> Principal:
        """The principal as SQL knows it now: not a replica, and not an older snapshot of a transaction at hand."""
        with write_database():
            # DRF's classes without the middleware, under ATOMIC_REQUESTS.
            if snapshot_is_old(truth_database()):
                return aside(lambda: entry.scheme.load(entry.credential))
            return entry.scheme.load(entry.credential)

    def _shared(self, until: int) -> int:
        """`until` or some tick of the second before it: entries of one second share the number and its memory."""
        last = self._until
        if 0 <= until - last < 1_000_000:
            return last
        self._until = until
        return until
