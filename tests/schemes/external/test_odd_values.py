"""Values that nobody expects, in tokens and in documents of keys: refused or left out, never a failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from stockade.schemes.external.conf import Issuer as Entry, read
from stockade.schemes.external.jwks import Unusable, parse
from stockade.schemes.external.parsers import ALGORITHMS
from tests.schemes.external.issuing import AUDIENCE, Issuer, Key

ODD: list[Any] = [
    None, True, False, 0, -1, 10**30, 1e300, 0.5, "", " ", "x" * 3000, "\ud800", "\0", "\u202e", "é", [], {}, [[]],
    [{}], ["\ud800"], {"a": {}}, [None], [True, "x"],
]  # fmt: skip
CLAIMS = [
    "iss", "aud", "sub", "exp", "iat", "nbf", "jti", "uti", "client_id", "azp", "appid", "cid", "scope", "scp", "roles",
    "acr", "amr", "auth_time", "email", "email_verified", "gty", "idtyp", "typ", "token_use", "kind", "act", "",
]  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", CLAIMS)
def test_an_odd_claim_is_no_failure(
    name: str, trust: Callable[..., None], linked: Any, issuer: Issuer
) -> None:
    trust(
        USER="verified_email", EMAIL_DOMAINS=["example.com"], SERVICES={"kind": "service"}, ROLES_CLAIM="roles",
        ROLES={"editor": "Editors"}, AMR=True, ACR=["1"], SCOPE_CLAIM=None if name == "scp" else "scope",
    )  # fmt: skip
    for value in ODD:
        claims = {**issuer.claims(email="nobody@example.com"), name: value}
        answer = Client().get("/me/", headers={"Authorization": f"Bearer {issuer.sign(claims)}"})
        assert answer.status_code in (200, 401), (name, value, answer.content)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["alg", "kid", "typ", "x5t", "cty", "crit", "jwk", ""])
def test_an_odd_header_is_no_failure(name: str, linked: Any, issuer: Issuer) -> None:
    for value in ODD:
        shown = issuer.sign(issuer.claims(), header={name: value})
        answer = Client().get("/me/", headers={"Authorization": f"Bearer {shown}"})
        assert answer.status_code in (200, 401), (name, value, answer.content)


@pytest.fixture(scope="module")
def entry() -> Entry:
    found = {"ISSUER": "https://id.example.com", "AUDIENCE": AUDIENCE, "ALGORITHMS": list(ALGORITHMS)}
    return read("corporate", found)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_an_odd_key_is_left_out(algorithm: str, entry: Entry) -> None:
    good, changed = Key("good", algorithm), Key("changed", algorithm)
    for name in ("kty", "crv", "kid", "use", "alg", "key_ops", "n", "e", "x", "y", "issuer"):
        for value in [*ODD, "AQAB", "P-256", "RSA", "EC", "OKP", "Ed448", "X25519"]:
            jwk = {**changed.jwk, name: value}
            assert "good" in parse({"keys": [jwk, good.jwk]}, entry), (name, value)


@pytest.mark.parametrize("keys", ODD, ids=lambda value: ascii(value)[:20])
def test_odd_keys_are_none(keys: Any, entry: Entry) -> None:
    with pytest.raises(Unusable):
        parse({"keys": keys}, entry)
