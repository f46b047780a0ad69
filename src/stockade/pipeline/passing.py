"""Step 3 of a request: one atomic call says whether it is banned, ended, or over any limit."""

from __future__ import annotations

from asgiref.sync import sync_to_async

from stockade.core import clock
from stockade.core.address import limit_key as address_key, parse as address_of
from stockade.core.errors import Forbidden, Unavailable
from stockade.core.principal import ANONYMOUS
from stockade.gate.protocol import Charge, Gate, Verdict
from stockade.pipeline.asking import Asking, NeedsThread, in_event_loop
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.leaf import Leaf
from stockade.pipeline.memory import Entry, Memory, dead
from stockade.pipeline.plans import NOTHING, Plan, Plans
from stockade.truth import lists


class Passing(Asking):
    """Charges a request, and turns it away.

    Args:
        gate, memory: as of `Asking`.
        plans: what a caller is charged on a view.
    """

    def __init__(self, gate: Gate, memory: Memory, plans: Plans) -> None:
        super().__init__(gate, memory)
        self.plans = plans

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

    def _plan_unknown(self, exchange: Exchange) -> Plan:
        """The plan of a caller without a credential."""
        leaf = exchange.leaf
        if exchange.principal is ANONYMOUS or leaf is None:
            return self.plans.anonymous(leaf, address_key(exchange.context.address))
        return self.plans.authenticated(leaf, exchange.principal)  # given by a test (`pipeline.forced`)

    def _over(self, exchange: Exchange, charges: tuple[Charge, ...], verdict: Verdict) -> None:
        """Refuse what is over a limit, unless that is only recorded."""
        refusal = self._too_many(charges, verdict)
        if not exchange.spares(refusal):
            raise refusal
