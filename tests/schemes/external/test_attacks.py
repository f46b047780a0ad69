"""What an attacker sends in the name of another issuer, and does not get."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client

from stockade.core import clock
from stockade.core.errors import InvalidCredential
from stockade.models import ExternalIdentity
from stockade.schemes.external import ExternalScheme, link
from tests.schemes.external.issuing import AUDIENCE, CLIENT, Issuer, Key
from tests.schemes.forge import dumps, encode

pytestmark = pytest.mark.django_db(transaction=True)


def ask(token: str, path: str = "/me/", **headers: Any) -> Any:
    return Client(raise_request_exception=True).get(
        path, headers={"Authorization": f"Bearer {token}", **headers}
    )


@pytest.fixture
def refused(log: Callable[..., Any], linked: Any) -> Callable[[str, str], None]:
    """A token that is refused with one event, for this very reason and no other."""

    def check(token: str, reason: str) -> None:
        before = len(log("AUTHN_FAIL"))
        answer = ask(token)
        told = log("AUTHN_FAIL")[before:]
        assert answer.status_code == 401, answer.content
        assert answer.json()["code"] == "invalid_token"
        assert [record.reason for record in told] == [reason]

    return check


def test_an_honest_token_is_taken(linked: Any, issuer: Issuer) -> None:
    """Else the tests below would prove nothing."""
    told = ask(issuer.token())
    assert told.status_code == 200, told.content
    assert told.json() == {
        "user": "alice", "scheme": "external", "subject": str(linked.pk), "client": f"corporate:{CLIENT}",
        "amr": [], "acr": "", "auth_time": 0.0,
    }  # fmt: skip


def test_a_token_of_one_issuer_signed_with_the_key_of_another_is_refused(
    trust: Callable[..., None], linked: Any, issuer: Issuer, other: Issuer, refused: Callable[..., None]
) -> None:
    trust(other)
    link(linked, "other1", "alice-at-issuer")
    assert ask(other.token()).status_code == 200
    refused(issuer.token(key=other.keys[0]), "unknown_key")


def test_a_kid_that_names_a_key_of_another_issuer_leads_nowhere(
    trust: Callable[..., None], linked: Any, issuer: Issuer, other: Issuer, refused: Callable[..., None]
) -> None:
    """Both have a key of this name: each verifies its own tokens only."""
    issuer.keys, other.keys = [Key("one")], [Key("one")]
    trust(other)
    link(linked, "other1", "alice-at-issuer")
    assert ask(other.token()).status_code == 200
    refused(issuer.token(key=other.keys[0]), "signature")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
def test_a_token_without_signature_is_refused(
    algorithm: str, issuer: Issuer, refused: Callable[..., None]
) -> None:
    header = dumps({"typ": "at+jwt", "alg": algorithm, "kid": issuer.keys[0].kid})
    refused(f"{header}.{dumps(issuer.claims())}.{'A' * 342}", "alg_none")
    refused(f"{header}.{dumps(issuer.claims())}.", "unsigned")


def test_the_public_key_is_no_secret_to_sign_with(issuer: Issuer, refused: Callable[..., None]) -> None:
    """HS256 with the text of the public key, in each form that a library might take for the secret."""
    public = issuer.keys[0].private.public_key
    forms = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(issuer.keys[0].jwk).encode(),
    ]
    for secret in forms:
        signing = (
            f"{dumps({'typ': 'at+jwt', 'alg': 'HS256', 'kid': issuer.keys[0].kid})}.{dumps(issuer.claims())}"
        )
        refused(f"{signing}.{encode(hmac.digest(secret, signing.encode(), 'sha256'))}", "wrong_alg")


def test_an_algorithm_that_is_not_listed_is_refused_though_the_key_could(
    issuer: Issuer, refused: Callable[..., None]
) -> None:
    key = Key(algorithm="RS512", members={"alg": None})
    issuer.keys.append(key)
    refused(issuer.token(key=key), "wrong_alg")


def test_a_key_verifies_only_what_it_says_it_is_for(
    trust: Callable[..., None], issuer: Issuer, refused: Callable[..., None]
) -> None:
    key = issuer.keys[0]
    trust(ALGORITHMS=["RS256", "PS256"])
    assert ask(issuer.token()).status_code == 200
    other = Key(key.kid, "PS256")
    other.private = key.private
    refused(issuer.token(key=other), "wrong_alg")


@pytest.mark.parametrize(
    "audience",
    [
        "https://other.example.com",
        [],
        ["https://other.example.com"],
        None,
        7,
        [AUDIENCE, 7],
        AUDIENCE + "/",
        "",
    ],
    ids=str,
)
def test_a_token_for_another_api_is_refused(
    audience: Any, issuer: Issuer, refused: Callable[..., None]
) -> None:
    refused(issuer.token(aud=audience), "wrong_aud")


def test_one_of_several_audiences_is_enough(linked: Any, issuer: Issuer) -> None:
    assert ask(issuer.token(aud=[AUDIENCE, f"{issuer.url}/userinfo"])).status_code == 200


@pytest.mark.parametrize(
    ("header", "claims", "reason"),
    [
        ({"typ": "JWT"}, {}, "wrong_typ"),
        ({"typ": None}, {}, "wrong_typ"),
        ({"typ": "logout+jwt"}, {}, "wrong_typ"),
        ({}, {"nonce": "n-0S6_WzA2Mj"}, "id_token"),
        ({}, {"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}, "id_token"),
        ({}, {"typ": "ID"}, "id_token"),
        ({}, {"typ": "Refresh"}, "wrong_type"),
        ({}, {"token_use": "id"}, "id_token"),
        ({}, {"typ": "Bearer", "token_use": "id"}, "id_token"),
        ({}, {"typ": ["Bearer"]}, "wrong_type"),
        ({}, {"events": {}}, "id_token"),
    ],
    ids=[
        "jwt",
        "no-typ",
        "logout",
        "nonce",
        "at-hash",
        "keycloak-id",
        "keycloak-refresh",
        "cognito-id",
        "both",
        "list",
        "events",
    ],
)
def test_an_id_token_or_another_kind_is_no_access_token(
    header: dict[str, Any], claims: dict[str, Any], reason: str, issuer: Issuer, refused: Callable[..., None]
) -> None:
    refused(issuer.token(header=header, **claims), reason)


def test_an_id_token_is_none_where_issuers_do_not_say_at_jwt_either(
    trust: Callable[..., None], linked: Any, issuer: Issuer, refused: Callable[..., None]
) -> None:
    trust(TYPE="jwt")
    assert ask(issuer.token(header={"typ": "JWT"}, typ="Bearer")).status_code == 200
    assert ask(issuer.token(header={"typ": None})).status_code == 200
    # Keycloak's of before version 25.
    assert ask(issuer.token(header={"typ": "JWT"}, typ="Bearer", nonce="n")).status_code == 200
    refused(issuer.token(header={"typ": "JWT"}, nonce="n"), "id_token")
    refused(issuer.token(header={"typ": "JWT"}, nonce="n", at_hash="h", typ="Bearer"), "id_token")
    refused(issuer.token(header={"typ": "JWT"}, typ="ID"), "id_token")


def test_id_tokens_are_taken_where_declared_and_only_those_for_this_very_client(
    trust: Callable[..., None], linked: Any, issuer: Issuer, refused: Callable[..., None]
) -> None:
    trust(TYPE="id", AUDIENCE=CLIENT, SCOPE_CLAIM=None)
    id_token: dict[str, Any] = {
        "header": {"typ": "JWT"},
        "aud": CLIENT,
        "nonce": "n",
        "client_id": None,
        "scope": None,
    }
    assert ask(issuer.token(**id_token)).status_code == 200
    assert ask(issuer.token(**id_token, azp=CLIENT)).status_code == 200
    # Google's for a service, which is of nobody else.
    assert ask(issuer.token(**id_token, azp="alice-at-issuer")).status_code == 401
    trust(TYPE="id", AUDIENCE=CLIENT, SCOPE_CLAIM=None, SERVICES=True)
    assert ask(issuer.token(**id_token, azp="alice-at-issuer")).json()["user"] == ""
    refused(issuer.token(**id_token, azp="another-client"), "wrong_azp")
    refused(issuer.token(**{**id_token, "aud": [CLIENT, "another-client"]}), "wrong_azp")
    refused(issuer.token(**{**id_token, "header": {"typ": "at+jwt"}}), "wrong_typ")


def test_the_same_sub_at_two_issuers_is_two_people(
    trust: Callable[..., None], linked: Any, issuer: Issuer, other: Issuer, refused: Callable[..., None]
) -> None:
    trust(other)
    assert ask(issuer.token()).json()["user"] == "alice"
    refused(other.token(), "unknown_subject")


@pytest.mark.parametrize(
    "subject",
    ["alice-at-issuer ", " alice-at-issuer", "Alice-at-issuer", "alice-at-issue", "alice-at-issuer0"],
)
def test_a_subject_is_taken_letter_by_letter(
    subject: str, issuer: Issuer, refused: Callable[..., None]
) -> None:
    refused(issuer.token(sub=subject), "unknown_subject")


@pytest.mark.parametrize("subject", [None, "", 7, ["alice-at-issuer"], "a" * 256, {"a": 1}, True], ids=repr)
def test_a_token_of_nobody_is_refused(subject: Any, issuer: Issuer, refused: Callable[..., None]) -> None:
    refused(issuer.token(sub=subject), "claim_sub")


def test_a_subject_with_control_characters_is_refused(issuer: Issuer, refused: Callable[..., None]) -> None:
    refused(issuer.token(sub="alice-at-issuer\0"), "claim_sub")
    refused(issuer.token(sub="alice\nadmin"), "claim_sub")


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null", "/dev/null", "' OR '1'='1", "key\0", "http://169.254.169.254/", "key\r\nX: y",
        "a" * 257, "${jndi:ldap://x}", "kéy",
    ],
    ids=str,
)  # fmt: skip
def test_a_kid_is_a_name_and_nothing_else(
    kid: str, issuer: Issuer, log: Callable[..., Any], linked: Any
) -> None:
    answer = ask(issuer.token(header={"kid": kid}))
    assert answer.status_code == 401
    assert log("AUTHN_FAIL")[0].reason in ("kid", "unknown_key")


@pytest.mark.parametrize("kid", [None, "", 7, ["a"]], ids=repr)
def test_a_token_without_kid_is_refused(kid: Any, issuer: Issuer, refused: Callable[..., None]) -> None:
    refused(issuer.token(header={"kid": kid}), "kid_missing")


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
def test_no_key_is_taken_that_the_token_brings_along(
    name: str, issuer: Issuer, other: Issuer, refused: Callable[..., None]
) -> None:
    """The forger's own key, where he would have us find it: nothing is asked of his host."""
    mine = other.keys[0]
    brought: Any = {"jku": f"{other.url}/jwks", "x5u": f"{other.url}/jwks", "jwk": mine.jwk, "x5c": ["MIIB"]}[
        name
    ]
    refused(issuer.token(key=mine, header={name: brought}), f"header_{name}")
    refused(issuer.token(key=mine, header={name: brought, "kid": issuer.keys[0].kid}), f"header_{name}")
    assert other.hits == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [("crit", ["exp"]), ("crit", []), ("b64", False), ("zip", "DEF"), ("enc", "A256GCM")],
    ids=str,
)
def test_no_extension_is_taken(name: str, value: Any, issuer: Issuer, refused: Callable[..., None]) -> None:
    refused(issuer.token(header={name: value}), f"header_{name}")


def test_headers_that_say_nothing_are_passed_over(linked: Any, issuer: Issuer) -> None:
    """Entra writes x5t beside kid (RFC 7515 section 4: what is not understood must be ignored)."""
    assert ask(issuer.token(header={"x5t": "abc", "x5t#S256": "abc", "vendor": {"a": 1}})).status_code == 200


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": -31}, "expired"),
        ({"exp": None}, "claim_exp"),
        ({"iat": None}, "claim_iat"),
        ({"nbf": 60}, "not_yet_valid"),
        ({"iat": 60, "exp": 300}, "issued_in_future"),
        ({"exp": "300"}, "claim_exp"),
        ({"exp": True}, "claim_exp"),
        ({"exp": 86_401}, "too_long_lived"),
    ],
    ids=["expired", "no-exp", "no-iat", "nbf", "future", "text", "bool", "long"],
)
def test_times_are_judged(
    claims: dict[str, Any], reason: str, issuer: Issuer, refused: Callable[..., None]
) -> None:
    now = int(clock.now())
    base: dict[str, Any] = {"iat": now - 600} if reason == "expired" else {}
    found: dict[str, Any] = {
        name: now + value if type(value) is int else value for name, value in claims.items()
    }
    refused(issuer.token(**{**base, **found}), reason)


def test_the_scheme_itself_takes_no_expired_token(linked: Any, issuer: Issuer) -> None:
    """Not only the pipeline, which remembers when a credential ends."""
    now = int(clock.now())
    with pytest.raises(InvalidCredential) as refusal:
        ExternalScheme().verify(issuer.token(iat=now - 600, exp=now - 31), {})
    assert refusal.value.reason == "expired"


def test_times_are_judged_with_leeway(linked: Any, issuer: Issuer) -> None:
    now = int(clock.now())
    assert ask(issuer.token(iat=now - 300, exp=now - 10)).status_code == 200
    assert ask(issuer.token(nbf=now + 20, iat=now + 20, exp=now + 300)).status_code == 200


def test_a_remembered_token_ends_when_it_expires(
    linked: Any, issuer: Issuer, later: Callable[[float], None]
) -> None:
    token = issuer.token()
    assert ask(token).status_code == 200
    later(300 + 31)
    assert ask(token).status_code == 401


def test_a_claim_that_stands_twice_is_refused(issuer: Issuer, refused: Callable[..., None]) -> None:
    """What is checked and what is used might be two different ones."""
    twice = json.dumps(issuer.claims())[:-1] + ', "sub": "admin-at-issuer"}'
    refused(issuer.sign(twice.encode()), "claims_twice")
    key = issuer.keys[0]
    header = f'{{"typ":"at+jwt","alg":"RS256","kid":"{key.kid}","kid":"other"}}'.encode()
    refused(f"{dumps(header)}.{dumps(issuer.claims())}.{'A' * 342}", "header_twice")


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"7", b'"text"', b"{", b"\xff\xfe", b'{"iss": NaN}'], ids=repr
)
def test_claims_that_are_no_object_are_refused(body: bytes, issuer: Issuer, linked: Any) -> None:
    assert ask(issuer.sign(body)).status_code == 401


def test_nested_and_giant_tokens_cost_nothing(issuer: Issuer, refused: Callable[..., None], log: Any) -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    refused(issuer.token(deep=deep), "claims_json")
    assert ask(issuer.token(pad="x" * 9000)).status_code == 401
    encrypted = "ey" + ".".join(["A" * 40] * 5)
    assert ask(encrypted).status_code == 401
    inside = issuer.token()
    assert ask(issuer.sign(inside.encode(), header={"cty": "JWT"})).status_code == 401
    assert ask("ey" + "A" * 100_000).status_code == 401


def test_a_token_that_is_bound_to_a_key_is_not_taken_without_it(
    issuer: Issuer, refused: Callable[..., None]
) -> None:
    """RFC 9449 and RFC 8705: whoever has stolen it lacks the key, and nobody here asks for it."""
    refused(issuer.token(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), "bound_to_key")


def test_another_issuers_name_is_not_near_enough(
    trust: Callable[..., None], linked: Any, issuer: Issuer, log: Any
) -> None:
    for name in (
        issuer.url + "/",
        issuer.url.upper(),
        issuer.url + "?",
        issuer.url + "#",
        "",
        None,
        [issuer.url],
    ):
        assert ask(issuer.token(iss=name)).status_code == 401, name
    assert {record.reason for record in log("AUTHN_FAIL")} == {"unrecognised"}


def test_a_signature_that_was_cut_or_changed_is_refused(issuer: Issuer, refused: Callable[..., None]) -> None:
    token = issuer.token()
    head, _, signature = token.rpartition(".")
    refused(f"{head}.{signature[:-2]}", "signature")
    flipped = ("B" if signature[0] != "B" else "C") + signature[1:]
    refused(f"{head}.{flipped}", "signature")
    refused(f"{head}.{signature}=", "encoding")
    claims = dumps(issuer.claims(sub="admin-at-issuer"))
    refused(f"{token.split('.')[0]}.{claims}.{signature}", "signature")


@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": "verify"}, {"kty": "oct", "k": "c2VjcmV0"}, {"kid": None},
        {"n": "AQAB"}, {"e": "AQ"}, {"e": "Aw"}, {"alg": "RS512"}, {"alg": 7}, {"issuer": "https://other.example.com"},
        {"d": "AQAB"},
    ],
    ids=str,
)  # fmt: skip
def test_a_key_that_is_not_safe_is_not_used(
    members: dict[str, Any], issuer: Issuer, linked: Any, log: Any
) -> None:
    weak = Key("weak", members=members)
    issuer.keys.append(weak)
    assert ask(issuer.token(key=weak)).status_code == 401
    assert log("AUTHN_FAIL")[0].reason == "unknown_key"
    assert ask(issuer.token(key=issuer.keys[0])).status_code == 200


def test_a_key_of_many_tenants_verifies_those_of_its_pattern(issuer: Issuer, linked: Any, log: Any) -> None:
    """Entra names the issuer beside each key, with a place for the tenant."""
    before, _, port = issuer.url.rpartition(":")
    fits = Key("fits", members={"issuer": f"{before}:{{tenantid}}"})
    other = Key("other", members={"issuer": f"{before}:{{tenantid}}/v2.0"})
    wide = Key("wide", members={"issuer": "{tenantid}"})
    issuer.keys += [fits, other, wide]
    assert ask(issuer.token(key=fits)).status_code == 200
    assert ask(issuer.token(key=other)).status_code == 401
    assert ask(issuer.token(key=wide)).status_code == 401
    assert port.isdigit()


def test_a_short_rsa_key_is_not_used(issuer: Issuer, refused: Callable[..., None]) -> None:
    weak = Key("weak", bits=1024)
    issuer.keys.append(weak)
    refused(issuer.token(key=weak), "unknown_key")


def test_of_two_keys_of_one_name_none_is_used(
    issuer: Issuer, refused: Callable[..., None], linked: Any
) -> None:
    first, second = Key("same"), Key("same")
    issuer.keys += [first, second]
    refused(issuer.token(key=first), "unknown_key")
    refused(issuer.token(key=second), "unknown_key")
    assert ask(issuer.token(key=issuer.keys[0])).status_code == 200


def test_keys_are_not_taken_from_where_a_redirect_leads(
    issuer: Issuer, other: Issuer, linked: Any, log: Any
) -> None:
    """JWKS poisoning: the issuer's host has an open redirect, and the attacker's keys are behind it."""

    def away(handler: Any) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"{other.url}/jwks")
        handler.end_headers()

    issuer.answers["/jwks"] = away
    assert ask(issuer.token(key=other.keys[0])).status_code == 503
    assert other.hits == {}
    assert log("ISSUER_AWAY")[0].reason == "redirect"


def test_a_discovery_document_of_another_issuer_is_not_believed(
    issuer: Issuer, other: Issuer, linked: Any, log: Any
) -> None:
    """OpenID Connect Discovery 1.0 section 4.3."""
    issuer.discovery = {"issuer": other.url, "jwks_uri": f"{other.url}/jwks"}
    assert ask(issuer.token(key=other.keys[0])).status_code == 503
    assert other.hits == {}
    assert log("ISSUER_AWAY")[0].reason == "another_issuer"


@pytest.mark.parametrize(
    "url", [None, "", 7, "http://192.0.2.1/jwks", "file:///etc/passwd", "http://localhost:1/jwks", "//host/jwks",
            "http://127.0.0.1:1/jwks\r\nX: y", "http://user@127.0.0.1:1/", "https://", "http://127.0.0.1:x/"], ids=repr
)  # fmt: skip
def test_keys_are_not_fetched_from_anywhere(url: Any, issuer: Issuer, linked: Any, log: Any) -> None:
    issuer.discovery = {"jwks_uri": url}
    assert ask(issuer.token()).status_code == 503
    assert log("ISSUER_AWAY")[0].reason == "jwks_uri"


def test_a_token_for_another_issuer_is_left_to_the_next_scheme_and_ours_to_ours(
    linked: Any, issuer: Issuer
) -> None:
    from stockade.schemes.jwt import issue

    assert ask(issue(linked).access).json()["scheme"] == "jwt"
    assert ask(issuer.token()).json()["scheme"] == "external"


def test_a_token_in_the_address_is_refused_and_recorded(linked: Any, issuer: Issuer, log: Any) -> None:
    assert Client().get("/me/", {"access_token": issuer.token()}).status_code == 400
    assert len(log("CREDENTIAL_EXPOSED")) == 1


def test_nothing_of_a_token_is_in_the_log(linked: Any, issuer: Issuer, log: Any) -> None:
    token = issuer.token()
    assert ask(token).status_code == 200
    assert ask(issuer.token(sub="mallory")).status_code == 401
    text = repr(log())
    for part in token.split("."):
        assert part not in text
    assert ExternalIdentity.objects.count() == 1
