"""What a rule means for an operation before anybody calls: who is let in unknown, who refused, by which scopes."""

from __future__ import annotations

from collections.abc import Iterable

from stockade.core.principal import ANONYMOUS
from stockade.pipeline.leaf import Leaf
from stockade.policy import Assurance, Fresh, Owner, Policy, Scheme, Scope
from stockade.policy.composed import All, AnyOf, Composed, Conceivable, Not
from stockade.policy.logic import ANY, FALSE, NOT, TRUE, VERDICT, Bits
from stockade.policy.proof import relieved

_MOST = 16  # alternatives that anybody would read

Scopes = frozenset[str]


def asked(leaf: Leaf) -> list[Policy]:
    """The rules that a caller must pass: the action's, and where an object is fetched or listed what may be seen."""
    if leaf.rule is None:
        return []
    sees = leaf.guarded and leaf.visible is not None and leaf.visible is not leaf.rule
    if sees and (leaf.detail or leaf.safe):
        assert leaf.visible is not None  # noqa: S101 - for the type checker
        return [leaf.rule, leaf.visible]
    return [leaf.rule]


def admits_anyone(leaf: Leaf) -> bool:
    """Whether a caller who shows nothing may get an answer."""
    rules = asked(leaf)
    return bool(rules) and all(_admits_anonymous(rule) for rule in rules)


def _admits_anonymous(rule: Policy) -> bool:
    try:
        return rule.admits(ANONYMOUS) is not False
    except Exception:  # noqa: BLE001 - a rule of the project's own, which may want a database that is not there
        return False


def scopes(leaf: Leaf) -> list[tuple[str, ...]]:
    """The scopes that a bounded credential must have, one entry for each way in; one empty entry where none matter.

    Where there are more ways than anybody would read, the one entry is what all of them ask for.
    """
    ways: set[Scopes] = {frozenset()}
    try:
        for rule in asked(leaf):
            ways = _both(ways, _ways(rule))
    except _TooManyWays:
        ways = {frozenset().union(*(_needed(rule) for rule in asked(leaf)))}
    return sorted(tuple(sorted(way)) for way in ways)


class _TooManyWays(Exception):
    pass


def _needed(rule: Policy) -> Scopes:
    """What every way in asks for."""
    if isinstance(rule, Scope):
        return frozenset(rule.names)
    if isinstance(rule, Conceivable):
        return _needed(rule.part)
    if isinstance(rule, All):
        return frozenset().union(*(_needed(part) for part in rule.parts))
    if isinstance(rule, AnyOf):
        return _common([_needed(part) for part in _conceivable(rule)])
    return frozenset()  # the negation of a scope asks for none


def _common(several: list[Scopes]) -> Scopes:
    return frozenset.intersection(*several) if several else frozenset()


def _conceivable(rule: AnyOf) -> list[Policy]:
    """The parts that let anybody in."""
    return [part for part in rule.parts if part._conceivable() & TRUE]


def _ways(rule: Policy) -> set[Scopes]:
    if isinstance(rule, Scope):
        return {frozenset(rule.names)}
    if isinstance(rule, Conceivable):
        return _ways(rule.part)
    if isinstance(rule, All):
        ways: set[Scopes] = {frozenset()}
        for part in rule.parts:
            ways = _both(ways, _ways(part))
        return ways
    if isinstance(rule, AnyOf):
        return _least(way for part in _conceivable(rule) for way in _ways(part)) or {frozenset()}
    return {frozenset()}


def _both(left: set[Scopes], right: set[Scopes]) -> set[Scopes]:
    return _least(one | other for one in left for other in right)


def _least(ways: Iterable[Scopes]) -> set[Scopes]:
    """Without those that ask for more than another does.

    Raises:
        _TooManyWays: there are more than the document would name.
    """
    found = set(ways)
    least = {way for way in found if not any(other < way for other in found)}
    if len(least) > _MOST:
        raise _TooManyWays
    return least


def schemes(leaf: Leaf) -> frozenset[str] | None:
    """The names of the schemes that a caller may come by; None for any."""
    found = [named for rule in asked(leaf) if (named := _named(rule)) is not None]
    return frozenset.intersection(*found) if found else None


def _named(rule: Policy) -> frozenset[str] | None:
    if isinstance(rule, Scheme):
        return frozenset(rule.names)
    if isinstance(rule, Conceivable):
        return _named(rule.part)
    if isinstance(rule, All):
        found = [named for part in rule.parts if (named := _named(part)) is not None]
        return frozenset.intersection(*found) if found else None
    if isinstance(rule, AnyOf):
        ways = [_named(part) for part in _conceivable(rule)]
        known = [way for way in ways if way is not None]
        return frozenset().union(*known) if ways and len(known) == len(ways) else None
    return None  # also the negation: whoever it leaves out is told so by 403


def proof(leaf: Leaf) -> str:
    """What the rules ask of the login behind a credential, in words; "" for nothing."""
    found = [one for rule in asked(leaf) for one in rule.leaves() if isinstance(one, Fresh | Assurance)]
    return " or ".join(dict.fromkeys(one.describe() for one in found))


def may_forbid(leaf: Leaf, services: bool, machines: bool = False) -> bool:
    """Whether a known caller can get 403 by the policy: refused whatever the object, or to do this to what it sees.

    Args:
        leaf: with a rule.
        services: whether a caller may be a service.
        machines: whether a caller may be one that nobody can log in for again: who else wants for nothing but a login
            is told so by 401.
    """
    rule = leaf.rule
    assert rule is not None  # noqa: S101 - a view that is shut is described without
    seen = leaf.visible
    if not machines:
        whole = seen is rule
        rule = relieved(rule)
        seen = rule if whole else seen
    # Whoever may not do it to any object is told so only of one that he sees (`Engine.decide`).
    unseen = seen is rule and rule.about_objects and leaf.guarded and leaf.detail
    if not unseen and any(VERDICT[bits] is False for bits in _outcomes(rule, services)):
        return True
    apart = seen is not None and seen is not rule and leaf.detail
    leaves_another_state = not leaf.safe and leaf.method != "DELETE"
    return rule.about_objects and (apart or leaves_another_state)


def _outcomes(rule: Policy, services: bool) -> frozenset[Bits]:
    """What a rule can be for callers who are known, before the object is."""
    if isinstance(rule, Composed):
        found: set[Bits] = {rule.START}
        for part in rule.parts:
            found = {rule.TABLE[bits][other] for bits in found for other in _outcomes(part, services)}
        return frozenset(found)
    if isinstance(rule, Not):
        return frozenset(NOT[bits] for bits in _outcomes(rule.part, services))
    if isinstance(rule, Owner):
        return rule.outcomes if services else frozenset({ANY})
    if rule.about_objects:
        return rule.outcomes
    return frozenset(bits for bits in (TRUE, FALSE) if rule._conceivable() & bits)
