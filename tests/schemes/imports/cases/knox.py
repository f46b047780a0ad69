"""Tokens of knox: many for each user, with an end that a use may put off."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from knox.models import AuthToken

import stockade
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.models import OpaqueToken
from stockade.schemes.imports import move
from stockade.schemes.imports.knox import KNOX
from stockade.schemes.registry import enabled_schemes
from tests.schemes.imports.cases.packages import PACKAGES, Package

pytestmark = pytest.mark.django_db(transaction=True)

status = PACKAGES["knox"].status
HOURS = 3600


@pytest.fixture
def package() -> Package:
    return PACKAGES["knox"]


def made(owner: User, hours: float | None = 10, **more: Any) -> str:
    expiry = None if hours is None else datetime.timedelta(hours=hours)
    return str(AuthToken.objects.create(owner, expiry, **more)[1])


def end_by_user(owner: User) -> None:
    stockade.end_tokens(owner)


def log_out_everywhere(owner: User) -> None:
    """As knox's LogoutAllView does."""
    owner.auth_token_set.all().delete()  # type: ignore[attr-defined]


def deactivate(owner: User) -> None:
    owner.is_active = False
    owner.save()


def change_password(owner: User) -> None:
    owner.set_password("another one, and longer")
    owner.save()


@pytest.mark.parametrize("end", [end_by_user, log_out_everywhere, deactivate, change_password])
def test_every_token_of_a_user_ends_with_him(end: Callable[[User], None], alice: User) -> None:
    tokens = [made(alice), made(alice, None)]
    move.run(KNOX)
    assert [status(token) for token in tokens] == [200, 200]
    end(alice)
    assert [status(token) for token in tokens] == [401, 401]


def test_one_token_ends_and_the_others_of_its_user_go_on(alice: User) -> None:
    tokens = [made(alice) for _ in range(3)]
    move.run(KNOX)
    PACKAGES["knox"].row(tokens[0]).delete()
    stockade.end_tokens(ids=[OpaqueToken.objects.get(visible=tokens[1][:8]).pk])
    assert [status(token) for token in tokens] == [401, 401, 200]
    assert AuthToken.objects.count() == 1


def test_a_user_with_many_makes_as_many_by_name_as_any_other(alice: User, project: Any) -> None:
    """knox makes one at each login: they are not those that `MOST` bounds."""
    project.STOCKADE = {**project.STOCKADE, "TOKEN": {"MOST": 1}}
    shown = [made(alice) for _ in range(3)]
    move.run(KNOX)
    assert [status(token) for token in shown] == [200] * 3
    client = Client(headers={"authorization": f"Bearer {stockade.issue(alice).access}"})
    answers = [client.post("/api/tokens/", {"name": "backup"}, "application/json") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 400]


def test_its_owner_logs_out_with_it(token: str) -> None:
    move.run(KNOX)
    answer = Client().delete("/api/tokens/current/", HTTP_AUTHORIZATION=f"Token {token}")
    assert answer.status_code == 204
    assert status(token) == 401
    assert not AuthToken.objects.exists()


# -- its end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False], ids=["known to the worker", "not known"])
def test_it_ends_when_the_package_says_to_the_second(known: bool, alice: User) -> None:
    token = made(alice, 10)
    move.run(KNOX)
    clock.shift(10 * HOURS - 20)
    assert not known or status(token) == 200
    clock.shift(21)
    assert status(token) == 401


def test_one_that_has_run_out_is_not_taken(alice: User) -> None:
    token = made(alice, -1)
    found = move.run(KNOX)
    assert (found.tokens, found.over, OpaqueToken.objects.count()) == (0, 1, 0)
    assert status(token) == 401
    assert not OpaqueToken.objects.exists()


def test_an_end_that_old_code_puts_off_or_forward_counts(alice: User) -> None:
    token = made(alice, 1)
    move.run(KNOX)
    assert status(token) == 200
    row = AuthToken.objects.get()
    row.expiry += datetime.timedelta(hours=5)
    row.save(update_fields=("expiry",))
    clock.shift(2 * HOURS)
    assert status(token) == 200
    assert OpaqueToken.objects.get().expires_at == row.expiry
    row.expiry = clock.now_datetime() - datetime.timedelta(seconds=1)
    row.save(update_fields=("expiry",))
    assert status(token) == 401


def test_an_end_that_an_old_process_puts_off_counts(alice: User) -> None:
    token = made(alice, 1)
    move.run(KNOX)
    assert status(token) == 200
    AuthToken.objects.update(expiry=clock.now_datetime() + datetime.timedelta(hours=5))
    clock.shift(2 * HOURS)
    assert status(token) == 200


REFRESH = {"AUTO_REFRESH": True, "TOKEN_TTL": datetime.timedelta(hours=10)}


@pytest.mark.parametrize("erased", [False, True], ids=["linked", "erased"])
def test_a_use_puts_the_end_off_where_the_package_does_so(erased: bool, alice: User) -> None:
    token = made(alice, 10)
    (move.erase if erased else move.run)(KNOX)
    with override_settings(REST_KNOX=REFRESH):
        for _ in range(4):
            clock.shift(8 * HOURS)
            assert status(token) == 200
        clock.shift(10 * HOURS + 1)
        assert status(token) == 401
    assert erased or AuthToken.objects.get().expiry == OpaqueToken.objects.get().expires_at


def test_a_use_puts_the_end_off_no_further_than_the_package_does(alice: User) -> None:
    token = made(alice, 10)
    move.run(KNOX)
    with override_settings(REST_KNOX={**REFRESH, "AUTO_REFRESH_MAX_TTL": datetime.timedelta(hours=20)}):
        clock.shift(9 * HOURS)
        assert status(token) == 200
        clock.shift(9 * HOURS)
        assert status(token) == 200
        clock.shift(3 * HOURS)
        assert status(token) == 401


def test_putting_an_end_off_writes_once_a_minute_not_at_each_request(alice: User) -> None:
    token = made(alice, 10)
    move.run(KNOX)
    with override_settings(REST_KNOX=REFRESH):
        assert status(token) == 200
        before = AuthToken.objects.get().expiry
        clock.shift(40)
        assert status(token) == 200
        assert AuthToken.objects.get().expiry == before
        clock.shift(40)
        assert status(token) == 200
        assert AuthToken.objects.get().expiry > before


def test_the_end_that_was_put_off_is_kept_by_the_erasure(alice: User) -> None:
    token = made(alice, 1)
    move.run(KNOX)
    AuthToken.objects.update(expiry=clock.now_datetime() + datetime.timedelta(hours=5))
    move.erase(KNOX)
    clock.shift(4 * HOURS)
    assert status(token) == 200


# -- its settings -----------------------------------------------------------------------------------------------------


def test_prefix_length_keyword_and_hash_of_the_project_are_kept(alice: User) -> None:
    rest = {
        "TOKEN_PREFIX": "shop_",
        "AUTH_TOKEN_CHARACTER_LENGTH": 48,
        "AUTH_HEADER_PREFIX": "Knox",
        "SECURE_HASH_ALGORITHM": "hashlib.sha3_512",
    }
    with override_settings(REST_KNOX=rest):
        token = made(alice)
        assert token.startswith("shop_")
        assert len(token) == 53
        move.run(KNOX)
        stockade.conf.forget()
        answers = [
            Client().get("/me/", HTTP_AUTHORIZATION=f"{word} {token}").status_code
            for word in ("Knox", "Token")
        ]
        assert answers == [200, 401]
        move.erase(KNOX)
        clock.shift(31)
        assert Client().get("/me/", HTTP_AUTHORIZATION=f"knox {token}").status_code == 200


def test_a_token_that_could_be_guessed_is_refused(alice: User) -> None:
    with override_settings(REST_KNOX={"AUTH_TOKEN_CHARACTER_LENGTH": 16}):
        token = made(alice)
    move.run(KNOX)
    assert status(token) == 401


def test_tokens_of_authtoken_beside_it_are_read_by_their_own_scheme(alice: User, token: str) -> None:
    other = PACKAGES["authtoken"].make(alice)
    move.run(KNOX)
    assert [status(token), status(other)] == [200, 401]
    move.run(PACKAGES["authtoken"].source)
    assert [status(token), status(other)] == [200, 200]


def test_knox_before_authtoken_stops_the_start(project: Any) -> None:
    """It would take authtoken's tokens for forged ones of its own."""
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": ["knox", "authtoken"]}
    with pytest.raises(ConfigurationError, match="authtoken"):
        enabled_schemes()


def test_sharing_a_start_takes_nobody_elses_token(alice: User) -> None:
    """The package finds by the first 15 characters, which its table shows."""
    token = made(alice)
    move.run(KNOX)
    assert status(token[:15] + "0" * 49) == 401
    assert status(token) == 200
