"""What an access token says, what it does not say, and what one query says about it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import jwt as pyjwt
import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from joserfc import jwt as joserfc_jwt

import stockade
from stockade import keyring
from stockade.core import clock
from stockade.core.errors import InvalidCredential, LoginFailed
from stockade.models import Session
from stockade.schemes.jwt import JWTScheme, Pair, access, issue, signing
from tests.schemes import forge

pytestmark = pytest.mark.django_db


def loaded(pair: Pair) -> Any:
    return JWTScheme().load(access.verify(pair.access))


def refused(pair: Pair) -> str:
    with pytest.raises(InvalidCredential) as caught:
        loaded(pair)
    return caught.value.reason


# -- the token --------------------------------------------------------------------------------------------------------


def test_it_has_every_claim_that_rfc_9068_requires_and_nothing_personal(
    make_user: Callable[..., Any],
) -> None:
    user = make_user("alice", first_name="Alice", last_name="Liddell", is_staff=True, is_superuser=True)
    token = issue(user).access
    assert set(forge.header_of(token)) == {"typ", "alg", "kid"}
    assert forge.header_of(token)["typ"] == "at+jwt"
    claims = forge.claims_of(token)
    assert set(claims) == {"iss", "aud", "sub", "client_id", "iat", "exp", "jti", "auth_time", "sid"}
    assert claims["sub"] == str(user.pk)
    text = str(claims).lower()
    assert not any(word in text for word in ("alice", "liddell", "example.com", "staff", "superuser"))


def test_its_times_are_whole_seconds_and_as_set(alice: Any, configure: Callable[..., None]) -> None:
    configure(JWT={"ACCESS_LIFETIME": "90s"})
    claims = forge.claims_of(issue(alice).access)
    assert claims["exp"] - claims["iat"] == 90
    assert 0 <= claims["iat"] - claims["auth_time"] <= 2  # a second may end between the session and its token


def test_it_does_not_outlive_its_session(alice: Any, configure: Callable[..., None]) -> None:
    configure(JWT={"ACCESS_LIFETIME": "1h", "REFRESH_ABSOLUTE": "10m"})
    claims = forge.claims_of(issue(alice).access)
    assert claims["exp"] - claims["iat"] <= 600


def test_no_two_tokens_have_the_same_jti(alice: Any) -> None:
    assert len({forge.claims_of(issue(alice).access)["jti"] for _ in range(50)}) == 50


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_others_verify_it_with_nothing_but_the_published_keys(
    algorithm: str, alice: Any, configure: Callable[..., None]
) -> None:
    configure(JWT={"ALGORITHM": algorithm})
    token = issue(alice).access
    jwks = keyring.ring().jwks()
    by_pyjwt = pyjwt.decode(
        token,
        pyjwt.PyJWKSet.from_dict(jwks)[forge.header_of(token)["kid"]].key,
        algorithms=[algorithm],
        audience="stockade",
        issuer="stockade",
    )
    from joserfc.jwk import KeySet

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joserfc warns of the name EdDSA (RFC 9864)
        by_joserfc = joserfc_jwt.decode(token, KeySet.import_key_set(jwks), algorithms=[algorithm])  # type: ignore[arg-type]
    assert by_pyjwt == by_joserfc.claims == forge.claims_of(token)


def test_further_claims_are_signed_and_read(alice: Any) -> None:
    credential = access.verify(issue(alice, claims={"tenant": "acme", "tier": 3}).access)
    assert credential.claims["tenant"] == "acme"
    assert credential.claims["tier"] == 3


@pytest.mark.parametrize("name", sorted(signing.RESERVED))
def test_further_claims_cannot_replace_ours(name: str, alice: Any) -> None:
    with pytest.raises(ValueError, match="choose another name"):
        issue(alice, claims={name: "x"})
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    "claims", [{"x": object()}, {"x": "y" * 5000}, {1: "x"}, {"x": {1, 2}}, {"x": 2**70}]
)
def test_further_claims_that_no_token_can_carry_are_refused(claims: Any, alice: Any) -> None:
    with pytest.raises(ValueError, match=r"claim|Claims"):
        issue(alice, claims=claims)


def test_scopes_bound_the_credential_and_none_means_unbounded(alice: Any) -> None:
    bound = access.verify(issue(alice, scopes=["articles:read", "articles:read", "mail"]).access)
    assert bound.scopes == frozenset({"articles:read", "mail"})
    assert access.verify(issue(alice).access).scopes is None
    assert access.verify(issue(alice, scopes=[]).access).scopes == frozenset()


@pytest.mark.parametrize("scope", ["two words", 'quo"te', "back\\slash", "", "ümlaut", "new\nline"])
def test_a_scope_that_would_be_read_as_others_is_refused(scope: str, alice: Any) -> None:
    with pytest.raises(ValueError, match=r"is no scope\. Write one word"):
        issue(alice, scopes=[scope])


def test_no_session_is_opened_for_an_inactive_user(make_user: Callable[..., Any]) -> None:
    with pytest.raises(LoginFailed):
        issue(make_user(is_active=False))
    assert not Session.objects.exists()


def test_no_session_is_opened_for_a_user_that_is_not_saved() -> None:
    with pytest.raises(ValueError, match="not saved"):
        issue(User(username="ghost"))


def test_the_package_offers_issue() -> None:
    assert stockade.issue is issue


def test_the_creation_is_in_the_log_without_a_secret(alice: Any, log: Callable[..., Any]) -> None:
    pair = issue(alice)
    (created,) = log("TOKEN_CREATED")
    assert (created.subject, created.session) == (str(alice.pk), pair.session)
    assert pair.access not in repr(log()) + repr(pair)
    assert pair.refresh not in repr(log()) + repr(pair)


# -- its times --------------------------------------------------------------------------------------------------------


def test_an_expired_token_is_refused_to_the_second(pair: Pair, later: Callable[[float], None]) -> None:
    later(pair.expires - clock.now() - 0.5)
    access.verify(pair.access)
    later(0.6)
    with pytest.raises(InvalidCredential) as caught:
        access.verify(pair.access)
    assert caught.value.reason == "expired"


def test_the_skew_of_clocks_forgives_a_start_but_no_end(pair: Pair, configure: Callable[..., None]) -> None:
    configure(JWT={"CLOCK_SKEW": "60s"})
    now = int(clock.now())
    access.verify(forge.changed(pair.access, claims={"nbf": now + 30, "iat": now + 30}))
    with pytest.raises(InvalidCredential):
        access.verify(forge.changed(pair.access, claims={"exp": now - 1, "iat": now - 100}))


# -- whose it is ------------------------------------------------------------------------------------------------------


def test_a_token_of_another_issuer_is_left_to_the_next_scheme(pair: Pair) -> None:
    from joserfc.jwk import ECKey

    key = ECKey.generate_key("P-256")
    foreign = forge.sign({"alg": "ES256", "kid": "theirs"}, {"iss": "https://other.example"}, key, "ES256")
    scheme = JWTScheme()
    assert not scheme.looks_mine(foreign)
    assert scheme.looks_mine(pair.access)
    # Forged ones of ours are ours to refuse: by issuer, or by kid.
    assert scheme.looks_mine(forge.sign({"alg": "none"}, {"iss": "stockade"}, key, "ES256"))
    assert scheme.looks_mine(forge.sign(forge.header_of(pair.access), {"iss": "https://other.example"}))
    assert scheme.looks_mine(pair.access.rsplit(".", 1)[0])
    assert scheme.looks_mine(pair.access.split(".")[0])
    assert scheme.looks_mine(pair.refresh)


@pytest.mark.parametrize(
    "value", ["", ".", "..", "ey", "ey.ey.ey", "ey" * 5000, "hello world", "eyJ" + "\ud800", "ey\0", "str"]
)
def test_what_has_no_shape_of_ours_is_not_ours(value: str, pair: Pair) -> None:
    assert not JWTScheme().looks_mine(value)


def test_a_refresh_token_is_no_access_token(pair: Pair) -> None:
    with pytest.raises(InvalidCredential) as caught:
        JWTScheme().verify(pair.refresh, {})
    assert caught.value.reason == "refresh_as_access"


# -- what SQL says ----------------------------------------------------------------------------------------------------


def test_one_query_says_who_it_is_and_which_roles(make_user: Callable[..., Any]) -> None:
    user = make_user(is_superuser=True)
    user.groups.set([Group.objects.create(name=name) for name in ("Editors", "Admins")])
    credential = access.verify(issue(user).access)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        principal = JWTScheme().load(credential)
        assert principal.user.pk == user.pk
        assert principal.user.is_active
    assert len(queries) == 1
    assert type(principal.user) is User
    assert principal.roles == {"Editors", "Admins"}
    assert principal.superuser
    assert principal.subject == str(user.pk)
    assert principal.credential is credential


def test_a_user_without_groups_has_no_roles(pair: Pair) -> None:
    assert loaded(pair).roles == frozenset()


def test_an_ended_session_ends_its_access_token(pair: Pair) -> None:
    stockade.end_sessions(ids=[pair.session])
    assert refused(pair) == "ended"


def test_a_session_past_its_end_ends_its_access_token(pair: Pair, later: Callable[[float], None]) -> None:
    credential = access.verify(pair.access)
    later(30 * 86400)
    with pytest.raises(InvalidCredential) as caught:
        JWTScheme().load(credential)
    assert caught.value.reason == "expired"


def test_a_deactivated_user_is_refused_and_comes_back(pair: Pair, alice: Any) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert refused(pair) == "inactive"
    User.objects.filter(pk=alice.pk).update(is_active=True)
    assert loaded(pair).subject == str(alice.pk)


def test_a_deleted_user_is_refused(pair: Pair, alice: Any) -> None:
    alice.delete()
    assert refused(pair) == "gone"


def test_a_changed_password_ends_the_session(pair: Pair, alice: Any) -> None:
    alice.set_password("another one")
    alice.save()
    assert refused(pair) == "password_changed"


def test_the_stamp_is_no_hash_of_anything_an_attacker_has(pair: Pair, alice: Any) -> None:
    """Who steals the sessions' table learns nothing about passwords, and two users with one hash have two stamps."""
    session = Session.objects.get(pk=pair.session)
    assert session.stamp not in alice.password
    assert len(session.stamp) == 64
    from stockade.schemes import stamp

    assert stamp.stamp("1", "hash") != stamp.stamp("2", "hash")


def test_a_rotated_secret_key_keeps_sessions_while_it_is_a_fallback(pair: Pair, settings: Any) -> None:
    old = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new one for this test, and no secret", [old]
    assert loaded(pair).is_authenticated
    settings.SECRET_KEY_FALLBACKS = []
    # Not by `verify`: the key ring is wrapped with the old one, too.
    credential = access._credential(forge.claims_of(pair.access), float("inf"))
    with pytest.raises(InvalidCredential) as caught:
        JWTScheme().load(credential)
    assert caught.value.reason == "password_changed"


def test_a_token_for_one_user_does_not_open_the_session_of_another(
    pair: Pair, make_user: Callable[..., Any]
) -> None:
    bob = make_user("bob")
    with pytest.raises(InvalidCredential) as caught:
        JWTScheme().load(access.verify(forge.changed(pair.access, claims={"sub": str(bob.pk)})))
    assert caught.value.reason == "wrong_subject"


@pytest.mark.parametrize("sid", ["x" * 36, "0" * 36, "\u0660" * 36])
def test_a_session_id_that_is_none_is_refused(sid: str, pair: Pair) -> None:
    with pytest.raises(InvalidCredential):
        JWTScheme().load(access.verify(forge.changed(pair.access, claims={"sid": sid})))
