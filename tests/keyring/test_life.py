"""Publish, sign, retire, revoke: by the clock, without SQL, the same in every process."""

from __future__ import annotations

from typing import Any

import pytest

from stockade import keyring
from stockade.core import clock
from stockade.keyring.ring import Ring
from stockade.models import SigningKey

pytestmark = pytest.mark.django_db
WAIT = 660  # ten minutes that a JWKS is cached, and a minute
LIFE = 300


def states() -> dict[str, str]:
    """As the ring has them now, without asking SQL again."""
    return keyring.ring().states()


def first() -> str:
    kid = keyring.ring().signer().kid
    keyring.ring()
    return kid


class TestRotation:
    def test_published_long_before_it_signs_and_the_old_one_verifies_long_after(
        self, django_assert_num_queries: Any
    ) -> None:
        old = first()
        new = keyring.rotate(lifetime=LIFE)
        assert states() == {old: "signing", new: "published"}
        with django_assert_num_queries(0):
            assert keyring.ring().signer().kid == old
            assert keyring.ring().verifier(new) is not None
            assert [jwk["kid"] for jwk in keyring.ring().jwks()["keys"]] == [new, old]
            clock.shift(WAIT - 1)
            assert keyring.ring().signer().kid == old
            clock.shift(2)
            assert keyring.ring().signer().kid == new
            assert states() == {old: "retired", new: "signing"}
            assert keyring.ring().verifier(old) is not None
            clock.shift(LIFE - 3)
            assert keyring.ring().verifier(old) is not None
            clock.shift(3)
        assert keyring.ring().verifier(old) is None
        assert states() == {old: "expired", new: "signing"}
        assert [jwk["kid"] for jwk in keyring.ring().jwks()["keys"]] == [new]
        assert keyring.ring().mac(old, b"p", b"m") is not None  # sessions are not ended by a rotation

    def test_another_process_comes_to_the_same_states_and_version(self) -> None:
        first()
        keyring.rotate(lifetime=LIFE)
        seen = []
        for seconds in (0, WAIT + 1, LIFE):
            clock.shift(seconds)
            mine = keyring.ring()
            keyring.forget()
            other = keyring.ring()
            assert (other.states(), other.version) == (mine.states(), mine.version)
            seen.append(mine.version)
        assert len(set(seen)) == 3

    def test_asking_twice_makes_one_key(self) -> None:
        first()
        assert keyring.rotate() == keyring.rotate()
        assert SigningKey.objects.count() == 2

    def test_now(self) -> None:
        old = first()
        new = keyring.rotate(now=True, lifetime=LIFE)
        assert keyring.ring().signer().kid == new
        assert states() == {old: "retired", new: "signing"}
        clock.shift(LIFE + 1)
        assert keyring.ring().verifier(old) is None

    def test_now_lets_the_published_one_sign(self) -> None:
        old = first()
        waiting = keyring.rotate(lifetime=LIFE)
        assert keyring.rotate(now=True, lifetime=LIFE) == waiting
        assert keyring.ring().signer().kid == waiting
        clock.shift(LIFE + 1)  # not WAIT + LIFE, as was planned before
        assert keyring.ring().verifier(old) is None

    def test_to_another_algorithm(self, project: Any) -> None:
        old = first()
        project.STOCKADE = {**project.STOCKADE, "JWT": {"ALGORITHM": "HS256"}}
        assert keyring.ring().signer().kid == old  # a setting is for new keys
        new = keyring.rotate()
        clock.shift(WAIT + 1)
        signer = keyring.ring().signer()
        assert (signer.kid, signer.algorithm) == (new, "HS256")
        verifier = keyring.ring().verifier(old)
        assert verifier is not None
        assert verifier.algorithm == "ES256"
        with pytest.raises(ValueError, match="none"):
            keyring.rotate(algorithm="none")

    def test_rows_follow_when_something_is_written(self) -> None:
        old = first()
        new = keyring.rotate(lifetime=LIFE)
        clock.shift(WAIT + 1)
        keyring.rotate(lifetime=LIFE)
        assert SigningKey.objects.get(pk=old).state == "retired"
        assert SigningKey.objects.get(pk=new).state == "signing"

    def test_the_wait_follows_the_setting(self, project: Any) -> None:
        project.STOCKADE = {**project.STOCKADE, "KEYRING": {"JWKS_MAX_AGE": "1h"}}
        first()
        new = keyring.rotate()
        clock.shift(3659)
        assert keyring.ring().signer().kid != new
        clock.shift(2)
        assert keyring.ring().signer().kid == new

    def test_the_clock_may_step_back(self) -> None:
        old = first()
        new = keyring.rotate(lifetime=LIFE)
        clock.shift(WAIT + 1)
        assert keyring.ring().signer().kid == new
        clock.shift(-2)
        assert keyring.ring().signer().kid == old

    def test_three_generations(self) -> None:
        kids = [first()]
        for _ in range(3):
            kids.append(keyring.rotate(lifetime=LIFE))
            clock.shift(WAIT + 1)
            assert keyring.ring().signer().kid == kids[-1]
        clock.shift(LIFE)
        assert [kid for kid in kids if keyring.ring().verifier(kid)] == kids[-1:]


class TestRetirement:
    def test_the_only_key_is_replaced(self) -> None:
        old = first()
        keyring.retire(old, lifetime=LIFE)
        new = keyring.ring().signer().kid
        assert new != old
        assert states() == {old: "retired", new: "signing"}
        clock.shift(LIFE + 1)
        assert keyring.ring().verifier(old) is None

    def test_a_compromised_key_verifies_nothing_and_its_secrets_are_gone(self) -> None:
        old = first()
        before = keyring.ring().version
        keyring.retire(old, compromised=True)
        ring = keyring.ring()
        assert ring.version != before
        assert ring.verifier(old) is None
        assert ring.mac(old, b"p", b"m") is None
        assert old not in [jwk["kid"] for jwk in ring.jwks()["keys"]]
        assert ring.signer().kid != old
        assert bytes(SigningKey.objects.get(pk=old).wrapped) == b""

    def test_a_compromised_signer_is_followed_by_the_published_one(self) -> None:
        old = first()
        waiting = keyring.rotate()
        keyring.retire(old, compromised=True)
        assert keyring.ring().signer().kid == waiting
        assert SigningKey.objects.count() == 2

    def test_a_published_key_is_retired_before_it_signs(self) -> None:
        old = first()
        waiting = keyring.rotate(lifetime=LIFE)
        keyring.retire(waiting)
        clock.shift(WAIT + LIFE + 10)
        assert keyring.ring().signer().kid == old  # it has nobody to follow it
        assert keyring.ring().verifier(old) is not None

    def test_a_retired_key_can_still_be_compromised(self) -> None:
        old = first()
        keyring.retire(old)
        keyring.retire(old, compromised=True)
        assert keyring.ring().verifier(old) is None
        keyring.retire(old)
        assert SigningKey.objects.get(pk=old).state == "revoked"

    def test_an_unknown_key(self) -> None:
        with pytest.raises(LookupError):
            keyring.retire("nothing")


class TestEvents:
    def test_each_step_is_one_event(self, log: list[Any]) -> None:
        from django.test import TestCase

        with TestCase.captureOnCommitCallbacks(execute=True):
            old = first()
        with TestCase.captureOnCommitCallbacks(execute=True):
            new = keyring.rotate(lifetime=LIFE)
        clock.shift(WAIT + 1)
        with TestCase.captureOnCommitCallbacks(execute=True):
            keyring.retire(new, compromised=True)
        found = [(record.event.name, record.reason, record.details["kid"]) for record in log]
        last = keyring.ring().signer().kid
        assert found == [
            ("KEY_CREATED", "", old),
            ("KEY_CREATED", "", new),
            ("KEY_ROTATED", "", new),
            ("KEY_RETIRED", "rotated", old),
            ("KEY_RETIRED", "compromised", new),
            ("KEY_CREATED", "", last),
        ]


def test_the_listing_tells_states_as_of_now() -> None:
    old = first()
    new = keyring.rotate(lifetime=LIFE)
    clock.shift(WAIT + 1)
    assert {info.kid: info.state for info in keyring.listing()} == {old: "retired", new: "signing"}
    keyring.retire(old, compromised=True)
    assert {info.kid: info.state for info in keyring.listing()} == {old: "revoked", new: "signing"}


def test_a_ring_is_a_picture_of_one_moment() -> None:
    first()
    ring = keyring.ring()
    assert isinstance(ring, Ring)
    keyring.rotate(now=True)
    assert len(ring.states()) == 1
    assert len(keyring.ring().states()) == 2
