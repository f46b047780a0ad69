"""The steps of one request, in order, once; sync and async callers differ only in where the I/O steps run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError

from stockade import keyring, truth
from stockade.core import clock
from stockade.core.address import limit_key as address_key, parse as address_of
from stockade.core.context import RequestContext
from stockade.core.credential import Credential
from stockade.core.errors import (
    AmbiguousCredential,
    BadRequest,
    Forbidden,
    InvalidCredential,
    Refusal,
    Unavailable,
    Undeclared,
)
from stockade.core.principal import ANONYMOUS, Principal
from stockade.database import aside, snapshot_is_old, write_database
from stockade.gate.protocol import DIRTY, Charge, Gate, Verdict
from stockade.pipeline.asking import Asking, NeedsThread, in_event_loop
from stockade.pipeline.conf import PipelineSettings
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.find import Finder, Presented
from stockade.pipeline.foreign import ASK, Others
from stockade.pipeline.leaf import OTHER, Leaf
from stockade.pipeline.memory import Entry, ForeignEntry, Memory, dead
from stockade.pipeline.plans import NOTHING, Plan, Plans
from stockade.schemes import attempts
from stockade.schemes.foreign import ForeignScheme
from stockade.schemes.protocol import Scheme
from stockade.schemes.registry import check_limits
from stockade.truth import lists
from stockade.truth.epochs import alias as truth_database


class Engine(Asking):
    """Steps 1 to 4, over one gate, one set of schemes and one worker's memory.

    Args:
        settings: of the pipeline.
        schemes: ours that are enabled, in order.
        gate: the shared state.
        foreign: DRF authenticators that are enabled, in order.

    Raises:
        ConfigurationError: LIMITS names a scheme that there is not.
    """

    def __init__(
        self,
        settings: PipelineSettings,
        schemes: Iterable[Scheme],
        gate: Gate,
        foreign: Iterable[ForeignScheme] = (),
    ) -> None:
        super().__init__(gate, Memory(settings.cache_size))
        self.schemes = tuple(schemes)
        self.others = Others(foreign, (keyword for scheme in self.schemes for keyword in scheme.keywords))
        self._alone = not self.others
        self.finder = Finder(self.schemes, not self._alone)
        names = [scheme.name for scheme in self.schemes]
        check_limits(settings.limits, [*names, *(scheme.name for scheme in self.others.schemes)])
        self.plans = Plans(settings.limits, told=settings.modes.general.limits)
        self._until = 0
        self._max_age = round(settings.principal_max_age * 1_000_000)

    # -- step 1 ------------------------------------------------------------------------------------------------

    def find(self, context: RequestContext, leaf: Leaf | None) -> Exchange:
        """Find the one credential. No I/O.

        Raises:
            Refusal: a credential in the query string, two credentials, or one that nothing recognises. Where there
                are foreign schemes, what none of ours recognises is left to them (`verify`).
        """
        meta = context.meta
        exchange = Exchange(context, leaf)
        query = meta.get("QUERY_STRING")
        if query:
            try:
                self.finder.refuse_query(query)
            except BadRequest as refusal:
                if not exchange.spares(refusal):
                    raise
        if leaf is not None and leaf.ignores_credentials:
            return exchange
        header = meta.get("HTTP_AUTHORIZATION")
        if header is not None and "HTTP_X_API_KEY" not in meta and (self._alone or self._no_other(meta)):
            # Seen before, word for word: what it is was found out then.
            key, entry = self.memory.recall(header, context.tenant)
            if entry is not None:
                exchange.key, exchange.entry = key, entry
                return exchange
        try:
            presented = self.finder.find(meta)
            if not self._alone:
                self.others.shown(meta)
        except (InvalidCredential, AmbiguousCredential) as refusal:
            if exchange.spares(refusal):
                return exchange
            if isinstance(refusal, AmbiguousCredential):
                raise
            with attempts.failed_auth(context.address):  # garbage counts as a failure
                raise
        if presented is not None:
            exchange.presented = presented
            # One spelling for all: "bearer" and more spaces must not fill the memory with one token.
            keyword = "X-API-Key" if header is None else header.partition(" ")[0].capitalize()
            exchange.key, exchange.entry = self.memory.recall(f"{keyword} {presented.value}", context.tenant)
        elif not self._alone:
            exchange.key = ASK
        return exchange

    def _no_other(self, meta: Mapping[str, Any]) -> bool:
        """Whether no header holds a credential of a foreign scheme beside Authorization."""
        return self.others.headers.isdisjoint(meta)

    def remembers(self, context: RequestContext) -> bool:
        """Whether `find` will need no SQL: there is no credential, or this worker has seen it."""
        header = context.meta.get("HTTP_AUTHORIZATION")
        if header is None:
            return "HTTP_X_API_KEY" not in context.meta
        return self.memory.recall(header, context.tenant)[1] is not None

    # -- step 2, only for what this worker has not seen: may do I/O ---------------------------------------------

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
        with attempts.failed_auth(exchange.context.address):
            credential = self._prove(presented, exchange.meta)
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

    # -- step 3 ------------------------------------------------------------------------------------------------

    async def pass_gate_async(self, exchange: Exchange) -> bool:
        """`pass_gate` for an event loop, with a state whose answer it must not wait for (`remote`)."""
        copy = lists.current()
        if copy.guarded and lists.hit(copy, self._asked(exchange)) is not None:
            return await sync_to_async(self.pass_gate)(exchange)  # refused there, before anything is charged
        entry = exchange.entry
        epochs: tuple[bytes, ...] = ()
        if entry is None:
            if exchange.leaf is not None and exchange.leaf.probe:
                return False
            charges = self._plan_unknown(exchange).charges
        else:
            plan = entry.plan
            if plan is None or plan.leaf is not exchange.leaf:
                plan = self._plan(entry, exchange.leaf)
            epochs, charges = entry.keys, plan.charges
        try:
            verdict = await self.gate.ask_async(epochs, charges)
        except Unavailable as error:
            if not self._admits and not exchange.open_while(error):
                raise
            return await sync_to_async(self.pass_gate)(exchange)  # SQL is asked instead
        try:
            return self.pass_gate(exchange, verdict)
        except NeedsThread:  # with that verdict: what it has charged is charged
            return await sync_to_async(self.pass_gate)(exchange, verdict)

    def pass_gate(self, exchange: Exchange, given: Verdict | None = None) -> bool:
        """The one atomic call. Returns whether SQL must be asked (`reload`) before the policy.

        Args:
            given: the state's answer, where it was asked already.

        Raises:
            Banned: address, user or session. TooMany: over a limit. InvalidCredential: expired or ended.
            Unavailable: the state is away.
        """
        entry = exchange.entry
        leaf = exchange.leaf
        now = clock.ticks()
        copy = lists.current()
        unasked = copy.guarded
        if unasked and given is None:
            self._turn_away(self._asked(exchange))
            unasked = False
        if entry is None:
            if leaf is not None and leaf.probe:
                return False  # a process answers while its state is away
            plan = self._plan_unknown(exchange)
            exchange.verdict = verdict = self._ask((), plan.charges, given, exchange)
            exchange.plan = plan if verdict.marker else NOTHING
            if verdict.lists != copy.epoch or now >= copy.until or unasked:
                self._keep_out(self._asked(exchange), verdict, plan.charges)
            if verdict.refused >= 0:
                self._over(exchange, plan.charges, verdict)
            return False
        stale = entry.fresh_until <= now
        if stale and entry.expires <= clock.now():
            self.memory.drop(exchange.key)
            raise dead("expired")
        known = entry.plan
        if known is None or known.leaf is not leaf:
            known = self._plan(entry, leaf)
        try:
            if given is None:
                if self.remote and in_event_loop():
                    raise NeedsThread
                given = self.gate.ask(entry.keys, known.charges)
            verdict = given
            if verdict.marker != self.memory.marker:
                verdict = self._again(entry.keys, known.charges, verdict)
        except Unavailable as error:
            verdict = self._without(entry.keys, error, exchange)
            known = NOTHING
        # Together: what an answer says of limits is put together of both, also where a second call has failed.
        exchange.plan = known
        exchange.verdict = verdict
        if verdict.lists != copy.epoch or now >= copy.until or unasked:
            self._keep_out(self._asked(exchange), verdict, known.charges)
        if verdict.refused >= 0:
            self._over(exchange, known.charges, verdict)
        moved = stale or verdict.epochs != entry.epochs or verdict.world != entry.world
        if moved and entry.given is None:  # else a foreign scheme was asked for this very request
            return True
        principal = entry.principal
        if principal is None:
            raise dead(entry.refusal)
        exchange.principal = principal
        if entry.networks:
            self._from_where(exchange, entry)
        return False

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
            presented = self.finder.find(exchange.meta)
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

    def _from_where(self, exchange: Exchange, entry: Entry) -> None:
        """Refuse a credential that is shown from another address than it is for, at nobody's expense.

        Raises:
            Forbidden: so it is.
        """
        address = address_of(exchange.context.address)
        if address is None or not any(address in network for network in entry.networks):
            if exchange.verdict is not None:
                self._give_back(exchange.plan.charges, exchange.verdict)
            raise Forbidden("The credential is not taken from this address.", code="address_not_allowed")

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
        left = (entry.expires - clock.now()) * 1_000_000
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

    def go_on(self, exchange: Exchange, refusal: Refusal) -> None:
        """After steps 2 and 3 have refused, where that is only recorded: as nobody, within the limits of the address.

        Raises:
            Refusal: it is not only recorded.
        """
        if not exchange.spares(refusal):
            raise refusal
        exchange.disown()
        if isinstance(refusal, Unavailable):
            return
        try:
            self.pass_gate(exchange)
        except Refusal as another:
            if not exchange.spares(another):
                raise
        except (OperationalError, InterfaceError):
            if not exchange.spares(Unavailable(reason="database")):
                raise

    # -- step 4 ------------------------------------------------------------------------------------------------

    def decide(self, exchange: Exchange) -> None:
        """May this caller do this at all? What depends on the object is asked by the view, and must be.

        Raises:
            Undeclared: the view has no policy. Unauthenticated, Forbidden, InsufficientScope: the policy says no.
        """
        leaf = exchange.leaf
        refusal: Refusal
        if leaf is None or leaf.rule is None:
            if leaf is not None and (leaf.legacy or leaf.method == OTHER):
                return
            refusal = Undeclared()
        else:
            principal = exchange.principal
            if leaf.rule.admits(principal) is not False or self._left_to_view(leaf, principal is ANONYMOUS):
                return
            refusal = leaf.rule.refusal(principal)
        if not exchange.spares(refusal):
            raise refusal

    @staticmethod
    def _left_to_view(leaf: Leaf, anonymous: bool) -> bool:
        """Whether the view says no itself, because what may not be seen must be 404 before anything is 403."""
        return (
            leaf.guarded
            and not anonymous
            and leaf.visible is not None
            and leaf.visible.about_objects
            and leaf.detail
        )

    # -- helpers -----------------------------------------------------------------------------------------------

    def _plan(self, entry: Entry, leaf: Leaf | None) -> Plan:
        """The plan of an entry for a view that was not its last one."""
        principal = entry.principal
        if principal is None or leaf is None:
            return NOTHING
        plans = entry.plans
        plan = plans.get(leaf) if plans is not None else None
        if plan is None:
            plan = self.plans.authenticated(leaf, principal)
            if entry.plan is not None:
                if plans is None:
                    plans = entry.plans = {entry.plan.leaf: entry.plan}
                plans[leaf] = plan
        if entry.principal is principal:  # another thread may have read it again meanwhile
            entry.plan = plan
        return plan

    def _over(self, exchange: Exchange, charges: tuple[Charge, ...], verdict: Verdict) -> None:
        """Refuse what is over a limit, unless that is only recorded."""
        refusal = self._too_many(charges, verdict)
        if not exchange.spares(refusal):
            raise refusal

    def _plan_unknown(self, exchange: Exchange) -> Plan:
        """The plan of a caller without a credential."""
        leaf = exchange.leaf
        if exchange.principal is ANONYMOUS or leaf is None:
            return self.plans.anonymous(leaf, address_key(exchange.context.address))
        return self.plans.authenticated(leaf, exchange.principal)  # given by a test (`pipeline.forced`)

    def challenges(self, realm: str) -> tuple[str, ...]:
        """The WWW-Authenticate challenges, ours with `realm`, foreign ones as they are worded; each once.

        Where nothing can be asked for, as of sessions, a 401 says so: it must carry one (RFC 9110 section 11.6.1).
        """
        ours = [f'{scheme.challenge()} realm="{realm}"' for scheme in self.schemes]
        theirs = [found for scheme in self.others.schemes if (found := scheme.challenge())]
        return tuple(dict.fromkeys([*ours, *theirs])) or (f'Session realm="{realm}"',)

    def forget(self) -> None:
        """Drop what this worker remembers."""
        self.memory.clear()
