"""What is said of a rule before anybody calls holds for whoever calls: random rules, held against every caller."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

from hypothesis import given, settings, strategies as st

from stockade.core.credential import Credential
from stockade.core.principal import ANONYMOUS, Kind, Principal
from stockade.drf.schema import rules
from stockade.pipeline.leaf import Leaf
from stockade.policy import Authenticated, Nobody, Owner, Policy, Public, Role, Scheme, Scope

NAMES = ("a", "b", "c")
ROLES = ("R", "S")


def _some(names: tuple[str, ...]) -> list[frozenset[str]]:
    return [
        frozenset(one) for one in chain.from_iterable(combinations(names, n) for n in range(len(names) + 1))
    ]


KNOWN = [
    Principal(kind, "1", roles=roles, scopes=scopes)
    for kind in (Kind.USER, Kind.SERVICE)
    for roles in _some(ROLES)
    for scopes in (None, *_some(NAMES))
]
LEAVES = st.one_of(
    st.sets(st.sampled_from(NAMES), min_size=1).map(lambda names: Scope(*sorted(names))),
    st.sampled_from(ROLES).map(Role),
    st.sampled_from([Authenticated(), Public(), Nobody(), Owner("author")]),
)
RULES: st.SearchStrategy[Policy] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: two[0] & two[1]),
        st.tuples(inner, inner).map(lambda two: two[0] | two[1]),
        inner.map(lambda one: ~one),
    ),
    max_leaves=8,
)


def leaf(
    rule: Policy | None, visible: Policy | None = None, *, method: str = "GET", detail: bool = False
) -> Leaf:
    return Leaf(
        method, "", rule, visible, limits=(), cost=1, guarded=True, detail=detail, view="v", limited=True,
        ignores_credentials=False, probe=False, cls=None,
    )  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(RULES)
def test_whoever_is_let_in_has_the_scopes_of_one_way(rule: Policy) -> None:
    ways = rules.scopes(leaf(rule))
    for principal in KNOWN:
        if principal.scopes is not None and rule.admits(principal) is True:
            assert any(principal.scopes.issuperset(way) for way in ways), (rule, principal, ways)


@settings(max_examples=300, deadline=None)
@given(RULES)
def test_no_way_asks_for_more_than_another(rule: Policy) -> None:
    ways = [frozenset(way) for way in rules.scopes(leaf(rule))]
    assert ways
    assert not any(one < other for one in ways for other in ways)


@settings(max_examples=300, deadline=None)
@given(RULES, st.booleans())
def test_who_is_refused_at_the_door_was_told_that_he_may_be(rule: Policy, services: bool) -> None:
    told = rules.may_forbid(leaf(rule), services)
    for principal in KNOWN:
        if rule.admits(principal) is False and (services or principal.kind is Kind.USER):
            assert told, (rule, principal)


@settings(max_examples=300, deadline=None)
@given(RULES)
def test_what_is_called_open_is_open(rule: Policy) -> None:
    assert rules.admits_anyone(leaf(rule)) is (rule.admits(ANONYMOUS) is not False)


def test_ways_without_number_are_cut_to_what_all_of_them_ask_for() -> None:
    rule: Policy = Scope("needed")
    for number in range(12):
        rule = rule & (Scope(f"x{number}") | Scope(f"y{number}"))
    assert rules.scopes(leaf(rule)) == [("needed",)]


def test_what_may_be_seen_is_asked_where_an_object_is_fetched_and_not_where_one_is_made() -> None:
    seen, action = Scope("read"), Scope("write")
    assert rules.scopes(leaf(action, seen, method="PUT", detail=True)) == [("read", "write")]
    assert rules.scopes(leaf(action, seen, method="POST")) == [("write",)]
    assert rules.scopes(leaf(action, seen)) == [("read", "write")]


def test_a_view_without_a_rule_is_open_to_nobody() -> None:
    assert not rules.admits_anyone(leaf(None))


def test_a_rule_of_the_projects_own_that_fails_opens_nothing() -> None:
    class Asks:
        about_objects = False

        def check(self, principal: Principal, obj: object, /) -> bool:
            raise RuntimeError("no database at hand")

        def filter(self, principal: Principal, /) -> object:
            raise NotImplementedError

    assert not rules.admits_anyone(leaf(Authenticated() | Asks()))  # type: ignore[arg-type]


SCHEMES = ("jwt", "token", "session")
BY_SCHEME: st.SearchStrategy[Policy] = st.recursive(
    LEAVES | st.sets(st.sampled_from(SCHEMES), min_size=1).map(lambda names: Scheme(*sorted(names))),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: two[0] & two[1]),
        st.tuples(inner, inner).map(lambda two: two[0] | two[1]),
        inner.map(lambda one: ~one),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(BY_SCHEME)
def test_whoever_is_let_in_came_by_a_scheme_that_is_named(rule: Policy) -> None:
    named = rules.schemes(leaf(rule))
    for known in KNOWN:
        for scheme in SCHEMES:
            caller = replace(known, credential=Credential(scheme, "id", "1"))
            if rule.admits(caller) is not False and named is not None:
                assert scheme in named, (rule, scheme)
        if rule.admits(known) is not False:
            assert named is None, "who shows no credential is let in"


def test_the_schemes_of_a_rule_are_named() -> None:
    for rule, named in (
        (Scheme("jwt") & Role("R"), {"jwt"}),
        (Scheme("jwt") & Role("R") | Scheme("token"), {"jwt", "token"}),
        (Scheme("jwt") | Role("R"), None),
        (Scheme("jwt", "token") & ~Scheme("token"), {"jwt", "token"}),
        (Scheme("jwt") & (Scheme("jwt") | Scheme("token")), {"jwt"}),
    ):
        assert rules.schemes(leaf(rule)) == named
