"""When and how a user proved who they are: kept as it was, whatever is done with the credential afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from stockade.core import clock, methods
from stockade.core.credential import Credential
from stockade.schemes import login
from stockade.schemes.jwt import Pair, access, issue
from stockade.schemes.jwt.redemption import redeem
from stockade.schemes.opaque import API_KEY, TOKEN, create_key, create_token, rotate
from stockade.schemes.opaque.login import obtain as obtain_token
from stockade.schemes.opaque.scheme import OpaqueScheme
from tests.schemes import forge
from tests.schemes.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def proven(pair: Pair) -> Credential:
    return access.verify(pair.access)


def test_a_refresh_does_not_make_an_old_login_a_new_one(alice: Any, later: Callable[[float], None]) -> None:
    pair = issue(alice, amr=["pwd", "otp"])
    first = proven(pair)
    for hours in (1, 2, 3):
        later(3600)
        pair = redeem(pair.refresh)
        found = proven(pair)
        assert (found.auth_time, set(found.amr)) == (first.auth_time, {"pwd", "otp"})
        assert found.issued - found.auth_time >= hours * 3600


def test_a_password_is_a_password_and_nothing_more(alice: Any) -> None:
    found = proven(login.obtain("alice", PASSWORD).pair)
    assert (set(found.amr), found.acr) == ({"pwd"}, "")
    assert abs(found.auth_time - clock.now()) <= 2


def test_a_client_does_not_say_how_it_has_proven_itself(alice: Any, settings: Any) -> None:
    """`amr`, `acr` and `auth_time` in the body of a login are of no effect: it is refused, or they are not read."""
    settings.ROOT_URLCONF = "stockade.drf.urls"
    body = {"username": "alice", "password": PASSWORD}
    claimed = {**body, "amr": ["mfa"], "acr": "gold", "auth_time": 2**39}
    answer = Client().post("/token/", claimed, content_type="application/json")
    if answer.status_code == 200:
        claims = forge.claims_of(answer.json()["access"])
        assert claims["amr"] == ["pwd"]
        assert "acr" not in claims
        assert claims["auth_time"] <= claims["iat"]
    else:
        assert answer.status_code == 400


def test_who_vouches_for_a_user_says_how_and_when(alice: Any) -> None:
    then = clock.now() - 1000
    found = proven(issue(alice, amr=["hwk", "user"], acr="urn:example:gold", auth_time=then))
    assert (set(found.amr), found.acr, found.auth_time) == ({"hwk", "user"}, "urn:example:gold", int(then))
    assert proven(issue(alice)).amr == methods.NONE


def test_nobody_has_proven_anything_in_the_future(alice: Any) -> None:
    with pytest.raises(ValueError, match="in the future"):
        issue(alice, auth_time=clock.now() + 3600)
    found = proven(issue(alice, auth_time=clock.now() + 5))  # of a host whose clock is ahead
    assert found.auth_time <= found.issued


@pytest.mark.parametrize(
    ("amr", "words"),
    [
        ("mfa", "not a text"),
        (["pwd mfa"], "names no method"),
        ([""], "names no method"),
        ([1], "strings"),
        (["x" * 33], "names no method"),
        ([f"m{number}" for number in range(17)], "at most 16"),
        (["x" * 30, "y" * 30, "z" * 30, "w" * 30], "100 characters"),
    ],
)
def test_what_names_no_methods_is_no_amr(amr: Any, words: str, alice: Any) -> None:
    with pytest.raises(ValueError, match=words):
        issue(alice, amr=amr)


@pytest.mark.parametrize("acr", ["two words", "x" * 101, 1, "tab\t"])
def test_what_names_no_context_is_no_acr(acr: Any, alice: Any) -> None:
    with pytest.raises(ValueError, match="acr"):
        issue(alice, acr=acr)


def test_a_token_for_a_password_is_as_old_as_its_making(alice: Any, later: Callable[[float], None]) -> None:
    made = obtain_token("alice", PASSWORD).made
    scheme, then = OpaqueScheme(TOKEN), clock.now()
    later(3600)
    found = scheme.load(scheme.verify(made.token, {})).credential
    assert found is not None
    assert found.amr == {"pwd"}
    assert abs(found.auth_time - then) < 60


def test_what_code_or_its_owner_made_by_name_proves_no_login(alice: Any) -> None:
    """Else whoever holds a stolen token makes a key with it, and the key is fresh."""
    scheme = OpaqueScheme(TOKEN)
    assert scheme.verify(create_token(alice).token, {}).auth_time == 0
    keys, key = OpaqueScheme(API_KEY), create_key("backup", owner=alice)
    for secret in (key.token, rotate(key.id).token, create_key("service").token):
        found = keys.load(keys.verify(secret, {})).credential
        assert found is not None
        assert (found.auth_time, found.amr, found.acr) == (0.0, methods.NONE, "")
