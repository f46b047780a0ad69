"""Refresh tokens, one after the other: redeemed once, forgiven within the leeway, and the end of a stolen session."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, transaction
from hypothesis import given, settings as hypothesis_settings, strategies as st

import stockade
from stockade import keyring
from stockade.core import clock
from stockade.core.errors import InvalidCredential, TooMany, Unavailable
from stockade.models import Session, SigningKey
from stockade.schemes.jwt import (
    JWTScheme,
    Pair,
    access,
    check,
    issue,
    live,
    prune,
    redeem,
    redemption,
    refresh,
    revoke,
)
from tests.schemes import forge

pytestmark = pytest.mark.django_db


def refused(token: Any) -> str:
    with pytest.raises(InvalidCredential) as caught:
        redeem(token)
    assert caught.value.detail == InvalidCredential.default_detail
    return caught.value.reason


def row(pair: Pair) -> Session:
    return Session.objects.get(pk=pair.session)


# -- the way it goes --------------------------------------------------------------------------------------------------


def test_redeeming_gives_the_next_generation_of_the_same_session(pair: Pair) -> None:
    second = redeem(pair.refresh)
    third = redeem(second.refresh)
    assert pair.session == second.session == third.session
    assert len({pair.refresh, second.refresh, third.refresh}) == 3
    assert len({pair.access, second.access, third.access}) == 3
    assert row(pair).generation == 3
    assert JWTScheme().load(access.verify(third.access)).is_authenticated


def test_the_table_grows_with_sessions_and_not_with_refreshes(pair: Pair) -> None:
    for _ in range(20):
        pair = redeem(pair.refresh)
    assert Session.objects.count() == 1


def test_its_form_is_as_published_and_says_nothing_of_the_user(pair: Pair) -> None:
    prefix, session, generation, kid, mac = pair.refresh.split(".")
    assert (prefix, generation) == ("st_refresh", "1")
    assert uuid.UUID(session) == uuid.UUID(pair.session)
    assert kid == keyring.ring().signer().kid
    assert len(mac) == 43


def test_the_database_holds_nothing_that_could_be_redeemed(pair: Pair) -> None:
    """A stolen table (not the key) must not be a bunch of credentials."""
    mac = pair.refresh.rsplit(".", 1)[1]
    fields = [str(getattr(row(pair), field.attname)) for field in Session._meta.fields]
    assert not any(mac in field for field in fields)


def test_claims_scopes_client_and_login_time_are_kept(alice: Any, later: Callable[[float], None]) -> None:
    first = issue(
        alice, claims={"tenant": "acme"}, scopes=["mail"], client_id="app", amr=["pwd", "otp"], acr="gold"
    )
    later(60)
    claims = forge.claims_of(redeem(first.refresh).access)
    before = forge.claims_of(first.access)
    for name in ("tenant", "scope", "client_id", "auth_time", "amr", "acr", "sid", "sub"):
        assert claims[name] == before[name]
    assert claims["iat"] >= before["iat"] + 60


def test_every_refresh_is_in_the_log_without_a_secret(pair: Pair, log: Callable[..., Any]) -> None:
    second = redeem(pair.refresh)
    (event,) = log("TOKEN_REFRESHED")
    assert event.session == pair.session
    for secret in (pair.refresh, second.refresh, second.access):
        assert secret not in repr(log())


# -- twice ------------------------------------------------------------------------------------------------------------


def test_within_the_leeway_the_same_successor_comes_again(pair: Pair, later: Callable[[float], None]) -> None:
    """Two tabs, or an answer that was lost: one lineage, no theft."""
    second = redeem(pair.refresh)
    later(9)
    again = redeem(pair.refresh)
    assert again.refresh == second.refresh
    assert row(pair).generation == 2
    third = redeem(second.refresh)
    assert row(pair).ended_at is None
    assert third.refresh != second.refresh


def test_after_the_leeway_a_replayed_token_ends_the_session(
    pair: Pair, later: Callable[[float], None], log: Callable[..., Any], alice: Any
) -> None:
    second = redeem(pair.refresh)
    later(10.5)
    assert refused(pair.refresh) == "refresh_reuse"
    assert row(pair).end_reason == "refresh_reuse"
    assert refused(second.refresh) == "ended"  # the honest holder, or the thief: both are out
    with pytest.raises(InvalidCredential):
        JWTScheme().load(access.verify(second.access))
    (event,) = log("TOKEN_REUSE")
    assert (event.session, event.subject, event.outcome) == (pair.session, str(alice.pk), "failure")


def test_within_the_leeway_a_token_whose_successor_was_used_is_theft(pair: Pair) -> None:
    redeem(redeem(pair.refresh).refresh)
    assert refused(pair.refresh) == "refresh_reuse"
    assert row(pair).ended_at is not None


def test_without_a_leeway_every_second_use_is_theft(pair: Pair, configure: Callable[..., None]) -> None:
    configure(JWT={"LEEWAY": 0})
    redeem(pair.refresh)
    assert refused(pair.refresh) == "refresh_reuse"


def test_a_clock_that_was_set_back_does_not_stretch_the_leeway(pair: Pair) -> None:
    redeem(pair.refresh)
    Session.objects.filter(pk=pair.session).update(rotated_at=clock.now_datetime() + timedelta(seconds=60))
    assert refused(pair.refresh) == "refresh_reuse"


def test_the_leeway_gives_the_same_successor_after_a_key_rotation(
    pair: Pair, later: Callable[[float], None]
) -> None:
    """The row keeps the key that made the successor; the one that signs now would make another, a second lineage."""
    second = redeem(pair.refresh)
    keyring.rotate(now=True)
    assert keyring.ring().signer().kid != second.refresh.split(".")[3]
    assert redeem(pair.refresh).refresh == second.refresh


# -- garbage ----------------------------------------------------------------------------------------------------------


def _tampered(pair: Pair, **parts: Any) -> str:
    names = ("prefix", "session", "generation", "kid", "mac")
    found = {**dict(zip(names, pair.refresh.split("."), strict=True)), **parts}
    return ".".join(str(found[name]) for name in names)


def test_a_bad_mac_ends_no_session(pair: Pair) -> None:
    """Session ids stand in access tokens and logs: who knows one must not be able to log its owner out."""
    for generation in ("1", "2", "3"):
        assert refused(_tampered(pair, generation=generation, mac="A" * 43)) == "refresh_mac"
    assert row(pair).ended_at is None
    assert redeem(pair.refresh)


def test_another_generation_needs_another_mac(pair: Pair) -> None:
    assert refused(_tampered(pair, generation=2)) == "refresh_mac"


def test_another_session_needs_another_mac(pair: Pair, alice: Any) -> None:
    other = issue(alice)
    assert refused(_tampered(pair, session=uuid.UUID(other.session).hex)) == "refresh_mac"


@pytest.mark.parametrize(
    "changed",
    [
        {"prefix": "st_refres"},
        {"prefix": "ST_REFRESH"},
        {"session": "x" * 32},
        {"session": "A" * 32},
        {"generation": "01"},
        {"generation": "0"},
        {"generation": "-1"},
        {"generation": "1e1"},
        {"generation": "9" * 30},
        {"generation": str(2**31 - 1)},
        {"generation": "\u0661"},
        {"generation": ""},
        {"kid": ""},
        {"kid": "k" * 65},
        {"kid": "../x"},
        {"mac": ""},
        {"mac": "A" * 44},
        {"mac": "A" * 42 + "="},
        {"mac": "A" * 42 + "\n"},
    ],
)
def test_a_malformed_one_is_refused_and_ends_nothing(changed: dict[str, str], pair: Pair) -> None:
    assert refused(_tampered(pair, **changed)) in {"refresh_malformed", "refresh_mac", "refresh_unknown_kid"}
    assert row(pair).ended_at is None


@pytest.mark.parametrize(
    "value", [None, 1, b"bytes", "", "x", "st_refresh", "." * 4, "\ud800", "\0", ["x"], "x" * 10**6]
)
def test_what_is_no_token_at_all_is_refused(value: Any) -> None:
    assert refused(value) == "refresh_malformed"


def test_an_access_token_is_no_refresh_token(pair: Pair) -> None:
    assert refused(pair.access) == "refresh_malformed"


def test_the_mac_has_one_spelling(pair: Pair) -> None:
    """Its last character has spare bits; a lenient decoder would take four texts for one token."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for character in alphabet.replace(pair.refresh[-1], ""):
        assert refused(pair.refresh[:-1] + character) == "refresh_mac"


@given(st.text(alphabet="st_refh.0123456789abcdefABC-", max_size=200) | st.text(max_size=50))
@hypothesis_settings(max_examples=200, deadline=None)
def test_nothing_but_a_refusal_comes_of_any_text(text: str) -> None:
    for value in (text, f"st_refresh.{'0' * 32}.{text}", f"st_refresh.{'0' * 32}.1.{text}.{'A' * 43}"):
        with pytest.raises(InvalidCredential):
            redeem(value)


# -- keys -------------------------------------------------------------------------------------------------------------


def test_a_token_of_a_retired_key_is_redeemed_and_its_successor_is_of_the_new_one(pair: Pair) -> None:
    keyring.rotate(now=True)
    second = redeem(pair.refresh)
    assert second.refresh.split(".")[3] == keyring.ring().signer().kid != pair.refresh.split(".")[3]
    assert redeem(second.refresh)


def test_a_token_of_a_compromised_key_is_refused_and_ends_nothing(pair: Pair) -> None:
    kid = pair.refresh.split(".")[3]
    keyring.rotate(now=True)
    SigningKey.objects.filter(kid=kid).update(state=SigningKey.State.REVOKED)
    keyring.forget()
    assert refused(pair.refresh) == "refresh_unknown_kid"
    assert row(pair).ended_at is None


def test_a_thief_of_an_old_key_cannot_make_tokens_of_current_sessions(pair: Pair) -> None:
    """Each generation belongs to one key; a good MAC by another was not made here."""
    old = pair.refresh.split(".")[3]
    keyring.rotate(now=True)
    second = redeem(pair.refresh)
    forged = refresh.make(uuid.UUID(pair.session), 2, old)
    assert refused(forged) == "refresh_kid"
    assert redeem(second.refresh)


def test_a_thief_of_an_old_key_cannot_make_the_token_before_the_current_one(
    pair: Pair, log: Callable[..., Any]
) -> None:
    """The leeway gives the successor to whoever shows the previous generation: under another key it is a forgery."""
    old = pair.refresh.split(".")[3]
    keyring.rotate(now=True)
    second = redeem(pair.refresh)
    third = redeem(second.refresh)
    forged = refresh.make(uuid.UUID(pair.session), 2, old)
    assert refused(forged) == "refresh_kid"
    with pytest.raises(InvalidCredential):
        check(forged)
    # It was never made here, so it is no sign that the honest holder's was stolen.
    assert log("TOKEN_REUSE") == []
    assert redeem(second.refresh).refresh == third.refresh
    assert redeem(third.refresh)


def test_the_row_keeps_the_key_of_the_generation_before(pair: Pair) -> None:
    assert row(pair).previous_kid == ""
    old = pair.refresh.split(".")[3]
    keyring.rotate(now=True)
    second = redeem(pair.refresh)
    assert row(pair).previous_kid == old
    assert redeem(second.refresh)
    assert row(pair).previous_kid == second.refresh.split(".")[3]


def test_a_token_from_before_a_restored_backup_is_refused(pair: Pair) -> None:
    second = redeem(pair.refresh)
    third = redeem(second.refresh)
    Session.objects.filter(pk=pair.session).update(generation=1)
    assert refused(third.refresh) == "refresh_future"
    assert row(pair).ended_at is None


# -- the end ----------------------------------------------------------------------------------------------------------


def test_an_idle_session_is_over(pair: Pair, later: Callable[[float], None]) -> None:
    later(7 * 86400 + 1)
    assert refused(pair.refresh) == "expired"


def test_refreshing_keeps_a_session_from_being_idle_but_not_from_its_end(
    pair: Pair, later: Callable[[float], None]
) -> None:
    for _ in range(5):
        later(5.9 * 86400)
        pair = redeem(pair.refresh)
    later(86400)
    assert refused(pair.refresh) == "expired"


def test_a_stolen_token_is_not_revived_by_a_longer_setting(
    pair: Pair, later: Callable[[float], None], configure: Callable[..., None]
) -> None:
    """The times come from the row."""
    configure(JWT={"REFRESH_IDLE": "300d", "REFRESH_ABSOLUTE": "300d"})
    later(8 * 86400)
    assert refused(pair.refresh) == "expired"


def test_an_access_token_does_not_outlive_its_idle_session(
    alice: Any, configure: Callable[..., None], later: Callable[[float], None]
) -> None:
    """Its owner does not see the session any more then, and could not end it."""
    configure(JWT={"ACCESS_LIFETIME": "1h", "REFRESH_IDLE": "10m"})
    for access_token in (issue(alice).access, redeem(issue(alice).refresh).access):
        claims = forge.claims_of(access_token)
        assert claims["exp"] - claims["iat"] <= 600
    later(601)
    assert live(alice.pk) == []


def test_a_session_may_be_refreshed_no_more_than_its_limit(
    pair: Pair, configure: Callable[..., None], alice: Any, later: Callable[[float], None]
) -> None:
    """Each time writes a row and an event that nothing else bounds: one account could fill the disk."""
    configure(LIMITS={"session_refresh": "5/min"})
    for _ in range(5):
        pair = redeem(pair.refresh)
    for call in (redeem, check, revoke):
        with pytest.raises(TooMany) as caught:
            call(pair.refresh)
        assert caught.value.limit == "session_refresh"
    assert row(pair).ended_at is None
    assert redeem(issue(alice).refresh)  # another session of the same user
    later(60.1)
    assert redeem(pair.refresh)


def test_a_dead_token_costs_the_database_no_more_than_its_limit(
    pair: Pair, configure: Callable[..., None], django_assert_num_queries: Any
) -> None:
    """It is not charged to its address, where a thousand honest clients may wake up with a token that has expired."""
    configure(LIMITS={"session_refresh": "3/min"})
    stockade.end_sessions(ids=[pair.session])
    for _ in range(3):
        assert refused(pair.refresh) == "ended"
    with django_assert_num_queries(0), pytest.raises(TooMany):
        redeem(pair.refresh)


def test_garbage_takes_no_place_of_a_session(pair: Pair, configure: Callable[..., None]) -> None:
    """Else anyone who knows a session's id could keep its owner from refreshing."""
    configure(LIMITS={"session_refresh": "3/min"})
    for _ in range(10):
        assert refused(_tampered(pair, mac="A" * 43)) == "refresh_mac"
    assert redeem(pair.refresh)


def test_an_ended_session_is_over(pair: Pair) -> None:
    stockade.end_sessions(ids=[pair.session])
    assert refused(pair.refresh) == "ended"


def test_a_deleted_session_is_gone(pair: Pair) -> None:
    Session.objects.filter(pk=pair.session).delete()
    assert refused(pair.refresh) == "gone"


def test_an_inactive_user_gets_nothing_and_may_go_on_when_active_again(pair: Pair, alice: Any) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert refused(pair.refresh) == "inactive"
    assert row(pair).generation == 1
    User.objects.filter(pk=alice.pk).update(is_active=True)
    assert redeem(pair.refresh)


def test_a_changed_password_ends_the_session_at_the_next_refresh(pair: Pair, alice: Any) -> None:
    """Also one that was changed where no signal is sent."""
    alice.set_password("another one")
    User.objects.filter(pk=alice.pk).update(password=alice.password)
    assert refused(pair.refresh) == "password_changed"
    assert row(pair).end_reason == "password_changed"


def test_a_changed_password_ends_it_within_the_leeway_too(pair: Pair, alice: Any) -> None:
    redeem(pair.refresh)
    alice.set_password("another one")
    User.objects.filter(pk=alice.pk).update(password=alice.password)
    assert refused(pair.refresh) == "password_changed"


def test_revoking_ends_the_session_whatever_the_generation(pair: Pair, log: Callable[..., Any]) -> None:
    second = redeem(pair.refresh)
    revoke(pair.refresh)
    assert refused(second.refresh) == "ended"
    assert row(pair).end_reason == "revoked"
    assert len(log("TOKEN_REVOKED")) == 1
    revoke(second.refresh)  # again: over is over
    assert len(log("TOKEN_REVOKED")) == 1


def test_revoking_garbage_is_refused_and_ends_nothing(pair: Pair) -> None:
    for token in (_tampered(pair, mac="A" * 43), "x", pair.access):
        with pytest.raises(InvalidCredential):
            revoke(token)
    assert row(pair).ended_at is None


def test_checking_changes_nothing_and_says_what_redeeming_would(
    pair: Pair, later: Callable[[float], None]
) -> None:
    check(pair.refresh)
    second = redeem(pair.refresh)
    check(second.refresh)
    later(11)
    with pytest.raises(InvalidCredential) as caught:
        check(pair.refresh)
    assert caught.value.reason == "refresh_superseded"
    check(second.refresh)
    assert row(pair).ended_at is None
    later(8 * 86400)
    with pytest.raises(InvalidCredential):
        check(second.refresh)


def test_a_thief_who_watches_a_token_by_checking_it_learns_of_its_use_too_late(
    pair: Pair, later: Callable[[float], None]
) -> None:
    """Told at once, he would redeem his copy within the leeway, and share the lineage for as long as it lives."""
    stolen = pair.refresh
    check(stolen)
    honest = redeem(pair.refresh)
    while True:
        try:
            check(stolen)
        except InvalidCredential:
            break
        later(1)
    assert refused(stolen) == "refresh_reuse"
    assert refused(honest.refresh) == "ended"


def test_a_superseded_token_whose_successor_was_used_holds_no_more(pair: Pair) -> None:
    redeem(redeem(pair.refresh).refresh)
    with pytest.raises(InvalidCredential) as caught:
        check(pair.refresh)
    assert caught.value.reason == "refresh_superseded"
    assert row(pair).ended_at is None


def test_the_list_has_what_is_live_and_is_bounded(alice: Any, make_user: Callable[..., Any]) -> None:
    issue(make_user("bob"))
    mine = [issue(alice).session for _ in range(5)]
    stockade.end_sessions(ids=mine[:2])
    assert {str(info.id) for info in live(alice.pk)} == set(mine[2:])
    assert len(live(alice.pk, most=2)) == 2


def test_what_has_been_over_for_long_is_pruned(alice: Any, later: Callable[[float], None]) -> None:
    issue(alice)
    later(45 * 86400)
    fresh = issue(alice)
    assert prune() == 0
    later(20 * 86400)
    assert prune() == 1
    assert str(Session.objects.get().pk) == fresh.session


# -- transactions -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_redeeming_within_a_transaction_is_refused_loudly(alice: Any) -> None:
    """A rollback there would bring a stolen session back to life; so this is an error of the program, not of a day."""
    pair = issue(alice)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        redeem(pair.refresh)
    assert redeem(pair.refresh)


@pytest.mark.django_db(transaction=True)
def test_a_busy_database_is_tried_again_and_then_said_to_be_busy(alice: Any, monkeypatch: Any) -> None:
    pair = issue(alice)
    honest, calls = redemption._redeem, []

    def locked(shown: Any, signer: str, binding: str) -> Any:
        calls.append(shown)
        if len(calls) < failures:
            raise OperationalError("database is locked")
        return honest(shown, signer, binding)

    monkeypatch.setattr(redemption, "_redeem", locked)
    failures = 3
    second = redeem(pair.refresh)
    assert len(calls) == 3
    failures = 100
    with pytest.raises(Unavailable) as caught:
        redeem(second.refresh)
    assert caught.value.status == 503
    assert 3 + 1 < len(calls) < 100  # several times, and not for ever


def test_a_session_that_is_refreshed_outlives_the_secret_key_of_its_login(pair: Pair, settings: Any) -> None:
    """Else the end of a fallback would look like a changed password, and log everybody out."""
    old, before = settings.SECRET_KEY, row(pair).stamp
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new one for this test, and no secret", [old]
    redeem(pair.refresh)
    after = row(pair)
    assert after.stamp != before
    settings.SECRET_KEY_FALLBACKS = []
    from stockade.schemes import stamp

    assert stamp.matches(after.stamp, str(after.user_id), after.user.password)
