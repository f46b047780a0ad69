"""The same attacks on each scheme: altered, shown elsewhere, shown beside another, replayed, stolen."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

import stockade
from tests.schemes.every.cases.conftest import STATES, Site, Worker
from tests.schemes.every.cases.life import ROTATED, named
from tests.schemes.every.cases.lives import LIVES, Life, Shown, answer, ask, bearer

pytestmark = pytest.mark.django_db(transaction=True)
GONE = (401, 403)
WORDS = ("Bearer", "Token", "Api-Key", "Legacy", "Basic", "Session", "Knox", "JWT")


def with_secret(shown: Shown, secret: str) -> Shown:
    """The same, with another secret in its place."""
    headers = {name: value.replace(shown.secret, secret) for name, value in shown.headers.items()}
    cookies = {name: value.replace(shown.secret, secret) for name, value in shown.cookies.items()}
    return Shown(secret, headers, cookies)


def altered(secret: str) -> Iterator[str]:
    """What is nearly a credential."""
    for at in (0, len(secret) // 3, len(secret) // 2, len(secret) - 2):
        other = "b" if secret[at] in "aA" else "a"
        yield secret[:at] + other + secret[at + 1 :]
    yield secret[:-1]
    yield secret[1:]
    yield secret[: len(secret) // 2]
    yield secret + secret
    yield secret + "a"
    yield secret.swapcase()
    yield secret[::-1]
    yield secret[:8]
    yield base64.b64encode(secret.encode()).decode()
    yield secret.encode().hex()
    yield "a" * len(secret)
    yield "a" * 20_000
    yield secret + "%00"
    yield f'"{secret}"'


def test_what_was_altered_is_refused(life: Life, site: Site, alice: User) -> None:
    shown = life.issue(alice)
    assert ask(shown) == 200
    found = {one: ask(with_secret(shown, one)) for one in altered(shown.secret)}
    assert {one: status for one, status in found.items() if status not in (400, 401)} == {}
    assert ask(shown) == 200


def elsewhere(secret: str) -> Iterator[tuple[str, Shown]]:
    """Every place where a credential may stand."""
    for word in WORDS:
        yield word, bearer(secret, word)
    yield "HTTP_X_API_KEY", Shown(secret, {"HTTP_X_API_KEY": secret})
    yield "sessionid", Shown(secret, cookies={"sessionid": secret})
    yield "no word", Shown(secret, {"HTTP_AUTHORIZATION": secret})
    for cookie in ("token", "access", "jwt", "csrftoken", "__Secure-refresh-token"):
        yield f"cookie {cookie}", Shown(secret, cookies={cookie: secret})


def test_in_a_place_that_is_not_its_own_it_is_refused(life: Life, site: Site, alice: User) -> None:
    shown = life.issue(alice)
    assert ask(shown) == 200
    found = {place: ask(one) for place, one in elsewhere(shown.secret)}
    assert {place for place, status in found.items() if status == 200} == set(life.slots)
    assert [status for status in found.values() if status not in (200, 400, 401)] == []


def test_what_is_nobodys_in_one_place_is_no_fault_in_another(life: Life, site: Site, alice: User) -> None:
    """A worker remembers what it has refused."""
    secret = _guess(life.issue(alice).secret, 7)
    for _ in range(2):
        found = {ask(one) for _, one in elsewhere(secret)}
        assert found <= {400, 401}


def test_in_the_address_it_is_refused_and_named_there_no_more(life: Life, site: Site, alice: User) -> None:
    shown = life.issue(alice)
    for name in ("token", "access_token", "api_key", "key", "sessionid"):
        found = Client(raise_request_exception=False).get("/me/", {name: shown.secret})
        assert found.status_code in (400, 401)
        assert shown.secret not in found.content.decode()


def test_what_came_with_it_opens_nothing(life: Life, site: Site, alice: User) -> None:
    """A refresh token is no access token."""
    shown = life.issue(alice)
    found = [ask(one) for secret in shown.more for _, one in elsewhere(secret)]
    assert set(found) <= {400, 401}


def test_beside_another_credential_it_is_not_chosen_by_chance(
    life: Life, site: Site, alice: User, bob: User
) -> None:
    """Two explicit ones are refused (RFC 6750 section 2); a cookie beside one helps nobody."""
    mine = life.issue(alice)
    for other in (stockade.create_key("bob's", owner=bob), stockade.create_token(bob)):
        word = "Api-Key" if other.token.startswith("stk_") else "Token"
        beside = (
            {"HTTP_X_API_KEY": other.token}
            if "HTTP_AUTHORIZATION" in mine.headers and word == "Api-Key"
            else {"HTTP_AUTHORIZATION": f"{word} {other.token}"}
        )
        if set(beside) & set(mine.headers):
            first = next(iter(mine.headers.values()))
            beside = {"HTTP_AUTHORIZATION": f"{first}, {word} {other.token}"}
        found = answer(mine, **beside)
        if mine.cookies:
            assert found.json()["user"] == "bob"
        else:
            assert found.status_code in (400, 401)


@pytest.mark.parametrize("life", ROTATED, ids=named(ROTATED), indirect=True)
@pytest.mark.parametrize("state", ["memory", "lmdb"], indirect=True)
def test_a_replay_of_what_was_rotated_opens_nothing(
    life: Life, site: Site, alice: User, worker: Worker
) -> None:
    old = life.issue(alice)
    again = life.rotation()
    assert again is not None
    new = again(old)
    assert ask(new) == 200
    worker.shift(11)  # when nobody can have lost the answer
    assert life.replay(old) in (400, 401)
    if life.old_goes_on:  # whoever replays has stolen, or was stolen from: the login is over for both
        assert [ask(new), worker.ask(new)] == [401, 401]


def deactivated(user: User) -> None:
    user.is_active = False
    user.save()


def deleted(user: User) -> None:
    user.delete()


def banned(user: User) -> None:
    stockade.ban(user=user)


OF_USERS = [one for one in LIVES if one.of_user]


@pytest.mark.parametrize("state", STATES, indirect=True)
@pytest.mark.parametrize("life", OF_USERS, ids=named(OF_USERS), indirect=True)
@pytest.mark.parametrize("end", [deactivated, deleted, banned])
def test_it_ends_with_its_user_in_every_worker(
    end: Callable[[User], None], life: Life, site: Site, alice: User, bob: User, worker: Worker
) -> None:
    shown, other = life.issue(alice), life.issue(bob)
    assert [worker.ask(shown), ask(shown), worker.ask(other)] == [200, 200, 200]
    end(alice)
    assert worker.ask(shown) in GONE
    assert ask(shown) in GONE
    assert worker.ask(other) == 200


@pytest.mark.parametrize("life", OF_USERS, ids=named(OF_USERS), indirect=True)
@pytest.mark.parametrize("state", ["memory", "lmdb"], indirect=True)
def test_a_changed_password_ends_what_rests_on_it(
    life: Life, site: Site, alice: User, worker: Worker
) -> None:
    shown = life.issue(alice)
    assert [worker.ask(shown), ask(shown)] == [200, 200]
    alice.set_password("another one, and longer")
    alice.save()
    expected = 401 if life.by_password else 200
    assert [worker.ask(shown), ask(shown)] == [expected, expected]


@pytest.mark.parametrize("state", ["memory", "lmdb"], indirect=True)
def test_what_was_stolen_is_worth_nothing_once_that_is_reported(
    life: Life, site: Site, alice: User, bob: User, worker: Worker
) -> None:
    """The thief uses it in another worker; others of the same scheme notice nothing."""
    stolen, other = life.issue(alice), life.issue(bob)
    assert [worker.ask(stolen), worker.ask(other)] == [200, 200]
    if life.reports:
        life.report(alice)
    else:
        life.revocations()["orm"](life, stolen)
    assert [worker.ask(stolen), ask(stolen)] == [401, 401]
    assert [worker.ask(other), ask(other)] == [200, 200]
    worker.shift(31)
    assert worker.ask(stolen) == 401


def test_guesses_at_it_are_limited_by_address(life: Life, site: Site, alice: User) -> None:
    shown = life.issue(alice)
    site.change(LIMITS={"anon": "1000/min", "user": None, "failed_auth": "5/min"})
    guesses = [with_secret(shown, _guess(shown.secret, number)) for number in range(10)]
    found = [ask(one) for one in guesses]
    if shown.cookies:  # one that is nobody's makes a visitor, and costs nothing that is dear
        assert set(found) == {401}
    else:
        assert found == [401] * 5 + [429] * 5
    assert ask(shown, REMOTE_ADDR="192.0.2.9") == 200


def _guess(secret: str, number: int) -> str:
    """Of the same shape, as far as a stranger can make it."""
    return secret[:-4] + f"{number:04d}"


_ = Any
