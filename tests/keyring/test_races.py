"""Many workers without a key at once, transactions that are rolled back, and event loops."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from stockade import keyring
from stockade.keyring.life import ensure
from stockade.models import SigningKey
from tests.keyring.conftest import STOCKADE
from tests.servers import run_processes

pytestmark = pytest.mark.django_db(transaction=True)


def first_signer(index: int, atomic: bool) -> str:
    """In a process of its own: what ATOMIC_REQUESTS does around a view, or nothing."""
    from django.conf import settings

    settings.STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}}
    if not atomic:
        return keyring.ring().signer().kid
    with transaction.atomic():
        return keyring.ring().signer().kid


def rotation(index: int) -> str:
    from django.conf import settings

    settings.STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}}
    return keyring.rotate()


@pytest.mark.parametrize("atomic", [False, True])
def test_eight_workers_that_start_at_once_make_one_signing_key(atomic: bool) -> None:
    kids = run_processes(8, first_signer, atomic, django=True)
    assert len(set(kids)) == 1
    assert SigningKey.objects.filter(state="signing").count() == SigningKey.objects.count() == 1
    assert keyring.ring().signer().kid == kids[0]


def test_a_worker_that_comes_second_takes_the_key_of_the_first() -> None:
    """It saw none, and asks for the first key when another worker has just made it."""
    first = ensure().signer().kid
    assert ensure().signer().kid == first
    assert SigningKey.objects.count() == 1


def test_four_rotations_at_once_publish_one_key() -> None:
    keyring.ring().signer()
    kids = run_processes(4, rotation, django=True)
    assert len(set(kids)) == 1
    assert SigningKey.objects.count() == 2


def timer(index: int) -> tuple[str, tuple[str, ...]]:
    from django.conf import settings

    settings.STOCKADE = {
        "STATE": "memory://",
        "EVENTS": {"SINKS": ["null"]},
        "JWT": {"ALGORITHM": "EdDSA"},
        "KEYRING": {"MARGIN": 0.001},
    }
    turn = keyring.rotate_if_due()
    return turn.published, turn.retired


def test_four_hosts_whose_timers_fire_at_once_publish_one_key_and_retire_each_once(project: Any) -> None:
    project.STOCKADE = {**STOCKADE, "KEYRING": {"MARGIN": 0.001}}
    old = keyring.ring().signer().kid
    current = keyring.rotate(now=True)
    found = run_processes(4, timer, django=True)
    published = [kid for kid, _ in found if kid]
    assert len(published) == 1
    assert sorted(kid for _, retired in found for kid in retired) == [old]
    keyring.forget()
    assert keyring.ring().states() == {current: "signing", published[0]: "published"}


def test_workers_that_raise_the_life_of_tokens_at_once_write_it_once() -> None:
    kid = keyring.ring().signer().kid
    run_processes(4, longer, django=True)
    assert SigningKey.objects.get().kid == kid
    assert SigningKey.objects.get().token_lifetime == 3600


def longer(index: int) -> str:
    from django.conf import settings

    settings.STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}}
    return keyring.ring().signer(3600).kid


def test_a_key_whose_transaction_is_rolled_back_signs_nothing_afterwards() -> None:
    with transaction.atomic():
        lost = keyring.ring().signer().kid
        # Within the transaction everything works, macs included: a login makes both tokens in one.
        assert keyring.ring().signer().kid == lost
        assert keyring.ring().mac(lost, b"p", b"m") is not None
        assert keyring.ring().verifier(lost) is not None
        transaction.set_rollback(True)
    assert SigningKey.objects.count() == 0
    assert keyring.ring().verifier(lost) is None
    assert keyring.ring().signer().kid != lost


def test_a_rotation_that_is_rolled_back_changes_nothing() -> None:
    kid = keyring.ring().signer().kid
    version = keyring.ring().version
    with transaction.atomic():
        keyring.rotate(now=True)
        assert keyring.ring().signer().kid != kid
        transaction.set_rollback(True)
    assert (keyring.ring().signer().kid, keyring.ring().version) == (kid, version)


def test_a_committed_key_is_kept_without_further_sql(django_assert_num_queries: Any) -> None:
    with transaction.atomic():
        kid = keyring.ring().signer().kid
    keyring.ring()
    with django_assert_num_queries(0):
        assert keyring.ring().signer().kid == kid


def test_in_an_event_loop_where_django_refuses_sql() -> None:
    async def use() -> tuple[str, bool]:
        signer = keyring.ring().signer()
        return signer.kid, keyring.ring().verifier(signer.kid) is not None

    kid, verifies = async_to_sync(use)()
    assert verifies
    assert SigningKey.objects.get().kid == kid
