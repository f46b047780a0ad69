"""Two calls at once, with the second made to happen in the middle of the first: the outcome has an order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from stockade import keyring
from stockade.core.errors import InvalidCredential
from stockade.keyring import store
from stockade.models import Session
from stockade.schemes.jwt import (
    JWTScheme,
    Pair,
    access,
    end_own,
    issue,
    redeem,
    redemption,
    revoke,
    sessions,
)

pytestmark = pytest.mark.django_db(transaction=True)


def before(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, work: Callable[[], object]) -> None:
    """Have `work` happen once, completely, just before `module.name` is called for the first time."""
    original = getattr(module, name)
    left = [work]

    def instead(*args: Any, **kwargs: Any) -> Any:
        if left:
            left.pop()()
        return original(*args, **kwargs)

    monkeypatch.setattr(module, name, instead)


def admitted(pair: Pair) -> bool:
    try:
        JWTScheme().load(access.verify(pair.access))
    except InvalidCredential:
        return False
    return True


def test_of_two_who_end_a_session_only_one_is_told_that_he_did(
    alice: Any, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session.objects.get(pk=pair.session)
    before(monkeypatch, sessions, "persist", lambda: revoke(pair.refresh))
    assert end_own(alice.pk, session.pk) is False


def test_a_refresh_while_its_key_is_revoked_takes_another(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is stolen while it signs. Its sessions end; one that got it a moment later would have outlived it."""
    first = issue(alice)
    stolen = keyring.rotate(now=True)
    stale = keyring.ring()

    def elsewhere() -> None:
        keyring.retire(stolen, compromised=True)
        store._ring = stale  # another process did it; this one has not heard yet

    before(monkeypatch, redemption, "persist", elsewhere)
    second = redeem(first.refresh)
    keyring.forget()  # the next request hears of it
    assert Session.objects.get().kid == second.refresh.split(".")[3] != stolen
    assert admitted(first)
    assert redeem(second.refresh)


def test_a_login_while_its_key_is_revoked_takes_another(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stolen = issue(alice).refresh.split(".")[3]
    stale = keyring.ring()

    def elsewhere() -> None:
        keyring.retire(stolen, compromised=True)
        store._ring = stale

    before(monkeypatch, sessions, "with_signer", elsewhere)
    pair = issue(alice)
    keyring.forget()
    assert Session.objects.get(pk=pair.session).kid == pair.refresh.split(".")[3] != stolen
    assert admitted(pair)
    assert redeem(pair.refresh)


def test_a_key_is_revoked_after_the_refresh_that_is_writing_its_id(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun while the refresh holds its row: the revocation must wait, or it would not see the session."""
    first = issue(alice)
    stolen = keyring.rotate(now=True)
    done: list[str] = []
    revoking = threading.Thread(target=lambda: done.append(revoke_key(stolen)))

    def meanwhile() -> None:
        revoking.start()
        revoking.join(0.3)  # it cannot end before we do; if it does, the session outlives its key
        assert done == []

    before(monkeypatch, redemption, "confirm", meanwhile)
    second = redeem(first.refresh)
    revoking.join(30)
    assert done == [stolen]
    assert second.refresh.split(".")[3] == stolen
    assert Session.objects.get().end_reason == "key_compromised"
    assert not admitted(first)


def test_a_refresh_within_the_leeway_is_not_refused_for_a_key_that_this_worker_has_not_heard_of(
    alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tabs refresh while the keys are rotated: the other one, on another worker, got the new key's token."""
    first = issue(alice)
    stale = keyring.ring()
    with pytest.raises(InvalidCredential):
        redeem(
            f"{first.refresh.rpartition('.')[0][:-43]}{'x' * 43}.{'x' * 43}"
        )  # a forger had the turn to look
    found = []

    def elsewhere() -> None:
        keyring.rotate(now=True)
        found.append(redeem(first.refresh).refresh)
        store._ring = stale

    before(monkeypatch, redemption, "persist", elsewhere)
    assert redeem(first.refresh).refresh == found[0]


@pytest.mark.parametrize("call", [redeem, revoke])
def test_a_token_whose_key_is_revoked_while_it_is_shown_ends_nothing(
    call: Callable[[str], object], alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its MAC was good when it was looked at; by the time that it would end the session it is noise."""
    first = issue(alice)
    keyring.rotate(now=True)
    last = redeem(redeem(first.refresh).refresh)

    def elsewhere() -> None:
        keyring.retire(first.refresh.split(".")[3], compromised=True)

    before(monkeypatch, redemption, "persist", elsewhere)
    with pytest.raises(InvalidCredential) as caught:
        call(first.refresh)
    assert caught.value.reason == "refresh_unknown_kid"
    assert admitted(last)
    assert redeem(last.refresh)


def revoke_key(kid: str) -> str:
    try:
        keyring.retire(kid, compromised=True)
    finally:
        connections.close_all()
    return kid
