"""Whoever keeps our JWKS as long as it allows meets no unknown key, however often keys and settings change."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

import stockade
from stockade import keyring
from stockade.core import clock
from stockade.models import Session, SigningKey
from tests.keyring.conftest import STOCKADE
from tests.keyring.consumer import Answer, Consumer, SharedCache, UnknownKid, header_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),  # its name is: RFC 9864
]
ALGORITHMS = ("ES256", "EdDSA")
AGES = ("1m", "10m", "1h")
LIFETIMES = ("1m", "5m", "30m")
SKEW = 20.0  # seconds by which the clocks of verifiers are wrong; below the margin


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def site(project: Any) -> Iterator[Any]:
    """The key set behind the middleware."""
    project.ROOT_URLCONF = "tests.schemes.urls"
    project.MIDDLEWARE = ["stockade.web.Middleware"]
    project.STOCKADE = {**STOCKADE, "LIMITS": {}}
    return project


def fetch(headers: Mapping[str, str]) -> Answer:
    answer = Client().get("/.well-known/jwks.json", headers=dict(headers))
    return Answer(answer.status_code, dict(answer.headers), answer.content)


def later(seconds: float) -> float:
    return clock.now() + seconds


def configure(site: Any, chance: random.Random) -> None:
    """An operator changes everything that the waits are derived from."""
    site.STOCKADE = {
        **STOCKADE,
        "LIMITS": {},
        "KEYRING": {"JWKS_MAX_AGE": chance.choice(AGES)},
        "JWT": {"ALGORITHM": chance.choice(ALGORITHMS), "ACCESS_LIFETIME": chance.choice(LIFETIMES)},
    }


@pytest.mark.parametrize("seed", range(4))
def test_no_cache_meets_an_unknown_key(site: Any, alice: User, seed: int) -> None:
    chance = random.Random(seed)
    between = SharedCache(fetch, clock.now)
    consumers = [
        *(Consumer(fetch, partial(later, skew)) for skew in (-SKEW, 0, SKEW)),
        *(Consumer(between.fetch, partial(later, skew)) for skew in (0, SKEW)),
    ]
    tokens: list[tuple[float, str]] = []
    kids = set()
    for _ in range(300):
        clock.shift(chance.uniform(0, 400))
        match chance.randrange(6):
            case 0:
                configure(site, chance)
            case 1:
                keyring.rotate()
            case 2:
                keyring.rotate_if_due()
            case 3:
                for info in keyring.listing():
                    over = info.retire_from is not None and info.retire_from <= clock.now_datetime()
                    if over and info.state != "published":
                        keyring.retire(info.kid)
        if chance.random() < 0.1:
            Session.objects.all().delete()  # so that keys can be retired before thirty days are over
        pair = stockade.issue(alice)
        tokens = [(expires, token) for expires, token in tokens if expires > clock.now()]
        tokens.append((pair.expires, pair.access))
        kids.add(header_of(pair.access)["kid"])
        # Now and then somebody is asleep, and has an old key set when he wakes.
        for consumer in consumers:
            if chance.random() < 0.7:
                for _, token in tokens:
                    consumer.verify(token)
    assert len(kids) > 10
    assert SigningKey.objects.filter(state="retired").exists()
    assert all(10 < consumer.fetches < 300 for consumer in consumers)


def test_a_cache_meets_one_where_the_wait_is_left_out(site: Any, alice: User) -> None:
    """The consumer is as strict as it says: a rotation that does not wait is noticed."""
    consumer = Consumer(fetch, clock.now)
    consumer.verify(stockade.issue(alice).access)
    keyring.rotate(now=True)
    with pytest.raises(UnknownKid):
        consumer.verify(stockade.issue(alice).access)
    clock.shift(601)
    consumer.verify(stockade.issue(alice).access)


def test_a_compromised_key_is_unknown_to_a_cache_for_no_longer_than_it_may_be_kept(
    site: Any, alice: User
) -> None:
    """As documented: it costs verifiers elsewhere up to JWKS_MAX_AGE, unless a key is published already."""
    consumer = Consumer(fetch, clock.now)
    consumer.verify(stockade.issue(alice).access)
    keyring.retire(keyring.ring().signer().kid, compromised=True)
    with pytest.raises(UnknownKid):
        consumer.verify(stockade.issue(alice).access)
    clock.shift(601)
    consumer.verify(stockade.issue(alice).access)
    waiting = keyring.rotate()
    clock.shift(661 - 60)  # everybody has fetched it, and it does not sign yet
    consumer.verify(stockade.issue(alice).access)
    keyring.retire(keyring.ring().signer().kid, compromised=True)
    token = stockade.issue(alice).access
    assert header_of(token)["kid"] == waiting
    consumer.verify(token)
