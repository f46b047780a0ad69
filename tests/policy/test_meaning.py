"""Policies mean what the words say: every row they admit is one that a brute-force reading admits, and no other."""

from __future__ import annotations

import random

import pytest

from stockade.policy import Public
from tests.policy import world
from tests.policy.oracle import Unspoken, condition, truth
from tests.policy_app.models import Doc

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("seed", range(100, 103))
def test_a_policy_admits_what_its_words_say_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    users = world.populate(chance, docs=8)
    docs = list(Doc.every.all())
    compared = 0
    for _ in range(60):
        policy = world.policy(chance, users)
        for principal in chance.sample(world.callers(users), 2):
            try:
                meant = {doc.pk for doc in docs if truth(policy, principal, doc) is True}
            except Unspoken:
                continue
            assert set(Doc.every.filter(policy.filter(principal)).values_list("pk", flat=True)) == meant, (
                policy
            )
            compared += 1
    assert compared > 30  # an oracle that never speaks proves nothing


@pytest.mark.parametrize("seed", range(200, 203))
def test_a_condition_and_its_negation_admit_what_sql_calls_true_and_false(seed: int) -> None:
    chance = random.Random(seed)
    users = world.populate(chance, docs=8)
    docs = list(Doc.every.all())
    nobody = world.callers(users)[0]
    compared = 0
    for _ in range(80):
        q = world.condition(chance, users)
        try:
            meant = {doc.pk: condition(q, doc) for doc in docs}
        except Unspoken:
            continue
        for policy, wanted in ((Public(where=q), True), (~Public(where=q), False), (Public(where=~q), False)):
            found = set(Doc.every.filter(policy.filter(nobody)).values_list("pk", flat=True))
            assert found == {pk for pk, value in meant.items() if value is wanted}, policy
        compared += 1
    assert compared > 30
