"""A signing key is stolen and revoked: its signatures open nothing, on any worker, though it was idle meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

import stockade
from stockade import keyring
from stockade.core import clock
from stockade.keyring import store
from stockade.models import Session, SigningKey
from stockade.schemes.jwt.scheme import JWTScheme

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.every_state]


def test_a_worker_that_has_not_heard_of_a_revoked_key_does_not_take_its_tokens(
    alice: User, anonymous: Client
) -> None:
    """Revoked by another process; this one has the old ring, and sees a forged token for the first time."""
    assert anonymous.get("/private/").status_code == 401  # the worker is warm
    tokens = [stockade.issue(alice).access for _ in range(2)]
    stale = keyring.ring()
    keyring.retire(stale.signer().kid, compromised=True)
    store._ring = stale  # what this process would still have
    for token in tokens:
        for _ in range(2):
            answer = anonymous.get("/private/", headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 401


def test_a_key_that_is_revoked_while_its_token_is_verified_opens_nothing(
    alice: User, anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By another process, after this one has looked at the ring and before it asks the state who the token is."""
    assert anonymous.get("/private/").status_code == 401  # the worker is warm
    token = stockade.issue(alice).access
    stale = keyring.ring()
    real, turns = JWTScheme.verify, []

    def verify_and_revoke(self: JWTScheme, *arguments: Any) -> Any:
        credential = real(self, *arguments)
        if not turns:
            turns.append(1)
            forgotten = keyring.generation()
            keyring.retire(stale.signer().kid, compromised=True)
            store._ring, store._forgotten = stale, forgotten  # what this process would still have
            # A thief makes tokens for whatever session he knows of, also one that rests on another key and lives on.
            Session.objects.update(ended_at=None)
        return credential

    monkeypatch.setattr(JWTScheme, "verify", verify_and_revoke)
    for _ in range(2):
        answer = anonymous.get("/private/", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401


def test_a_token_that_a_worker_remembers_ends_with_its_key_as_it_does_elsewhere(
    alice: User, anonymous: Client, configure: Callable[..., None]
) -> None:
    """Tokens live for a day, and an operator has the old key verify for five minutes only: so it is elsewhere, too."""
    configure(JWT={"ACCESS_LIFETIME": "1d"})
    old = stockade.issue(alice)
    bearer = {"authorization": f"Bearer {old.access}"}
    assert anonymous.get("/private/", headers=bearer).status_code == 200
    keyring.rotate(now=True)
    key = SigningKey.objects.get(pk=old.refresh.split(".")[3])
    key.verifies_until = clock.now_datetime() + timedelta(seconds=300)
    key.save()
    keyring.forget()
    assert anonymous.get("/private/", headers=bearer).status_code == 200
    clock.shift(299)
    assert anonymous.get("/private/", headers=bearer).status_code == 200
    clock.shift(2)
    assert anonymous.get("/private/", headers=bearer).status_code == 401


def test_nor_its_refresh_tokens(alice: User, anonymous: Client, project: Any) -> None:
    project.ROOT_URLCONF = "tests.schemes.urls"
    assert anonymous.get("/api/sessions/").status_code == 401  # the worker is warm
    refresh = stockade.issue(alice).refresh
    stale = keyring.ring()
    keyring.retire(stale.signer().kid, compromised=True)
    store._ring = stale
    answer = anonymous.post("/api/token/refresh/", {"refresh": refresh}, content_type="application/json")
    assert answer.status_code == 401, answer.content


def test_a_worker_that_has_not_heard_of_a_new_key_takes_its_tokens(alice: User, anonymous: Client) -> None:
    """Rotated by another process while this one was idle: its callers are no forgers."""
    assert anonymous.get("/private/").status_code == 401  # the worker is warm
    stale = keyring.ring()
    keyring.rotate(now=True)
    access = stockade.issue(alice).access
    store._ring = stale
    answer = anonymous.get("/private/", headers={"authorization": f"Bearer {access}"})
    assert answer.status_code == 200, answer.content
