"""The agreement test has teeth: each wrong compiler that one might write in good faith is found out by it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.db.models import Exists, Model, OuterRef, Q

from stockade.core.principal import Principal
from stockade.policy import Public, lookups, owner, sql, values
from stockade.policy.composed import AnyOf, Composed, Not
from stockade.policy.logic import ANY, FALSE, TRUE, Bits
from tests.policy import world
from tests.policy.test_agreement import disagreement

pytestmark = pytest.mark.django_db

Patch = Callable[[pytest.MonkeyPatch], None]


def joins_instead_of_exists(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sql, "exists", lambda model, q, value=True: q if value else ~q)


def djangos_not_instead_of_sqls(patch: pytest.MonkeyPatch) -> None:
    def rows(self: Not, model: type[Model], principal: Principal, value: bool) -> Q | bool:
        if not value:
            return self.part.rows(model, principal, True)
        found = self.part.rows(model, principal, True)
        return not found if isinstance(found, bool) else ~found

    patch.setattr(Not, "rows", rows)


def null_is_false_in_python(patch: pytest.MonkeyPatch) -> None:
    def judge(found: Any, holds: Callable[[Any], bool]) -> Bits:
        if found is values.UNSURE:
            return ANY
        return TRUE if found is not None and holds(found) else FALSE

    patch.setattr(values, "judge", judge)
    patch.setattr(owner, "judge", judge)


def de_morgan_forgotten(patch: pytest.MonkeyPatch) -> None:
    def rows(self: Composed, model: type[Model], principal: Principal, value: bool) -> Q | bool:
        join: Callable[[Iterable[Q | bool]], Q | bool] = (
            sql.disjunction if isinstance(self, AnyOf) else sql.conjunction
        )
        return join(part.rows(model, principal, value) for part in self.parts)

    patch.setattr(Composed, "rows", rows)


def unknown_left_to_whoever_negates(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        lookups.Lookup, "rows", lambda self, model, principal, value: Q((self._name, self._value)) if value else
        sql.negation(Q((self._name, self._value))),
    )  # fmt: skip


def rows_that_a_manager_hides(patch: pytest.MonkeyPatch) -> None:
    def exists(model: Any, q: Q, value: bool = True) -> Q:
        found = Q(Exists(model._default_manager.filter(pk=OuterRef("pk")).filter(q)))
        return found if value else ~found

    patch.setattr(sql, "exists", exists)


def text_without_case(patch: pytest.MonkeyPatch) -> None:
    exact = values.exact
    patch.setattr(
        values, "exact", lambda kind, value: value.lower() if type(value) is str else exact(kind, value)
    )


def an_empty_q_for_everyone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sql, "constant", lambda value: Q() if value else Q(pk__in=()))


def times_compared_by_their_hands(patch: pytest.MonkeyPatch) -> None:
    exact = values.exact
    patch.setattr(
        values,
        "exact",
        lambda kind, value: value.replace(tzinfo=None) if hasattr(value, "hour") else exact(kind, value),
    )


@pytest.mark.parametrize(
    "sabotage",
    [
        joins_instead_of_exists, djangos_not_instead_of_sqls, null_is_false_in_python, de_morgan_forgotten,
        unknown_left_to_whoever_negates, rows_that_a_manager_hides, text_without_case, an_empty_q_for_everyone,
        times_compared_by_their_hands,
    ],
)  # fmt: skip
def test_a_wrong_compiler_is_found_out(sabotage: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(9)
    users = world.populate(chance)
    sabotage(monkeypatch)
    # Where a mistake shows in few conditions, the tests of a run cannot wait until one comes up by chance.
    lookup = world.instant if sabotage is times_compared_by_their_hands else world.lookup
    for _ in range(600):
        # Half of them conditions alone: most mistakes are in these, and other rules beside them hide them.
        alone = Public(where=world.condition(chance, users, lookup=lookup))
        policy = alone if chance.random() < 0.5 else world.policy(chance, users, depth=2)
        if any(disagreement(policy, principal) for principal in chance.sample(world.callers(users), 2)):
            return
    pytest.fail("nobody noticed")
