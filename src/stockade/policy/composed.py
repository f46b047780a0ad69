"""`&`, `|` and `~`: how rules become one rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self

from django.db.models import Model, Q

from stockade.core.principal import Principal
from stockade.policy import sql
from stockade.policy.base import Policy, Test
from stockade.policy.logic import AND, FALSE, NOT, OR, TRUE, VERDICT, Bits


class Composed(Policy):
    """Several rules under one connective."""

    __slots__ = ("_order", "parts")

    SIGN: ClassVar[str]
    TABLE: ClassVar[tuple[tuple[Bits, ...], ...]]
    START: ClassVar[Bits]
    ABSORBING: ClassVar[Bits]

    def __init__(self, *parts: Policy) -> None:
        self.parts = parts
        may_query = any(part.may_query for part in parts)
        # Rules about the caller come first: they are cheap and often settle the matter. What may query comes last.
        self._order = sorted(parts, key=lambda part: (part.about_objects, part.may_query))
        tests: list[Test] = [part.admits for part in self._order if not part.about_objects]  # type: ignore[misc]
        others = self._needed([part for part in self._order if part.about_objects])
        if others:
            self._settle(tests, others, may_query=may_query)
        else:
            self._about_caller(self._callers(tests), may_query=may_query)

    def _needed(self, parts: list[Policy]) -> list[Policy]:
        """The parts that can change what the others leave open: `x | Owner(...)` stays open whoever calls."""
        steady = [part for part in parts if len(part.outcomes) == 1]
        bits = self.START
        for part in steady:
            bits = self.TABLE[bits][min(part.outcomes)]
        rest = [part for part in parts if part not in steady]
        if steady and all(self.TABLE[bits][outcome] == bits for part in rest for outcome in part.outcomes):
            return steady[:1] if bits == min(steady[0].outcomes) else steady
        return parts

    def _settle(self, tests: list[Test], others: list[Policy], *, may_query: bool) -> None:
        stops = self.ABSORBING == TRUE  # a test that answers this settles the whole
        outcomes = {self.START}
        for other in others:
            outcomes = {self.TABLE[bits][outcome] for bits in outcomes for outcome in other.outcomes}
        possible = self._several([other.possible for other in others])
        admits = others[0].admits if len(others) == 1 else None
        if not tests:
            self._about_object(possible, outcomes, may_query=may_query, admits=admits)
            return
        test = tests[0] if len(tests) == 1 else self._callers(tests)
        absorbing = self.ABSORBING
        after = admits or (lambda principal: VERDICT[possible(principal)])
        self._about_object(
            lambda principal: absorbing if test(principal) is stops else possible(principal),
            outcomes | {absorbing},
            may_query=may_query,
            admits=lambda principal: stops if test(principal) is stops else after(principal),
        )

    @classmethod
    def _several(cls, rules: list[Callable[[Principal], Bits]]) -> Callable[[Principal], Bits]:
        if len(rules) == 1:
            return rules[0]
        table, start = cls.TABLE, cls.START

        def several(principal: Principal) -> Bits:
            bits = start
            for rule in rules:
                bits = table[bits][rule(principal)]
            return bits

        return several

    @classmethod
    def of(cls, *sides: Policy) -> Self:
        """Compose, so that ``(a & b) & c`` is one rule of three parts."""
        return cls(*(part for side in sides for part in (side.parts if isinstance(side, cls) else (side,))))

    @staticmethod
    def _callers(tests: list[Test]) -> Test:
        raise NotImplementedError

    def bits(self, principal: Principal, obj: Any) -> Bits:
        """Part by part, and no further than needed."""
        table, bits, absorbing = self.TABLE, self.START, self.ABSORBING
        for part in self._order:
            bits = table[bits][part.bits(principal, obj)]
            if bits == absorbing:
                break
        return bits

    def rows(self, model: type[Model], principal: Principal, value: bool) -> Q | bool:
        """By De Morgan, which holds in three-valued logic too."""
        join = sql.conjunction if value is (self.ABSORBING == FALSE) else sql.disjunction
        return join(part.rows(model, principal, value) for part in self.parts)

    def leaves(self) -> Iterator[Policy]:
        """The leaves of every part."""
        for part in self.parts:
            yield from part.leaves()

    def _bind(self, model: type[Model]) -> None:
        for part in self.parts:
            part._bind(model)

    def _conceivable(self) -> Bits:
        bits = self.START
        for part in self.parts:
            bits = self.TABLE[bits][part._conceivable()]
        return bits

    def _loose(self, part: Policy) -> bool:
        """Whether `part` needs brackets inside this one."""
        return isinstance(part, Composed) and not isinstance(part, All)

    def __repr__(self) -> str:
        return f" {self.SIGN} ".join(
            f"({part!r})" if self._loose(part) else repr(part) for part in self.parts
        )

    def describe(self) -> str:
        """The parts' phrases, joined."""
        word = " and " if self.SIGN == "&" else " or "
        phrases = [(part.describe(), isinstance(part, Composed)) for part in self.parts]
        return word.join(f"({phrase})" if loose else phrase for phrase, loose in phrases)


class All(Composed):
    """Every part must be TRUE."""

    __slots__ = ()

    SIGN, TABLE, START, ABSORBING = "&", AND, TRUE, FALSE

    @staticmethod
    def _callers(tests: list[Test]) -> Test:
        if len(tests) == 2:
            first, second = tests
            return lambda principal: first(principal) and second(principal)

        def every(principal: Principal) -> bool:
            for test in tests:  # noqa: SIM110 - a generator costs more than what it loops over
                if not test(principal):
                    return False
            return True

        return every


class AnyOf(Composed):
    """One TRUE part is enough."""

    __slots__ = ()

    SIGN, TABLE, START, ABSORBING = "|", OR, FALSE, TRUE

    @staticmethod
    def _callers(tests: list[Test]) -> Test:
        if len(tests) == 2:
            first, second = tests
            return lambda principal: first(principal) or second(principal)

        def some(principal: Principal) -> bool:
            for test in tests:  # noqa: SIM110 - a generator costs more than what it loops over
                if test(principal):
                    return True
            return False

        return some

    def _loose(self, part: Policy) -> bool:
        return False


class Not(Policy):
    """SQL's NOT: UNKNOWN stays UNKNOWN, so neither a rule nor its negation admits what nobody knows."""

    __slots__ = ("part",)

    def __init__(self, part: Policy) -> None:
        self.part = part
        if part.about_objects:
            possible = part.possible
            outcomes = (NOT[bits] for bits in part.outcomes)
            self._about_object(lambda principal: NOT[possible(principal)], outcomes, may_query=part.may_query)
        else:
            admits = part.admits
            self._about_caller(lambda principal: not admits(principal), may_query=part.may_query)

    def bits(self, principal: Principal, obj: Any) -> Bits:
        """The negation of the part's."""
        return NOT[self.part.bits(principal, obj)]

    def rows(self, model: type[Model], principal: Principal, value: bool) -> Q | bool:
        """TRUE where the part is FALSE, and the other way round."""
        return self.part.rows(model, principal, not value)

    def leaves(self) -> Iterator[Policy]:
        """The part's."""
        return self.part.leaves()

    def _bind(self, model: type[Model]) -> None:
        self.part._bind(model)

    def _conceivable(self) -> Bits:
        return NOT[self.part._conceivable()]

    def __repr__(self) -> str:
        return f"~({self.part!r})" if isinstance(self.part, Composed) else f"~{self.part!r}"

    def describe(self) -> str:
        """The part's phrase, denied."""
        return f"not ({self.part.describe()})"


class Conceivable(Policy):
    """Admits a caller whom the inner rule does not refuse outright: who may do it to some object. For OPTIONS."""

    __slots__ = ("part",)

    def __init__(self, part: Policy) -> None:
        self.part = part
        admits = part.admits
        self._about_caller(lambda principal: admits(principal) is not False, may_query=part.may_query)

    def leaves(self) -> Iterator[Policy]:
        """The part's: this rule mentions what it mentions."""
        return self.part.leaves()

    def _conceivable(self) -> Bits:
        return TRUE if VERDICT[self.part._conceivable()] is not False else FALSE

    def __repr__(self) -> str:
        return f"Conceivable({self.part!r})"

    def describe(self) -> str:
        """The part's phrase, for some object."""
        return f"for some object: {self.part.describe()}"
