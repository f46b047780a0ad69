"""A list never shows what a detail view refuses: `filter` returns exactly what `check` admits, whatever the policy."""

from __future__ import annotations

import os
import random
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from stockade.core.principal import Principal
from stockade.policy import Policy
from tests.policy import world
from tests.policy_app.models import Doc

pytestmark = pytest.mark.django_db

POLICIES = 20


def disagreement(policy: Policy, principal: Principal) -> str | None:
    """What differs between the filter and the check, over every document; None if nothing does."""
    listed = [doc.pk for doc in Doc.every.filter(policy.filter(principal))]
    if len(set(listed)) != len(listed):
        return f"duplicates: {policy!r}"
    hidden = {doc.pk for doc in Doc.every.exclude(policy.filter(principal))}
    bare = list(Doc.every.all())
    loaded = list(
        Doc.every.select_related("author", "project__org", "parent__parent", "badge", "reviewer", "cover")
    )
    admitted = {doc.pk for doc in bare if policy.check(principal, doc)}
    if admitted != set(listed):
        return f"filter {len(listed)}, check {len(admitted)}: {policy!r} for {principal!r}"
    if admitted != {doc.pk for doc in loaded if policy.check(principal, doc)}:
        return f"loaded relations change the check: {policy!r} for {principal!r}"
    if hidden != {doc.pk for doc in bare} - admitted:
        return f"exclude is not the complement: {policy!r} for {principal!r}"
    verdict = policy.admits(principal)
    if verdict is not None and admitted != ({doc.pk for doc in bare} if verdict else set()):
        return f"admits said {verdict}: {policy!r} for {principal!r}"
    if admitted != {doc.pk for doc in bare if policy.check_new(principal, doc)}:
        return f"what is stored is judged otherwise: {policy!r} for {principal!r}"
    return None


@pytest.mark.parametrize("seed", range(int(os.environ.get("POLICY_SEEDS", "4"))))
def test_a_list_shows_exactly_what_the_check_admits(seed: int) -> None:
    chance = random.Random(seed)
    users = world.populate(chance)
    for _ in range(POLICIES):
        policy = world.policy(chance, users)
        for principal in chance.sample(world.callers(users), 3):
            assert disagreement(policy, principal) is None


@given(seed=st.integers(0, 2**32))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_no_seed_makes_list_and_check_disagree(seed: int, few: list[Any]) -> None:
    chance = random.Random(seed)
    policy = world.policy(chance, few, depth=4)
    for principal in world.callers(few):
        assert disagreement(policy, principal) is None


@pytest.fixture
def few(db: None) -> list[Any]:
    return world.populate(random.Random(7), docs=8)


@pytest.mark.soak
def test_hours_of_random_policies_find_no_disagreement(few: list[Any]) -> None:
    end = time.monotonic() + float(os.environ.get("SOAK_SECONDS", "60"))
    seed = random.SystemRandom().randrange(2**32)
    while time.monotonic() < end:
        chance = random.Random(seed)
        policy = world.policy(chance, few, depth=5)
        for principal in world.callers(few):
            assert disagreement(policy, principal) is None, seed
        seed += 1
