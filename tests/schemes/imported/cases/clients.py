"""Clients that were written for simplejwt, its own classes among them, against our tokens, answers and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.contrib.auth.models import User
from django.test import Client
from jwt import PyJWKClient
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.state import token_backend
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, UntypedToken

import stockade
from stockade.core.errors import InvalidCredential
from stockade.schemes.jwt import access, signing
from tests.schemes import forge
from tests.schemes.imported.cases.conftest import Browser

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery staple"
NAMES = {"token_type", "exp", "iat", "jti", "user_id"}


@pytest.fixture
def ours(alice: User) -> str:
    return stockade.issue(alice).access


@pytest.fixture
def rfc9068(project: Any) -> None:
    project.STOCKADE = {**project.STOCKADE, "JWT": {}}


# -- reading our tokens ------------------------------------------------------------------------------------------------


def test_an_access_token_has_the_claims_of_simplejwts_in_their_types(ours: str, alice: User) -> None:
    theirs = AccessToken.for_user(alice).payload
    claims = jwt.decode(ours, options={"verify_signature": False})
    assert theirs.keys() == NAMES
    assert theirs.keys() <= claims.keys()
    assert {name: type(claims[name]) for name in NAMES} == {name: type(theirs[name]) for name in NAMES}
    assert (claims["token_type"], claims["user_id"]) == ("access", str(alice.pk))
    assert claims["user_id"] == claims["sub"]
    assert claims.keys() - NAMES == {"iss", "aud", "sub", "client_id", "auth_time", "sid"}


def test_without_the_profile_they_are_not_there(rfc9068: None, ours: str) -> None:
    claims = jwt.decode(ours, options={"verify_signature": False})
    assert not {"token_type", "user_id"} & claims.keys()


@pytest.mark.parametrize("algorithm", ["ES256", "HS256", "RS256"])
def test_the_classes_of_simplejwt_read_our_tokens(algorithm: str, project: Any, alice: User) -> None:
    """On the client side: it has no key, and wants to know whose token it is and until when."""
    project.STOCKADE = {**project.STOCKADE, "JWT": {"PROFILE": "simplejwt", "ALGORITHM": algorithm}}
    token = stockade.issue(alice, claims={"shop": 7}).access
    assert forge.header_of(token)["alg"] == algorithm
    for made in (AccessToken(token, verify=False), UntypedToken(token, verify=False)):
        assert made["user_id"] == str(alice.pk)
        assert made["shop"] == 7
        assert made.get("token_type") == "access"
        made.check_exp()
        with pytest.raises(TokenError):
            made.check_exp(current_time=made.current_time + timedelta(minutes=6))
    assert AccessToken(token, verify=False).verify_token_type() is None
    assert token_backend.decode(token, verify=False)["jti"]


def test_another_service_that_uses_simplejwt_verifies_our_tokens_by_our_public_keys(
    ours: str, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = json.loads(Client().get("/.well-known/jwks.json").content)
    monkeypatch.setattr(PyJWKClient, "fetch_data", lambda self: published)
    backend = TokenBackend("ES256", None, "", "stockade", "stockade", "http://127.0.0.1/jwks.json")

    class Ours(AccessToken):
        _token_backend = backend

    caller = JWTStatelessUserAuthentication().get_user(Ours(ours))
    assert (caller.pk, caller.is_authenticated) == (str(alice.pk), True)
    header, _, signature = ours.split(".")
    payload = forge.changed(ours, claims={"user_id": "2"}).split(".")[1]
    with pytest.raises(TokenError):
        Ours(f"{header}.{payload}.{signature}")


def test_simplejwt_with_its_own_key_takes_none_of_ours(ours: str) -> None:
    with pytest.raises(TokenError):
        AccessToken(ours)
    with pytest.raises(TokenError):
        UntypedToken(ours)


# -- types are not confused --------------------------------------------------------------------------------------------


def test_a_token_of_ours_that_says_it_is_a_refresh_token_is_no_access_token(ours: str) -> None:
    """By our own key, header and issuer, so that nothing but its type is wrong."""
    for kind in ("refresh", "sliding", ["access"], "", 0):
        with pytest.raises(InvalidCredential) as caught:
            access.verify(forge.changed(ours, claims={"token_type": kind}))
        assert caught.value.reason == "wrong_type"


def test_a_token_of_ours_that_names_two_users_is_refused(ours: str) -> None:
    with pytest.raises(InvalidCredential) as caught:
        access.verify(forge.changed(ours, claims={"user_id": "2"}))
    assert caught.value.reason == "claim_user_id"


def test_a_token_of_before_the_profile_goes_on(rfc9068: None, ours: str, project: Any) -> None:
    project.STOCKADE = {**project.STOCKADE, "JWT": {"PROFILE": "simplejwt"}}
    assert access.verify(ours).subject


def test_a_refresh_token_is_no_access_token_and_the_other_way_round(alice: User, browser: Browser) -> None:
    pair = stockade.issue(alice)
    assert browser.get(pair.refresh)[0] == 401
    assert browser.refresh(pair.access)[0] == 401


@pytest.mark.parametrize("name", ["token_type", "user_id"])
def test_a_further_claim_replaces_none_of_the_profiles(name: str, alice: User) -> None:
    with pytest.raises(ValueError, match=name):
        stockade.issue(alice, claims={name: "refresh"})
    assert signing.checked({"shop": 7})


def test_names_of_claims_are_those_of_the_projects_simplejwt(alice: User, project: Any) -> None:
    project.SIMPLE_JWT = {**project.SIMPLE_JWT, "USER_ID_CLAIM": "uid", "TOKEN_TYPE_CLAIM": "kind"}
    claims = jwt.decode(stockade.issue(alice).access, options={"verify_signature": False})
    assert (claims["uid"], claims["kind"]) == (str(alice.pk), "access")


# -- answers and refusals ----------------------------------------------------------------------------------------------


def test_answers_have_the_members_of_simplejwts(alice: User, browser: Browser) -> None:
    status, pair = browser.post("", username="alice", password=PASSWORD)
    assert (status, pair.keys()) == (200, {"access", "refresh"})
    status, again = browser.refresh(pair["refresh"])
    assert (status, again.keys()) == (200, {"access", "refresh"})
    assert browser.post("verify/", token=again["access"]) == (200, {})
    assert browser.post("verify/", token=again["refresh"]) == (200, {})
    assert browser.post("revoke/", refresh=again["refresh"]) == (200, {})


CASES: dict[str, tuple[str, dict[str, str]]] = {
    "wrong password": ("", {"username": "alice", "password": "wrong"}),
    "unknown user": ("", {"username": "nobody", "password": "wrong"}),
    "no password": ("", {"username": "alice"}),
    "blank password": ("", {"username": "alice", "password": ""}),
    "garbage to refresh": ("refresh/", {"refresh": "garbage"}),
    "another's token to refresh": ("refresh/", {"refresh": "e30.e30.AAAA"}),
    "nothing to refresh": ("refresh/", {}),
    "garbage to verify": ("verify/", {"token": "garbage"}),
    "nothing to verify": ("verify/", {}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_is_word_for_word_simplejwts(
    name: str, alice: User, browser: Browser, project: Any
) -> None:
    path, body = CASES[name]
    ours = browser.post(path, **body)
    project.ROOT_URLCONF = "tests.schemes.imported.cases.api"
    project.MIDDLEWARE = []
    project.REST_FRAMEWORK = {}
    assert ours == Browser().post(path, **body)
    assert ours[0] in (400, 401)


@pytest.mark.parametrize("which", ["garbage", "expired", "nothing"])
def test_a_refusal_of_the_api_is_word_for_word_simplejwts(
    which: str, alice: User, project: Any, later: Callable[[float], None]
) -> None:
    """Clients read `code`, and `messages` to tell an expired token from a bad one."""
    theirs = AccessToken.for_user(alice)
    theirs.set_exp(lifetime=timedelta(seconds=-1))
    tokens = {"garbage": ("e30.e30.AAAA", "e30.e30.AAAA"), "expired": (stockade.issue(alice).access, theirs)}
    later(301)
    answers = []
    for number in range(2):
        headers = {"authorization": f"Bearer {tokens[which][number]}"} if which in tokens else {}
        answer = Client().get("/api/sessions/", headers=headers)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")
        answers.append((answer.status_code, answer.json()))
        project.ROOT_URLCONF = "tests.schemes.imported.cases.api"
        project.MIDDLEWARE = []
        project.REST_FRAMEWORK = {}
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


def test_without_the_profile_refusals_are_as_before(rfc9068: None, alice: User, browser: Browser) -> None:
    status, body = browser.get("e30.e30.AAAA")
    assert (status, body.keys()) == (401, {"detail", "code"})


def test_problem_documents_stay_what_they_are(project: Any, alice: User, browser: Browser) -> None:
    project.STOCKADE = {**project.STOCKADE, "ERRORS": "problem"}
    status, body = browser.refresh("garbage")
    assert (status, body["code"], "messages" in body) == (401, "token_not_valid", False)


# -- across the import -------------------------------------------------------------------------------------------------


def test_claims_of_the_project_stay_in_its_access_tokens(alice: User, browser: Browser) -> None:
    """Such as a TOKEN_OBTAIN_SERIALIZER writes; none of them replaces one of ours."""
    from stockade.schemes.simplejwt import move

    theirs = RefreshToken.for_user(alice)
    theirs["email"], theirs["staff"] = alice.email, False
    theirs["sid"], theirs["scope"], theirs["sub"], theirs["cnf"] = "x", "admin", "2", {}
    move.run()
    pair = browser.refresh(theirs)[1]
    for token in (pair["access"], browser.refresh(pair["refresh"])[1]["access"]):
        made = AccessToken(token, verify=False)
        assert (made["email"], made["staff"], made["user_id"]) == (alice.email, False, str(alice.pk))
        assert (made["sub"], made["auth_time"]) == (str(alice.pk), 0)
        assert made["scope"] == "admin"  # a bound, never a right
        assert "cnf" not in made
        assert made["sid"] != "x"


def test_verifying_says_what_refreshing_would(alice: User, browser: Browser, mode: str) -> None:
    from stockade.schemes.simplejwt import move

    theirs = RefreshToken.for_user(alice)
    assert browser.post("verify/", token=str(theirs))[0] == 401
    move.run()
    assert browser.post("verify/", token=str(theirs)) == (200, {})
    assert browser.post("verify/", token=str(theirs.access_token)) == (200, {})
    assert browser.refresh(theirs)[0] == 200
    assert browser.post("verify/", token=str(theirs))[0] == 401


def test_a_view_reads_the_claims_of_an_imported_token(alice: User) -> None:
    from stockade.schemes.simplejwt import move
    from stockade.schemes.simplejwt.scheme import SimpleJWTScheme

    move.run()
    scheme = SimpleJWTScheme()
    credential = scheme.verify(str(RefreshToken.for_user(alice).access_token), {})
    assert credential["user_id"] == str(alice.pk)
    assert credential.payload["token_type"] == "access"
    principal = scheme.load(credential)
    assert principal.user == alice
