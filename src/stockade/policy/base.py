"""What every rule can do: be composed, be asked about a caller and an object, and become a queryset filter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, runtime_checkable

from asgiref.sync import sync_to_async
from django.db.models import Model, Q

from stockade.core.errors import ConfigurationError
from stockade.core.principal import Principal
from stockade.policy import sql
from stockade.policy.logic import FALSE, TRUE, VERDICT, Bits

if TYPE_CHECKING:
    from stockade.core.errors import Refusal

Test = Callable[[Principal], bool]


@runtime_checkable
class Rule(Protocol):
    """A rule of your own. Two methods that must agree; everything else comes with `&`, `|` and `~`.

    What it does not admit it denies, so `~rule` admits exactly the rest. Set `about_objects = False` on a rule that
    looks at the caller alone: it is then asked once, before the view, with `obj=None`, and needs no useful `filter`.
    """

    def check(self, principal: Principal, obj: Any, /) -> bool:
        """Whether the caller is admitted to `obj`; True or False, nothing that merely looks like it."""
        ...

    def filter(self, principal: Principal, /) -> Q:
        """The rows that `check` admits, for `QuerySet.filter`."""
        ...


class Undecidable(Exception):
    """`check` was asked about an object that is not stored yet, and only the database knows.

    Save it inside a transaction and call `check_new`, or call `foresee`, which answers None here.
    """


class Policy:
    """A rule over (caller, object) that is both a check and a filter. Made by the classes of `stockade.policy`.

    Attributes:
        about_objects: whether the answer can depend on the object at all.
        may_query: whether deciding without an object may ask the database (Permission, rules of your own).
        admits: ``admits(principal) -> bool | None``: admitted whatever the object, refused whatever the object, or
            None: it depends. Built once; no SQL unless `may_query`.
        possible: the same as a set of truth values (`stockade.policy.logic`).
        outcomes: what `possible` may return.
    """

    __slots__ = ("about_objects", "admits", "may_query", "outcomes", "possible")

    about_objects: bool
    may_query: bool
    admits: Callable[[Principal], bool | None]
    possible: Callable[[Principal], Bits]
    outcomes: frozenset[Bits]

    def _about_caller(self, test: Test, *, may_query: bool = False) -> None:
        """Settle as a rule about the caller alone."""
        self.about_objects, self.may_query, self.admits = False, may_query, test
        self.possible = lambda principal: TRUE if test(principal) else FALSE
        self.outcomes = frozenset({TRUE, FALSE})

    def _about_object(
        self,
        possible: Callable[[Principal], Bits],
        outcomes: Iterable[Bits],
        *,
        may_query: bool = False,
        admits: Callable[[Principal], bool | None] | None = None,
    ) -> None:
        """Settle as a rule that needs the object."""
        self.about_objects, self.may_query = True, may_query
        self.possible, self.outcomes = possible, frozenset(outcomes)
        verdicts = {VERDICT[bits] for bits in self.outcomes}
        if verdicts == {None}:
            self.admits = lambda principal: None
        else:
            self.admits = admits or (lambda principal: VERDICT[possible(principal)])

    # --- asking ---

    def check(self, principal: Principal, obj: Any = None) -> bool:
        """Whether the caller is admitted to `obj`, or without one: to every object.

        Decided in Python where Python and the database are sure to agree, and by one query for this object elsewhere.
        Such a query sees what is stored, not what was assigned since.

        Raises:
            Undecidable: `obj` is not stored, and only the database knows.
            ConfigurationError: the rule cannot be asked about such an object.
        """
        if obj is None or not self.about_objects:
            return self.admits(principal) is True
        verdict = VERDICT[self.bits(principal, obj)]
        if verdict is None:
            if obj._state.adding or obj.pk is None:
                raise Undecidable(
                    f"{self!r} cannot be decided about a {type(obj).__name__} that is not stored."
                )
            return sql.is_stored_and_held(self, principal, obj)
        return verdict

    async def acheck(self, principal: Principal, obj: Any = None) -> bool:
        """`check` for async views: in a thread if the database has to be asked, at once otherwise."""
        if not self.may_query:
            if obj is None:
                return self.admits(principal) is True
            verdict = self.foresee(principal, obj)
            if verdict is not None:
                return verdict
        return await sync_to_async(self.check)(principal, obj)

    def foresee(self, principal: Principal, obj: Any) -> bool | None:
        """What `check` says as far as Python knows; None where only the database does. For objects before `save()`."""
        return VERDICT[self.bits(principal, obj) if self.about_objects else self.possible(principal)]

    def check_new(self, principal: Principal, obj: Any) -> bool:
        """Whether the caller is admitted to `obj` as it is stored now, in this transaction.

        For the new state of a write: call it after `save()`, inside an atomic block, and roll back on False. Asks the
        database `obj` was saved to, one query, unless the object does not matter.
        """
        verdict = self.admits(principal)
        return sql.is_stored_and_held(self, principal, obj) if verdict is None else verdict

    def filter(self, principal: Principal) -> Q:
        """The same rule for `QuerySet.filter` (or `exclude`, `When`, `Count(filter=...)`): exactly what `check` admits.

        Never adds a join to your queryset: no duplicates, and `select_for_update` keeps working.
        """
        verdict = self.admits(principal)
        return sql.condition(self, principal) if verdict is None else sql.constant(verdict)

    # --- learning about it ---

    def refusal(self, principal: Principal, obj: Any = None) -> Refusal:
        """What to raise for a caller that was refused: 401, 403 for want of a scope, or 403."""
        from stockade.policy.refusals import refusal

        return refusal(self, principal, obj)

    def validate(self, model: type[Model]) -> None:
        """Compile the rule for `model`; for checks at start.

        Raises:
            ConfigurationError: a path does not exist, does not lead to a user, or a lookup makes no sense.
        """
        for leaf in self.leaves():
            leaf._bind(model)

    def leaves(self) -> Iterator[Policy]:
        """The rules that this one is composed of."""
        yield self

    def describe(self) -> str:
        """The rule as a phrase, for documentation."""
        raise NotImplementedError

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope that the rule mentions, sorted; for OpenAPI."""
        return tuple(sorted({scope for leaf in self.leaves() for scope in leaf._scopes()}))

    # --- for the rooms behind ---

    def bits(self, principal: Principal, obj: Any) -> Bits:
        """What the rule can be about `obj`, as far as Python is sure."""
        return self.possible(principal)

    def rows(self, model: type[Model], principal: Principal, value: bool) -> Q | bool:
        """The rows of `model` for which the rule is TRUE (`value`) or FALSE; True for all of them, False for none.

        As SQL the answer is itself never unknown, so it may be negated by whoever gets it.
        """
        return self.admits(principal) is value

    def _bind(self, model: type[Model]) -> None:
        """Raise ConfigurationError if the rule cannot speak of `model`."""

    def _scopes(self) -> frozenset[str]:
        return frozenset()

    def _conceivable(self) -> Bits:
        """What the rule can be for any authenticated caller."""
        raise NotImplementedError

    # --- composing ---

    def __and__(self, other: Rule) -> Policy:
        from stockade.policy.composed import All

        return All.of(self, as_policy(other, "&"))

    def __rand__(self, other: Rule) -> Policy:
        from stockade.policy.composed import All

        return All.of(as_policy(other, "&"), self)

    def __or__(self, other: Rule) -> Policy:
        from stockade.policy.composed import AnyOf

        return AnyOf.of(self, as_policy(other, "|"))

    def __ror__(self, other: Rule) -> Policy:
        from stockade.policy.composed import AnyOf

        return AnyOf.of(as_policy(other, "|"), self)

    def __invert__(self) -> Policy:
        from stockade.policy.composed import Not

        return Not(self)

    def __bool__(self) -> NoReturn:
        # `a and b` is b and `not a` is False in Python: both would open what they were meant to close.
        raise TypeError("A policy has no truth value. Write `&`, `|` and `~`, not `and`, `or` and `not`.")


def as_policy(rule: object, operator: str = "") -> Policy:
    """`rule` as a Policy; rules of your own are wrapped.

    Raises:
        ConfigurationError: it is neither; the hint says what to write.
    """
    if isinstance(rule, Policy):
        return rule
    where = f"the operand {rule!r} of `{operator}`" if operator else repr(rule)
    if isinstance(rule, type):
        raise ConfigurationError("stockade.E042", f"{where} is a class.", f"Write {rule.__name__}(...).")
    if isinstance(rule, Q):
        raise ConfigurationError("stockade.E042", f"{where} is a Q.", "Write Public(where=Q(...)).")
    if callable(getattr(rule, "check", None)) and callable(getattr(rule, "filter", None)):
        from stockade.policy.own import Own

        return Own(rule)  # type: ignore[arg-type]  # a Rule by its two methods
    raise ConfigurationError(
        "stockade.E042", f"{where} is no policy.", "Compose the classes of stockade.policy, or write a Rule."
    )
