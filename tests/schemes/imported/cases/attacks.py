"""Whoever holds a token of simplejwt that must not be taken, or wants more of one than it is worth."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import User
from django.test import Client
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken

from stockade import end_sessions
from stockade.core.errors import ConfigurationError
from stockade.models import ImportedToken, Session, TokenImport
from stockade.schemes.simplejwt import exchange, move, standing
from tests.around import Log
from tests.schemes.imported.cases.conftest import Browser, refused

pytestmark = pytest.mark.django_db(transaction=True)


def forged(token: object, key: Any = "k" * 64, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """The token with other claims, signed by `key` with HS256; a claim that is None is taken out."""
    payload = {**jwt.decode(str(token), options={"verify_signature": False}), **claims}
    payload = {name: value for name, value in payload.items() if value is not None}
    parts = [
        base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode()
        for one in (header or {"alg": "HS256", "typ": "JWT"}, payload)
    ]
    message = ".".join(parts).encode()
    secret = key if isinstance(key, bytes) else key.encode()
    made = hmac.digest(secret, message, hashlib.sha256)
    return f"{message.decode()}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


# -- before there is an import -----------------------------------------------------------------------------------------


def test_without_an_import_nothing_of_simplejwt_is_taken(
    theirs: RefreshToken, browser: Browser, mode: str
) -> None:
    assert browser.get(theirs.access_token)[0] == 401
    assert browser.refresh(theirs)[0] == 401
    assert refused(theirs) == "not_imported"


def test_a_token_by_secret_key_is_taken_by_nobody_whose_schemes_do_not_say_so(
    theirs: RefreshToken, browser: Browser, project: Any, mode: str
) -> None:
    move.run()
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": ["jwt"]}
    assert browser.get(theirs.access_token)[0] == 401
    assert browser.refresh(theirs)[0] == 401
    assert not Session.objects.exists()


# -- what was taken back -----------------------------------------------------------------------------------------------


def test_a_token_that_was_blacklisted_before_the_import_is_refused(
    theirs: RefreshToken, browser: Browser
) -> None:
    theirs.blacklist()
    move.run()
    assert browser.refresh(theirs)[0] == 401
    assert refused(theirs) == "blacklisted"


def test_a_token_that_an_old_process_blacklists_after_the_import_is_refused(theirs: RefreshToken) -> None:
    move.run()
    theirs.blacklist()
    assert refused(theirs) == "blacklisted"


def test_a_token_that_was_blacklisted_stays_so_without_simplejwts_tables(
    theirs: RefreshToken, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app is taken out of INSTALLED_APPS once the import is made."""
    other = RefreshToken.for_user(alice)
    theirs.blacklist()
    move.run()
    monkeypatch.setattr(standing, "has_tables", lambda: False)
    assert refused(theirs) == "not_outstanding"
    assert exchange.redeem(str(other)).session


def test_another_import_finds_what_was_blacklisted_meanwhile(
    theirs: RefreshToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    move.run()
    theirs.blacklist()
    move.run()
    monkeypatch.setattr(standing, "has_tables", lambda: False)
    assert refused(theirs) == "not_outstanding"


def test_an_import_by_signatures_does_not_follow_one_by_tables(
    theirs: RefreshToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take whatever the blacklist had."""
    theirs.blacklist()
    move.run()
    monkeypatch.setattr("stockade.schemes.simplejwt.move.has_tables", lambda: False)
    monkeypatch.setattr(standing, "has_tables", lambda: False)
    for _ in range(2):
        with pytest.raises(ConfigurationError) as caught:
            move.run()
        assert caught.value.id == "stockade.E106"
        move.undo()
    assert refused(theirs) == "not_imported"


def test_a_token_with_a_good_signature_that_nobody_issued_is_refused(theirs: RefreshToken) -> None:
    """Whoever has got hold of SIGNING_KEY makes as many as he likes; the tables know them not."""
    move.run()
    assert refused(forged(theirs, jti="0" * 32)) == "not_outstanding"


def test_a_token_that_was_issued_to_one_user_is_nobody_elses(
    theirs: RefreshToken, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has SIGNING_KEY and an account writes another user into his own token."""
    boss = User.objects.create_user("boss", is_superuser=True)
    move.run()
    issued_meanwhile = RefreshToken.for_user(alice)
    for token in (theirs, issued_meanwhile):
        assert refused(forged(token, user_id=str(boss.pk))) == "not_outstanding"
    assert exchange.redeem(str(issued_meanwhile)).session
    monkeypatch.setattr(standing, "has_tables", lambda: False)
    assert refused(forged(theirs, user_id=str(boss.pk))) == "not_outstanding"
    assert exchange.redeem(str(theirs)).session
    assert set(Session.objects.values_list("user_id", flat=True)) == {alice.pk}


# -- used twice --------------------------------------------------------------------------------------------------------


def test_a_token_is_exchanged_once_and_within_the_leeway_gives_the_same_successor(
    theirs: RefreshToken, browser: Browser, mode: str
) -> None:
    move.run()
    first, second = browser.refresh(theirs), browser.refresh(theirs)
    assert first[0] == second[0] == 200
    assert first[1]["refresh"] == second[1]["refresh"]
    assert Session.objects.count() == 1


def test_a_token_that_is_shown_after_the_leeway_is_theft_and_ends_the_session(
    theirs: RefreshToken, browser: Browser, mode: str, later: Callable[[float], None], log: Log
) -> None:
    move.run()
    access = browser.refresh(theirs)[1]["access"]
    assert browser.get(access)[0] == 200
    later(11)
    assert browser.refresh(theirs)[0] == 401
    assert browser.get(access)[0] == 401
    assert Session.objects.get().end_reason == "refresh_reuse"
    assert len(log("TOKEN_REUSE")) == 1


def test_a_token_whose_successor_was_used_is_theft_within_the_leeway_too(
    theirs: RefreshToken, browser: Browser, mode: str
) -> None:
    move.run()
    successor = browser.refresh(theirs)[1]["refresh"]
    assert browser.refresh(successor)[0] == 200
    assert browser.refresh(theirs)[0] == 401
    assert Session.objects.get().ended_at is not None


def test_a_token_that_was_exchanged_is_dead_at_simplejwt_as_well(theirs: RefreshToken) -> None:
    """An old process that still runs would give another lineage for it."""
    move.run()
    exchange.redeem(str(theirs))
    assert BlacklistedToken.objects.filter(token__jti=theirs["jti"]).exists()


def test_an_exchanged_token_is_not_revived_by_undoing_and_importing_again(
    theirs: RefreshToken, mode: str, later: Callable[[float], None]
) -> None:
    move.run()
    exchange.redeem(str(theirs))
    move.undo()
    move.run()
    later(11)
    assert refused(theirs) == "refresh_reuse"
    assert Session.objects.count() == 1


def test_a_revoked_token_is_exchanged_by_nobody(theirs: RefreshToken, browser: Browser, mode: str) -> None:
    move.run()
    assert browser.post("revoke/", refresh=str(theirs)) == (200, {})
    assert browser.post("revoke/", refresh=str(theirs)) == (200, {})
    assert browser.refresh(theirs)[0] == 401
    assert not Session.objects.exists()


def test_revoking_a_token_that_was_exchanged_ends_its_session(
    theirs: RefreshToken, browser: Browser, mode: str
) -> None:
    move.run()
    access = browser.refresh(theirs)[1]["access"]
    assert browser.post("revoke/", refresh=str(theirs))[0] == 200
    assert browser.get(access)[0] == 401


# -- the bounds --------------------------------------------------------------------------------------------------------


def test_after_undo_nothing_is_taken(theirs: RefreshToken, browser: Browser, mode: str) -> None:
    move.run()
    assert browser.get(theirs.access_token)[0] == 200
    access = theirs.access_token
    move.undo()
    assert browser.get(access)[0] == 401
    assert browser.get(theirs.access_token)[0] == 401
    assert refused(theirs) == "not_imported"


def test_after_the_bound_a_token_that_says_it_lives_longer_is_refused(
    theirs: RefreshToken, browser: Browser, later: Callable[[float], None], mode: str
) -> None:
    """Made before, with a life of its own."""
    access, refresh = theirs.access_token, theirs
    access.set_exp(lifetime=timedelta(days=365))
    refresh.set_exp(lifetime=timedelta(days=365))
    move.run()
    assert browser.get(access)[0] == 200
    later(15 * 60 + 1)
    assert browser.get(access)[0] == 401
    later(14 * 86400)
    assert refused(refresh) == "import_over"


def test_an_expired_token_is_refused(
    theirs: RefreshToken, browser: Browser, later: Callable[[float], None], mode: str
) -> None:
    move.run()
    TokenImport.objects.update(
        access_until=datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC),
        refresh_until=datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC),
    )
    access = theirs.access_token
    later(15 * 60)
    status, body = browser.get(access)
    assert (status, body["messages"][0]["message"]) == (401, "Token is expired")
    later(14 * 86400)
    assert refused(theirs) == "expired"


# -- users -------------------------------------------------------------------------------------------------------------


def test_a_user_who_is_deactivated_after_the_import_is_nobody(
    theirs: RefreshToken, alice: User, browser: Browser, mode: str
) -> None:
    move.run()
    assert browser.get(theirs.access_token)[0] == 200
    alice.is_active = False
    alice.save()
    assert browser.get(theirs.access_token)[0] == 401
    assert refused(theirs) == "inactive"
    alice.is_active = True
    alice.save()
    assert browser.refresh(theirs)[0] == 200  # the refusal has used nothing up


def test_a_user_who_was_inactive_at_the_import_is_not_imported(
    theirs: RefreshToken, alice: User, mode: str
) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    move.run()
    User.objects.filter(pk=alice.pk).update(is_active=True)
    assert refused(theirs) == "not_imported"


def test_ended_sessions_end_imported_tokens_in_every_worker(
    theirs: RefreshToken, alice: User, browser: Browser, mode: str
) -> None:
    move.run()
    access = theirs.access_token
    assert browser.get(access)[0] == 200
    end_sessions(alice)
    assert browser.get(access)[0] == 401
    assert refused(theirs) == "ended"


def test_ended_sessions_are_not_revived_by_importing_again(
    theirs: RefreshToken, alice: User, mode: str
) -> None:
    move.run()
    end_sessions(alice)
    move.run()
    assert refused(theirs) == "ended"
    move.undo()
    move.run()
    assert refused(theirs) == "ended"


def test_whoever_logs_out_everywhere_else_logs_out_what_was_imported(
    theirs: RefreshToken, alice: User, browser: Browser, mode: str
) -> None:
    move.run()
    current = exchange.redeem(str(RefreshToken.for_user(alice)))
    end_sessions(alice, except_id=current.session)
    assert browser.get(theirs.access_token)[0] == 401
    assert refused(theirs) == "ended"
    assert browser.get(current.access)[0] == 200


def test_a_changed_password_ends_imported_tokens(
    theirs: RefreshToken, alice: User, browser: Browser, mode: str
) -> None:
    move.run()
    access = theirs.access_token
    assert browser.get(access)[0] == 200
    alice.set_password("another one")
    alice.save()
    assert browser.get(access)[0] == 401
    assert refused(theirs) == "password_changed"


def test_a_password_that_is_only_hashed_anew_logs_nobody_out(
    theirs: RefreshToken, alice: User, browser: Browser, project: Any, mode: str
) -> None:
    """Whoever moves here often changes PASSWORD_HASHERS as well: a login on one device must not end the others."""
    move.run()
    old = alice.password
    project.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *project.PASSWORD_HASHERS]
    assert browser.post("", username="alice", password="correct horse battery staple")[0] == 200
    assert User.objects.get(pk=alice.pk).password != old
    assert browser.get(theirs.access_token)[0] == 200
    assert browser.refresh(theirs)[0] == 200


def test_a_banned_user_exchanges_nothing(
    theirs: RefreshToken, alice: User, browser: Browser, mode: str
) -> None:
    from stockade import ban

    move.run()
    ban(user=alice, reason="test")
    assert browser.refresh(theirs)[0] == 403
    assert browser.get(theirs.access_token)[0] == 403
    assert not Session.objects.exists()


def refuse_everybody(user: User) -> bool:
    """A USER_AUTHENTICATION_RULE of a project."""
    return False


def test_a_rule_of_the_project_is_obeyed_as_simplejwt_obeys_it(
    theirs: RefreshToken, project: Any, mode: str
) -> None:
    project.SIMPLE_JWT = {**project.SIMPLE_JWT, "USER_AUTHENTICATION_RULE": f"{__name__}.refuse_everybody"}
    move.run()
    assert refused(theirs) == "inactive"


def test_a_token_of_before_a_changed_password_is_refused_where_it_says_so(
    theirs: RefreshToken, project: Any, browser: Browser, mode: str
) -> None:
    """CHECK_REVOKE_TOKEN: the import knows the new password, the token the old one."""
    project.SIMPLE_JWT = {**project.SIMPLE_JWT, "CHECK_REVOKE_TOKEN": True}
    move.run()
    assert browser.get(theirs.access_token)[0] == 401
    assert refused(theirs) == "password_changed"


# -- scopes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["articles:read", ["articles:read"]], ids=["text", "list"])
def test_a_token_that_a_scope_bounds_makes_nothing_without(
    scope: Any, theirs: RefreshToken, project: Any, mode: str
) -> None:
    """It bounds the token where simplejwt's class is a foreign scheme: after the import it must not be worth more."""
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": ["simplejwt", "jwt", "api_key"]}
    theirs["scope"] = scope
    move.run()
    before = theirs.access_token
    for shown in (before, exchange.redeem(str(theirs)).access):
        client = Client(headers={"authorization": f"Bearer {shown}"})
        assert client.get("/api/sessions/").status_code == 200
        assert client.post("/api/keys/", {"name": "all"}, "application/json").status_code == 403
        assert client.delete("/api/sessions/").status_code == 403
    assert Session.objects.get().scopes == "articles:read"


@pytest.mark.parametrize("scope", [7, {"a": 1}, ["a", 7], ["a b"], 'a"b', True], ids=str)
def test_a_token_of_a_scope_that_nobody_can_read_is_refused(
    scope: Any, theirs: RefreshToken, browser: Browser
) -> None:
    move.run()
    assert browser.get(forged(theirs.access_token, scope=scope))[0] == 401
    assert refused(forged(theirs, scope=scope)) == "claim_scope"


# -- forged ------------------------------------------------------------------------------------------------------------


FORGERIES: dict[str, tuple[Callable[[str], str], str]] = {
    "alg none": (
        lambda token: forged(token, header={"alg": "none", "typ": "JWT"}).rpartition(".")[0] + ".",
        "unsigned",
    ),
    "alg none, signed": (lambda token: forged(token, header={"alg": "none", "typ": "JWT"}), "wrong_alg"),
    "alg None": (lambda token: forged(token, header={"alg": "nOnE", "typ": "JWT"}), "wrong_alg"),
    "no alg": (lambda token: forged(token, header={"typ": "JWT"}), "wrong_alg"),
    "another algorithm": (lambda token: forged(token, header={"alg": "HS512", "typ": "JWT"}), "wrong_alg"),
    "a key of its own": (
        lambda token: forged(token, header={"alg": "HS256", "typ": "JWT", "jwk": {"kty": "oct", "k": "a"}}),
        "header_unknown",
    ),
    "another key": (lambda token: forged(token, "x" * 64), "signature"),
    "an empty key": (lambda token: forged(token, ""), "signature"),
    "changed claims": (lambda token: forged(token, "x", user_id="1"), "signature"),
    "an access token": (lambda token: forged(token, token_type="access"), "wrong_type"),
    "a sliding token": (lambda token: forged(token, token_type="sliding"), "wrong_type"),
    "a type that is a list": (lambda token: forged(token, token_type=["refresh"]), "wrong_type"),
    "no id": (lambda token: forged(token, jti=None), "claim_jti"),
    "an id that is a list": (lambda token: forged(token, jti=["a"]), "claim_jti"),
    "an id with a NUL": (lambda token: forged(token, jti="a\0"), "claim_jti"),
    "a user with a NUL": (lambda token: forged(token, user_id="1\0"), "claim_user_id"),
    "no end": (lambda token: forged(token, exp=None), "claim_exp"),
    "an end that is text": (lambda token: forged(token, exp="9999999999"), "claim_exp"),
    "an end that is True": (lambda token: forged(token, exp=True), "claim_exp"),
    "issued in the future": (lambda token: forged(token, iat=2**39, exp=2**39 + 1), "issued_in_future"),
    "nobody": (lambda token: forged(token, user_id=None), "claim_user_id"),
    "a user that is True": (lambda token: forged(token, user_id=True), "claim_user_id"),
    "a user that is a list": (lambda token: forged(token, user_id=["1"]), "claim_user_id"),
    "a user that is no key": (lambda token: forged(token, user_id="alice"), "claim_user_id"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_refresh_token_is_refused_as_what_it_is(
    name: str, theirs: RefreshToken, browser: Browser, mode: str
) -> None:
    move.run()
    forge, reason = FORGERIES[name]
    assert refused(forge(str(theirs))) == reason
    assert browser.refresh(forge(str(theirs)))[0] == 401
    assert not Session.objects.exists()
    assert not ImportedToken.objects.exclude(used_at=None).exists()


def test_a_refresh_token_is_no_access_token_and_the_other_way_round(
    theirs: RefreshToken, browser: Browser, mode: str
) -> None:
    move.run()
    assert browser.get(theirs)[0] == 401
    assert refused(theirs.access_token) == "wrong_type"
    assert browser.get(forged(theirs, token_type="access", user_id="2"))[0] == 401


def test_a_sliding_token_is_neither(alice: User, browser: Browser, mode: str) -> None:
    token = SlidingToken.for_user(alice)
    move.run()
    assert browser.get(token)[0] == 401
    assert refused(token) == "wrong_type"


@pytest.mark.parametrize(
    "name", ["another key", "alg none, signed", "a key of its own", "issued in the future"]
)
def test_a_forged_access_token_is_refused(name: str, theirs: RefreshToken, browser: Browser) -> None:
    move.run()
    assert browser.get(FORGERIES[name][0](str(theirs.access_token)))[0] == 401


def test_an_access_token_of_ours_signed_by_simplejwts_key_is_refused(
    alice: User, browser: Browser, later: Callable[[float], None]
) -> None:
    """Whoever has SIGNING_KEY must not make what lives longer than the import."""
    move.run()
    ours = browser.post("", username="alice", password="correct horse battery staple")[1]["access"]
    assert browser.get(ours)[0] == 200
    assert browser.get(forged(ours, header=jwt.get_unverified_header(ours)))[0] == 401
    long = forged(ours, exp=2**33)  # as simplejwt itself would have taken it
    later(15 * 60 + 1)
    assert browser.get(long)[0] == 401


def test_a_token_of_another_issuer_or_for_another_audience_is_refused(
    theirs: RefreshToken, project: Any, browser: Browser, mode: str
) -> None:
    project.SIMPLE_JWT = {**project.SIMPLE_JWT, "ISSUER": "https://a.example", "AUDIENCE": "a"}
    move.run()
    assert refused(theirs) == "wrong_iss"
    assert refused(forged(theirs, iss="https://b.example", aud="a")) == "wrong_iss"
    assert refused(forged(theirs, iss="https://a.example")) == "wrong_aud"
    assert refused(forged(theirs, iss="https://a.example", aud=["b"])) == "wrong_aud"
    access = theirs.access_token
    assert browser.get(forged(access, iss="https://b.example", aud="a"))[0] == 401
    assert browser.get(forged(access, iss="https://a.example", aud="a"))[0] == 200
    assert browser.refresh(forged(theirs, iss="https://a.example", aud=["b", "a"]))[0] == 200


def test_a_public_key_is_no_secret(theirs: RefreshToken, project: Any, browser: Browser) -> None:
    """RS256, and a token by HS256 whose secret is the public key that everybody may read."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    project.SIMPLE_JWT = {**project.SIMPLE_JWT, "ALGORITHM": "RS256", "VERIFYING_KEY": public.decode()}
    move.run()
    assert refused(forged(theirs, public)) == "wrong_alg"
    assert refused(forged(theirs, public, header={"alg": "RS256", "typ": "JWT"})) == "signature"
    good = jwt.encode(theirs.payload, private, algorithm="RS256")
    assert browser.refresh(good)[0] == 200
    assert browser.get(jwt.encode(theirs.access_token.payload, private, algorithm="RS256"))[0] == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"ALGORITHM": "none"},
        {"TOKEN_TYPE_CLAIM": None},
        {"JTI_CLAIM": None},
        {"JWK_URL": "https://keys.example/jwks.json"},
        {"SIGNING_KEY": ""},
        {"ALGORITHM": "RS256"},
        {"ALGORITHM": "RS256", "VERIFYING_KEY": "not a key"},
    ],
)
def test_settings_under_which_tokens_cannot_be_judged_stop_the_start(
    wrong: dict[str, Any], project: Any, theirs: RefreshToken
) -> None:
    from stockade.pipeline.start import findings

    project.SIMPLE_JWT = {**project.SIMPLE_JWT, **wrong}
    assert "stockade.E105" in [finding.id for finding in findings()]


@pytest.mark.parametrize("schemes", [["simplejwt"], ["jwt", "simplejwt"]])
def test_the_order_in_which_an_imported_token_would_pass_for_a_forged_one_stops_the_start(
    schemes: list[str], project: Any, db: None
) -> None:
    """With one issuer for both, as most projects have it."""
    from stockade.pipeline.start import findings

    project.STOCKADE = {**project.STOCKADE, "SCHEMES": schemes}
    assert "stockade.E107" in [finding.id for finding in findings()]


def test_with_one_issuer_for_both_each_takes_its_own(
    alice: User, project: Any, browser: Browser, mode: str
) -> None:
    issuer = "https://api.example.com"
    project.SIMPLE_JWT = {**project.SIMPLE_JWT, "ISSUER": issuer, "AUDIENCE": issuer}
    project.STOCKADE = {
        **project.STOCKADE,
        "JWT": {"PROFILE": "simplejwt", "ALGORITHM": "HS256", "ISSUER": issuer, "AUDIENCE": issuer},
    }
    theirs = RefreshToken.for_user(alice)
    move.run()
    access = forged(theirs.access_token, iss=issuer, aud=issuer)
    assert browser.get(access)[0] == 200
    pair = browser.refresh(forged(theirs, iss=issuer, aud=issuer))[1]
    assert browser.get(pair["access"])[0] == 200
    # Neither key is good under the other one's header.
    assert browser.get(forged(access, header=jwt.get_unverified_header(pair["access"])))[0] == 401


def test_a_token_in_the_address_is_refused(theirs: RefreshToken, browser: Browser) -> None:
    move.run()
    answer = browser._client.get(f"/api/sessions/?token={theirs.access_token}")
    assert answer.status_code == 400


def test_guesses_are_counted(theirs: RefreshToken, browser: Browser, project: Any) -> None:
    move.run()
    project.STOCKADE = {**project.STOCKADE, "LIMITS": {**project.STOCKADE["LIMITS"], "failed_auth": "3/min"}}
    statuses = [browser.refresh(forged(theirs, f"guess {number}"))[0] for number in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


def test_one_token_is_shown_only_so_often(theirs: RefreshToken, browser: Browser, project: Any) -> None:
    """Else it could keep the database busy, and be forgiven each time because it once held."""
    theirs.blacklist()
    move.run()
    limits = {**project.STOCKADE["LIMITS"], "session_refresh": "3/min", "failed_auth": None}
    project.STOCKADE = {**project.STOCKADE, "LIMITS": limits}
    assert [browser.refresh(theirs)[0] for _ in range(5)] == [401, 401, 401, 429, 429]


def test_an_access_token_that_was_never_of_a_pair_is_taken_and_one_of_an_unknown_user_is_not(
    alice: User, browser: Browser, mode: str
) -> None:
    move.run()
    access = AccessToken.for_user(alice)
    assert browser.get(access)[0] == 200
    late = User.objects.create_user("late")
    assert browser.get(AccessToken.for_user(late))[0] == 401
    assert OutstandingToken.objects.count() == 0
