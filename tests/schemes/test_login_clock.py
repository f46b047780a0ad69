"""The time of a failed login does not tell whether the account exists, with hashes of full cost.

By the processor's clock, as `make soak` runs other tests beside it: a failed login computes, and waits for nothing.
Part of the soak since even so it is a measurement; what CI holds is the counted work of `test_login_time.py`.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from stockade.schemes.evening import Evener
from tests.schemes.test_login_time import fail, users

pytestmark = [pytest.mark.django_db, pytest.mark.soak]

SAMPLES = 60


class Old(PBKDF2PasswordHasher):
    """The hasher that the project had before, at about half the cost of the preferred one."""

    algorithm = "fast"
    iterations = 30_000


@pytest.fixture(autouse=True)
def world(project: Any, configure: Callable[..., None]) -> None:
    configure(LIMITS={"login": None, "login_address": None})
    project.PASSWORD_HASHERS = ["stockade.schemes.passwords.Argon2", "tests.schemes.test_login_clock.Old"]


def measured(kinds: dict[str, tuple[str, str]]) -> dict[str, float]:
    """The median time of a failed login of each kind, in seconds of all threads, taken in turns of random order."""
    for name, password in kinds.values():
        fail(name, password)
    rounds = [kind for kind in kinds for _ in range(SAMPLES)]
    random.Random(7).shuffle(rounds)
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    for kind in rounds:
        name, password = kinds[kind]
        begun = time.process_time()
        fail(name, password)
        took[kind].append(time.process_time() - begun)
    return {kind: statistics.median(times) for kind, times in took.items()}


def spread(medians: dict[str, float]) -> float:
    """How much longer the slowest kind takes than the fastest, as a share of the fastest."""
    return max(medians.values()) / min(medians.values()) - 1


@pytest.mark.parametrize("old", [False, True])
def test_no_kind_of_failure_stands_out_by_its_time(old: bool, make_user: Callable[..., Any]) -> None:
    """What is left is in which order the two hashes run: the first one's 19 MiB empty the caches. About 2 %."""
    medians = measured(users(make_user, old=old))
    assert spread(medians) < 0.1, medians


def test_without_evening_out_an_attacker_sees_it(make_user: Callable[..., Any], monkeypatch: Any) -> None:
    """The control of the test above."""
    monkeypatch.setattr(Evener, "even_out", lambda *_: None)
    medians = measured(users(make_user, old=True))
    assert spread(medians) > 0.2, medians
