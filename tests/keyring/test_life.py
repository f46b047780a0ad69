"""Publish, sign, verify, retire, revoke: by the clock, without SQL, the same in every process."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from stockade import keyring
from stockade.core import clock
from stockade.keyring import rows
from stockade.keyring.ring import Ring
from stockade.models import Session, SigningKey
from stockade.schemes.jwt import issue
from tests.keyring.conftest import STOCKADE

pytestmark = pytest.mark.django_db
MARGIN = 60
WAIT = 600 + MARGIN  # ten minutes that a JWKS is cached, and a minute
LIFE = 300
DAY = 86400


def states() -> dict[str, str]:
    """As the ring has them now, without asking SQL again."""
    return keyring.ring().states()


def first(lifetime: float = LIFE) -> str:
    kid = keyring.ring().signer(lifetime).kid
    keyring.ring()
    return kid


def info(kid: str) -> keyring.KeyInfo:
    return next(info for info in keyring.listing() if info.kid == kid)


def session(user: User, **fields: Any) -> Session:
    """A session as a login leaves it, with other columns."""
    pair = issue(user)
    Session.objects.filter(pk=pair.session).update(**fields)
    return Session.objects.get(pk=pair.session)


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


class TestRotation:
    def test_published_long_before_it_signs_and_the_old_one_verifies_long_after(
        self, django_assert_num_queries: Any
    ) -> None:
        old = first()
        new = keyring.rotate()
        assert states() == {old: "signing", new: "published"}
        with django_assert_num_queries(0):
            assert keyring.ring().signer(LIFE).kid == old
            assert keyring.ring().verifier(new) is not None
            assert [jwk["kid"] for jwk in keyring.ring().jwks()["keys"]] == [new, old]
            clock.shift(WAIT - 1)
            assert keyring.ring().signer(LIFE).kid == old
            clock.shift(2)
            assert keyring.ring().signer(LIFE).kid == new
            assert states() == {old: "verifying", new: "signing"}
            assert keyring.ring().verifier(old) is not None
            clock.shift(LIFE + MARGIN - 3)
            assert keyring.ring().verifier(old) is not None
            clock.shift(3)
        assert keyring.ring().verifier(old) is None
        assert states() == {old: "expired", new: "signing"}
        assert [jwk["kid"] for jwk in keyring.ring().jwks()["keys"]] == [new]
        assert keyring.ring().mac(old, b"p", b"m") is not None  # sessions are not ended by a rotation

    def test_another_process_comes_to_the_same_states_and_version(self) -> None:
        first()
        keyring.rotate()
        seen = []
        for seconds in (0, WAIT + 1, LIFE + MARGIN):
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
        new = keyring.rotate(now=True)
        assert keyring.ring().signer().kid == new
        assert states() == {old: "verifying", new: "signing"}
        clock.shift(LIFE + MARGIN + 1)
        assert keyring.ring().verifier(old) is None

    def test_now_lets_the_published_one_sign(self) -> None:
        old = first()
        waiting = keyring.rotate()
        assert keyring.rotate(now=True) == waiting
        assert keyring.ring().signer().kid == waiting
        clock.shift(LIFE + MARGIN + 1)  # not WAIT + LIFE, as was planned before
        assert keyring.ring().verifier(old) is None

    def test_now_with_another_algorithm_is_not_undone_by_a_key_that_was_published_before(self) -> None:
        first()
        waiting = keyring.rotate()
        new = keyring.rotate(now=True, algorithm="EdDSA")
        clock.shift(WAIT + 1)
        assert keyring.ring().signer().kid == new
        assert info(waiting).state == "retired"

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
        new = keyring.rotate()
        clock.shift(WAIT + 1)
        keyring.rotate()
        assert SigningKey.objects.get(pk=old).state == "verifying"
        assert SigningKey.objects.get(pk=new).state == "signing"

    def test_rows_that_follow_late_say_what_happened_when_it_did(self) -> None:
        """A timer runs once a day; meanwhile the clock alone has moved two keys on."""
        old = first()
        new = keyring.rotate()
        clock.shift(WAIT + 1)
        third = keyring.rotate(algorithm="EdDSA")
        clock.shift(3 * DAY)
        before = {kid: (info(kid).stops_at, info(kid).verifies_until, info(kid).state) for kid in (old, new)}
        keyring.rotate_if_due()
        for kid, successor in ((old, new), (new, third)):
            row = SigningKey.objects.get(pk=kid)
            assert (row.stopped_at, row.verifies_until, "expired") == before[kid]
            assert row.stopped_at == SigningKey.objects.get(pk=successor).signs_from
            assert row.verifies_until == row.stopped_at + datetime.timedelta(seconds=LIFE + MARGIN)

    def test_the_clock_may_step_back(self) -> None:
        old = first()
        new = keyring.rotate()
        clock.shift(WAIT + 1)
        assert keyring.ring().signer().kid == new
        clock.shift(-2)
        assert keyring.ring().signer().kid == old

    def test_a_host_whose_clock_is_late_follows_what_another_has_written_down(self) -> None:
        """Else it finds no key that signs, and makes one that no cached JWKS has."""
        first()
        new = keyring.rotate()
        clock.shift(WAIT + 1)
        keyring.rotate_if_due()
        clock.shift(-3)
        keyring.forget()
        assert keyring.ring().signer().kid == new
        assert SigningKey.objects.count() == 2

    def test_three_generations(self) -> None:
        kids = [first()]
        for _ in range(3):
            kids.append(keyring.rotate())
            clock.shift(WAIT + 1)
            assert keyring.ring().signer().kid == kids[-1]
        clock.shift(LIFE + MARGIN)
        assert [kid for kid in kids if keyring.ring().verifier(kid)] == kids[-1:]


class TestWaits:
    """Each is derived from what was promised: how long tokens are good, how long a JWKS may be kept."""

    def test_the_wait_before_signing_follows_the_setting(self, project: Any) -> None:
        project.STOCKADE = {**STOCKADE, "KEYRING": {"JWKS_MAX_AGE": "1h", "MARGIN": "30s"}}
        first()
        new = keyring.rotate()
        clock.shift(3629)
        assert keyring.ring().signer().kid != new
        clock.shift(2)
        assert keyring.ring().signer().kid == new

    def test_a_jwks_that_may_be_kept_for_longer_than_today_is_waited_for(self, project: Any) -> None:
        """The setting was an hour when it was fetched; now it is a minute, and the key is rotated."""
        project.STOCKADE = {**STOCKADE, "KEYRING": {"JWKS_MAX_AGE": "1h"}}
        first()
        assert keyring.cache_control() == "public, max-age=3600"
        project.STOCKADE = {**STOCKADE, "KEYRING": {"JWKS_MAX_AGE": "1m"}}
        assert keyring.cache_control() == "public, max-age=60"
        new = keyring.rotate()
        clock.shift(3600 + MARGIN - 1)
        assert keyring.ring().signer().kid != new
        clock.shift(2)
        assert keyring.ring().signer().kid == new
        third = keyring.rotate()  # nobody has an older JWKS any more
        clock.shift(60 + MARGIN + 1)
        assert keyring.ring().signer().kid == third

    def test_nor_one_that_became_longer_after_the_key_was_made(self, project: Any) -> None:
        first()
        project.STOCKADE = {**STOCKADE, "KEYRING": {"JWKS_MAX_AGE": "1h"}}
        keyring.cache_control()
        project.STOCKADE = STOCKADE
        new = keyring.rotate()
        clock.shift(3600 + MARGIN - 1)
        assert keyring.ring().signer().kid != new

    def test_nor_one_that_already_holds_the_next_key_but_not_the_one_after(self, project: Any) -> None:
        """Found by random histories: the key that signs had been promised for as long, the newest had not."""
        project.STOCKADE = {**STOCKADE, "KEYRING": {"JWKS_MAX_AGE": "1h"}}
        first()
        project.STOCKADE = STOCKADE
        keyring.rotate()
        clock.shift(3600)
        project.STOCKADE = {**STOCKADE, "KEYRING": {"JWKS_MAX_AGE": "1h"}}
        keyring.cache_control()  # fetched now, with both keys
        project.STOCKADE = STOCKADE
        clock.shift(MARGIN + 1)
        third = keyring.rotate()
        clock.shift(3600 - MARGIN - 1)
        assert keyring.ring().signer().kid != third

    def test_telling_the_same_again_costs_no_sql(self, django_assert_num_queries: Any) -> None:
        first()
        keyring.cache_control()
        keyring.ring()
        with django_assert_num_queries(0):
            keyring.cache_control()

    def test_a_token_that_lives_for_longer_than_today_is_waited_for(self) -> None:
        """Tokens lived for a day; now for five minutes, and the key is rotated: the old ones stay good."""
        old = first(DAY)
        keyring.ring().signer(LIFE)
        keyring.rotate(now=True)
        clock.shift(DAY - 1)
        assert keyring.ring().verifier(old) is not None
        clock.shift(MARGIN + 2)
        assert keyring.ring().verifier(old) is None

    def test_so_is_one_that_lives_for_longer_than_when_the_key_was_rotated(self) -> None:
        """The setting was raised while the next key was waiting to sign."""
        old = first(LIFE)
        keyring.rotate()
        keyring.ring().signer(3600)
        clock.shift(WAIT + 3599)
        assert keyring.ring().verifier(old) is not None
        clock.shift(MARGIN + 2)
        assert keyring.ring().verifier(old) is None

    def test_a_longer_life_is_written_down_once(self, django_assert_num_queries: Any) -> None:
        first(LIFE)
        keyring.ring().signer(3600)
        keyring.ring()
        with django_assert_num_queries(0):
            for lifetime in (3600, LIFE, 0, 3599.5):
                keyring.ring().signer(lifetime)

    def test_a_shorter_life_counts_from_the_next_key_on(self) -> None:
        first(DAY)
        second = keyring.rotate(now=True, lifetime=LIFE)
        keyring.rotate(now=True, lifetime=LIFE)
        clock.shift(LIFE + MARGIN + 1)
        assert keyring.ring().verifier(second) is None


class TestRetirement:
    def test_a_key_that_signs_is_not_retired(self) -> None:
        old = first()
        with pytest.raises(keyring.StillNeeded, match=r"signs.*keyring rotate") as caught:
            keyring.retire(old)
        assert caught.value.until is None
        assert states() == {old: "signing"}

    def test_a_key_whose_tokens_are_good_is_not_retired(self) -> None:
        old = first()
        keyring.rotate(now=True)
        until = info(old).retire_from
        assert until is not None
        with pytest.raises(keyring.StillNeeded, match=f"{until:%Y-%m-%d %H:%M:%S}") as caught:
            keyring.retire(old)
        assert caught.value.until == until == info(old).verifies_until
        clock.shift(LIFE + MARGIN - 1)
        with pytest.raises(keyring.StillNeeded):
            keyring.retire(old)
        clock.shift(2)
        keyring.retire(old)
        assert info(old).state == "retired"

    def test_a_key_whose_refresh_tokens_may_come_back_is_not_retired(self, alice: User) -> None:
        """The holder of one would be logged out, and a stolen one be garbage instead of theft."""
        old = first()
        kept = session(alice)
        keyring.rotate(now=True)
        clock.shift(LIFE + MARGIN + 1)
        assert info(old).state == "expired"
        with pytest.raises(keyring.StillNeeded, match="1 session that began while it signed") as caught:
            keyring.retire(old)
        assert caught.value.until == kept.expires_at == info(old).retire_from
        session(alice)  # of the new key
        Session.objects.filter(pk=kept.pk).update(idle_expires_at=clock.now_datetime())
        keyring.retire(old)

    @pytest.mark.parametrize("over", ["ended_at", "idle_expires_at", "expires_at"])
    def test_a_session_that_is_over_keeps_no_key(self, alice: User, over: str) -> None:
        old = first()
        session(alice, **{over: clock.now_datetime()})
        keyring.rotate(now=True)
        clock.shift(LIFE + MARGIN + 1)
        keyring.retire(old)
        assert SigningKey.objects.get(pk=old).state == "retired"

    def test_a_retired_key_is_of_no_use_to_a_thief_and_its_secrets_are_gone(self) -> None:
        old = first()
        keyring.rotate(now=True)
        clock.shift(LIFE + MARGIN + 1)
        keyring.retire(old)
        assert keyring.ring().mac(old, b"p", b"m") is None
        assert old not in keyring.ring().states()
        assert bytes(SigningKey.objects.get(pk=old).wrapped) == b""
        keyring.retire(old)  # again: over is over
        assert keyring.rewrap() == 0

    def test_a_published_key_is_withdrawn_before_it_signs(self) -> None:
        old = first()
        waiting = keyring.rotate()
        assert info(waiting).retire_from == info(waiting).created_at
        keyring.retire(waiting)
        clock.shift(WAIT + LIFE + MARGIN + 10)
        assert keyring.ring().signer(LIFE).kid == old  # it has nobody to follow it
        assert keyring.ring().verifier(old) is not None
        assert keyring.ring().end(old) == float("inf")

    def test_an_unknown_key(self) -> None:
        with pytest.raises(LookupError):
            keyring.retire("nothing")


class TestCompromise:
    def test_it_verifies_nothing_and_its_secrets_are_gone(self) -> None:
        old = first()
        before = keyring.ring().version
        keyring.retire(old, compromised=True)
        ring = keyring.ring()
        assert ring.version != before
        assert ring.verifier(old) is None
        assert ring.mac(old, b"p", b"m") is None
        assert old not in [jwk["kid"] for jwk in ring.jwks()["keys"]]
        assert ring.signer(LIFE).kid != old
        assert bytes(SigningKey.objects.get(pk=old).wrapped) == b""

    def test_a_compromised_signer_is_followed_by_the_published_one(self) -> None:
        old = first()
        waiting = keyring.rotate()
        keyring.retire(old, compromised=True)
        assert keyring.ring().signer().kid == waiting
        assert SigningKey.objects.count() == 2

    def test_of_two_that_are_published_the_one_that_others_know_for_longer_signs(self) -> None:
        old = first()
        waiting = keyring.rotate()
        clock.shift(10)
        later = keyring.rotate(algorithm="EdDSA")
        keyring.retire(old, compromised=True)
        assert keyring.ring().signer().kid == waiting
        assert states()[later] == "published"

    def test_an_old_key_can_be_compromised_and_the_one_that_signs_goes_on(self) -> None:
        old = first()
        new = keyring.rotate(now=True)
        keyring.retire(old, compromised=True)
        assert states() == {new: "signing"}
        with pytest.raises(LookupError):
            keyring.retire("nothing", compromised=True)

    def test_a_retired_key_can_still_be_compromised(self) -> None:
        old = first()
        keyring.rotate(now=True)
        clock.shift(LIFE + MARGIN + 1)
        keyring.retire(old)
        keyring.retire(old, compromised=True)
        keyring.retire(old)
        assert SigningKey.objects.get(pk=old).state == "revoked"

    def test_sessions_end_whose_refresh_token_it_made_and_no_others(
        self, alice: User, log: list[Any]
    ) -> None:
        """Whoever has the key can make that token; one that another key has made meanwhile is safe."""
        from django.test import TestCase

        from stockade.schemes.jwt import redeem

        old = first()
        hit = issue(alice)
        moved = issue(alice)
        over = session(alice, ended_at=clock.now_datetime(), end_reason="revoked")
        keyring.rotate(now=True)
        moved = redeem(moved.refresh)
        new = issue(alice)
        with TestCase.captureOnCommitCallbacks(execute=True):
            keyring.retire(old, compromised=True)
        ended = {str(row.pk): row.end_reason for row in Session.objects.exclude(ended_at=None)}
        assert ended == {hit.session: "key_compromised", str(over.pk): "revoked"}
        assert redeem(moved.refresh).session == moved.session
        assert redeem(new.refresh).session == new.session
        (event,) = [record for record in log if record.reason == "compromised"]
        assert event.details["sessions"] == 1

    def test_a_busy_database_is_tried_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[Callable[[], Any]] = []

        def again(call: Callable[[], Any], using: str) -> Any:
            calls.append(call)
            return call()

        monkeypatch.setattr(rows, "again", again)
        keyring.retire(first(), compromised=True)
        assert len(calls) == 2

        def busy(using: str) -> None:
            raise OperationalError("database is locked")

        monkeypatch.setattr("stockade.keyring.retirement.settle", busy)
        with pytest.raises(OperationalError):
            keyring.retire(first(), compromised=True)


class TestWhenItIsDue:
    def test_a_key_is_due_after_the_setting_and_once(self, project: Any) -> None:
        project.STOCKADE = {**STOCKADE, "KEYRING": {"ROTATION": "30d"}}
        old = first()
        assert keyring.rotate_if_due() == keyring.Turn(
            "", (), SigningKey.objects.get(pk=old).signs_from + datetime.timedelta(days=30)
        )
        clock.shift(30 * DAY - 1)
        assert keyring.rotate_if_due().published == ""
        clock.shift(2)
        turn = keyring.rotate_if_due()
        assert states() == {old: "signing", turn.published: "published"}
        again = keyring.rotate_if_due()
        assert (again.published, again.due_at) == ("", turn.due_at)
        clock.shift(WAIT + 1)
        assert keyring.rotate_if_due().published == ""
        assert keyring.ring().signer().kid == turn.published
        assert SigningKey.objects.count() == 2

    def test_another_algorithm_by_setting_is_due_at_once_and_once(
        self, algorithm: Callable[[str], None]
    ) -> None:
        old = first()
        algorithm("EdDSA")
        new = keyring.rotate_if_due().published
        assert states() == {old: "signing", new: "published"}
        assert keyring.rotate_if_due().published == ""
        clock.shift(WAIT + 1)
        assert keyring.rotate_if_due().published == ""
        assert keyring.ring().signer().algorithm == "EdDSA"

    def test_without_a_key_nothing_is_due(self) -> None:
        assert keyring.rotate_if_due() == keyring.Turn("", (), None)
        assert SigningKey.objects.count() == 0

    def test_what_nothing_rests_on_is_retired_after_a_while_more(self, alice: User) -> None:
        old = first()
        kept = session(alice)
        keyring.rotate(now=True)
        clock.shift(DAY)
        assert keyring.rotate_if_due(keep=10).retired == ()  # the session
        Session.objects.filter(pk=kept.pk).update(ended_at=clock.now_datetime())
        assert keyring.rotate_if_due(keep=2 * DAY).retired == ()
        clock.shift(DAY + 1)
        assert keyring.rotate_if_due(keep=2 * DAY).retired == (old,)
        assert keyring.rotate_if_due(keep=2 * DAY).retired == ()
        assert info(old).state == "retired"


class TestEvents:
    def test_each_step_is_one_event(self, log: list[Any]) -> None:
        from django.test import TestCase

        with TestCase.captureOnCommitCallbacks(execute=True):
            old = first()
            new = keyring.rotate()
            withdrawn = keyring.rotate(algorithm="EdDSA")
            keyring.retire(withdrawn)
            clock.shift(WAIT + 1)
            keyring.rotate_if_due()
            clock.shift(LIFE + MARGIN + 1)
            keyring.retire(old)
            keyring.retire(new, compromised=True)
        found = [(record.event.name, record.reason, record.details["kid"]) for record in log]
        last = keyring.ring().signer().kid
        assert found == [
            ("KEY_CREATED", "", old),
            ("KEY_CREATED", "", new),
            ("KEY_CREATED", "", withdrawn),
            ("KEY_RETIRED", "withdrawn", withdrawn),
            ("KEY_ROTATED", "", new),
            ("KEY_RETIRED", "retired", old),
            ("KEY_RETIRED", "compromised", new),
            ("KEY_CREATED", "", last),
        ]
        (rotated,) = [record for record in log if record.event.name == "KEY_ROTATED"]
        row = SigningKey.objects.get(pk=new)
        assert rotated.details["old_kid"] == old
        assert rotated.details["since"] == row.signs_from.isoformat()


class TestListing:
    def test_it_tells_states_as_of_now(self) -> None:
        old = first()
        new = keyring.rotate()
        clock.shift(WAIT + 1)
        assert {info.kid: info.state for info in keyring.listing()} == {old: "verifying", new: "signing"}
        keyring.retire(old, compromised=True)
        assert {info.kid: info.state for info in keyring.listing()} == {old: "revoked", new: "signing"}

    def test_it_tells_each_wait_before_it_is_over(self) -> None:
        old = first()
        new = keyring.rotate()
        row = SigningKey.objects.get(pk=new)
        takes_over = row.created_at + datetime.timedelta(seconds=WAIT)
        assert abs(info(new).signs_from - takes_over) < datetime.timedelta(seconds=1)
        assert info(old).stops_at == info(new).signs_from
        assert info(old).verifies_until == info(new).signs_from + datetime.timedelta(seconds=LIFE + MARGIN)
        assert info(old).retire_from is None  # who knows what it will sign until then
        clock.shift(WAIT + 1)
        assert info(old).retire_from == info(old).verifies_until
        assert info(new).retire_from is None


def test_a_ring_is_a_picture_of_one_moment() -> None:
    first()
    ring = keyring.ring()
    assert isinstance(ring, Ring)
    keyring.rotate(now=True)
    assert len(ring.states()) == 1
    assert len(keyring.ring().states()) == 2
