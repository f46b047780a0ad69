"""Forged, altered and mangled access tokens: each refused as what it is, by one answer, and by nothing but that."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey

from stockade import keyring
from stockade.core.errors import InvalidCredential
from stockade.schemes.jwt import JWTScheme, Pair, access, compact
from tests.schemes import forge

pytestmark = pytest.mark.django_db

Forgery = Callable[[str], Any]


def refused(value: Any) -> str:
    """The reason for the log; the client must learn none of it."""
    with pytest.raises(InvalidCredential) as caught:
        access.verify(value)
    assert caught.value.detail == InvalidCredential.default_detail
    assert caught.value.code == "invalid_token"
    return caught.value.reason


def test_an_honest_token_is_accepted(pair: Pair) -> None:
    """Else every refusal below would prove nothing."""
    assert access.verify(pair.access).session == pair.session
    assert access.verify(forge.changed(pair.access)).session == pair.session


def public_pem() -> bytes:
    verifier = keyring.ring().verifier(keyring.ring().signer().kid)
    assert verifier is not None
    return bytes(verifier.key.as_pem(private=False))


def _none(token: str) -> str:
    header = {**forge.header_of(token), "alg": "none"}
    return f"{forge.dumps(header)}.{token.split('.')[1]}."


def _none_signed(token: str) -> str:
    return forge.changed(token, header={"alg": "nOnE"})


def _public_key_as_secret(token: str) -> str:
    return forge.sign_hmac({**forge.header_of(token), "alg": "HS256"}, forge.claims_of(token), public_pem())


def _public_key_as_secret_alg_kept(token: str) -> str:
    return forge.sign_hmac(forge.header_of(token), forge.claims_of(token), public_pem())


def _own_key_in_header(token: str) -> str:
    key = ECKey.generate_key("P-256")
    header = {**forge.header_of(token), "jwk": key.as_dict(private=False)}
    return forge.sign(header, forge.claims_of(token), key, "ES256")


def _own_key_same_kid(token: str) -> str:
    return forge.sign(forge.header_of(token), forge.claims_of(token), ECKey.generate_key("P-256"), "ES256")


def _foreign_kid(token: str) -> str:
    key = ECKey.generate_key("P-256")
    return forge.sign(
        {**forge.header_of(token), "kid": key.thumbprint()}, forge.claims_of(token), key, "ES256"
    )


def _other_algorithm(token: str) -> str:
    key = OKPKey.generate_key("Ed25519")
    return forge.sign({**forge.header_of(token), "alg": "EdDSA"}, forge.claims_of(token), key, "EdDSA")


def _claims_swapped(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{forge.dumps({**forge.claims_of(token), 'sub': '1000'})}.{signature}"


def _zero_signature(token: str) -> str:
    # CVE-2022-21449: r = s = 0 passed for a signature in Java 15 to 18.
    return token.rsplit(".", 1)[0] + "." + forge.encode(bytes(64))


def _header(**members: Any) -> Forgery:
    return lambda token: forge.changed(token, header=members)


def _claims(**members: Any) -> Forgery:
    return lambda token: forge.changed(token, claims=members)


def _raw_header(text: str) -> Forgery:
    return lambda token: forge.sign(text.encode("utf-8", "surrogatepass"), forge.claims_of(token))


def _raw_claims(text: str) -> Forgery:
    return lambda token: forge.sign(forge.header_of(token), text.encode("utf-8", "surrogatepass"))


def _cut(start: int | None, end: int | None) -> Forgery:
    return lambda token: token[start:end]


FORGERIES: dict[str, tuple[Forgery, str]] = {
    # the algorithm and the key
    "alg none, unsigned": (_none, "unsigned"),
    "alg nOnE, signed": (_none_signed, "alg_none"),
    "HS256 with the public key": (_public_key_as_secret, "wrong_alg"),
    "HMAC with the public key under ES256": (_public_key_as_secret_alg_kept, "signature"),
    "another algorithm's key": (_other_algorithm, "wrong_alg"),
    "own key in the header": (_own_key_in_header, "header_jwk"),
    "own key under our kid": (_own_key_same_kid, "signature"),
    "own key under its kid": (_foreign_kid, "unknown_kid"),
    "claims changed": (_claims_swapped, "signature"),
    "signature of zeros": (_zero_signature, "signature"),
    # the header
    "jku": (_header(jku="https://attacker.example/keys"), "header_jku"),
    "x5u": (_header(x5u="https://attacker.example/cert"), "header_x5u"),
    "x5c": (_header(x5c=["MII"]), "header_x5c"),
    "crit": (_header(crit=["exp"], exp=1), "header_crit"),
    "b64 false": (_header(b64=False, crit=["b64"]), "header_b64"),
    "zip": (_header(zip="DEF"), "header_zip"),
    "an unknown member": (_header(x=1), "header_unknown"),
    "no kid": (_header(kid=None), "kid_missing"),
    "empty kid": (_header(kid=""), "kid_missing"),
    "kid as a path": (_header(kid="../../../../dev/null"), "unknown_kid"),
    "kid as SQL": (_header(kid="' UNION SELECT 'x"), "unknown_kid"),
    "kid as a number": (_header(kid=1), "kid_missing"),
    "kid as a list": (_header(kid=["x"]), "kid_missing"),
    "kid with a NUL": (_header(kid="a\0b"), "unknown_kid"),
    "kid with half a surrogate pair": (_header(kid="\ud800"), "unknown_kid"),
    "kid of 200 characters": (_header(kid="k" * 200), "unknown_kid"),
    "no alg": (_header(alg=None), "alg_missing"),
    "alg as a list": (_header(alg=["ES256"]), "alg_missing"),
    "alg in another case": (_header(alg="es256"), "wrong_alg"),
    "typ JWT": (_header(typ="JWT"), "wrong_typ"),
    "no typ": (_header(typ=None), "wrong_typ"),
    "typ of an ID token": (_header(typ="id+jwt"), "wrong_typ"),
    "typ as a number": (_header(typ=1), "wrong_typ"),
    "header a list": (_raw_header("[]"), "header_json"),
    "header null": (_raw_header("null"), "header_json"),
    "header a string": (_raw_header('"ES256"'), "header_json"),
    "header no JSON": (_raw_header("{'alg': 'ES256'}"), "header_json"),
    "header twice alg": (
        _raw_header('{"typ":"at+jwt","alg":"none","alg":"ES256","kid":"x"}'),
        "header_twice",
    ),
    "header nested deep": (_raw_header("[" * 380), "header_json"),
    "header NaN": (_raw_header('{"typ":"at+jwt","alg":"ES256","kid":NaN}'), "kid_missing"),
    "header a huge number": (_raw_header('{"typ":' + "9" * 370 + "}"), "alg_missing"),
    "header no UTF-8": (lambda token: forge.sign(b"\xff\xfe{}", {}), "header_json"),
    "header in UTF-16": (lambda token: forge.sign('{"typ":"at+jwt"}'.encode("utf-16"), {}), "header_json"),
    "header with a BOM": (lambda token: forge.sign(b"\xef\xbb\xbf{}", {}), "header_json"),
    "header of 600 characters": (_header(kid="k" * 400), "header_too_long"),
    # the claims, honestly signed: what a token of another service with our keys could say
    "another issuer": (_claims(iss="https://other.example"), "wrong_iss"),
    "no issuer": (_claims(iss=None), "wrong_iss"),
    "issuer as a list": (_claims(iss=["stockade"]), "wrong_iss"),
    "another audience": (_claims(aud="billing"), "wrong_aud"),
    "no audience": (_claims(aud=None), "wrong_aud"),
    "audience list without us": (_claims(aud=["billing", "mail"]), "wrong_aud"),
    "audience as an object": (_claims(aud={"stockade": 1}), "wrong_aud"),
    "expired": (_claims(exp=1_000_000_000, iat=999_999_999), "expired"),
    "no exp": (_claims(exp=None), "claim_exp"),
    "exp as text": (_claims(exp="9999999999"), "claim_exp"),
    "exp true": (_claims(exp=True), "claim_exp"),
    "exp as a float": (_claims(exp=9999999999.5), "claim_exp"),
    "exp beyond all years": (_claims(exp=2**62), "claim_exp"),
    "exp negative": (_claims(exp=-1), "claim_exp"),
    "exp infinite": (_raw_claims('{"iss":"stockade","aud":"stockade","exp":1e999}'), "claims_json"),
    "not yet valid": (_claims(nbf=9_999_999_999), "not_yet_valid"),
    "nbf as text": (_claims(nbf="0"), "claim_nbf"),
    "issued in the future": (_claims(iat=9_999_999_990, exp=9_999_999_999), "issued_in_future"),
    "no iat": (_claims(iat=None), "claim_iat"),
    "no auth_time": (_claims(auth_time=None), "claim_auth_time"),
    "amr as text": (_claims(amr="pwd mfa"), "claim_amr"),
    "amr empty": (_claims(amr=[]), "claim_amr"),
    "amr of numbers": (_claims(amr=[1]), "claim_amr"),
    "amr of lists": (_claims(amr=[["mfa"]]), "claim_amr"),
    "amr of two in one": (_claims(amr=["pwd mfa"]), "claim_amr"),
    "amr without end": (_claims(amr=["x"] * 1000), "claim_amr"),
    "acr as a list": (_claims(acr=["gold"]), "claim_acr"),
    "acr of two in one": (_claims(acr="gold silver"), "claim_acr"),
    "no subject": (_claims(sub=None), "claim_sub"),
    "subject as a number": (_claims(sub=1), "claim_sub"),
    "empty subject": (_claims(sub=""), "claim_sub"),
    "no session": (_claims(sid=None), "claim_sid"),
    "session as a list": (_claims(sid=["x"]), "claim_sid"),
    "session too short": (_claims(sid="x"), "claim_sid"),
    "no jti": (_claims(jti=None), "claim_jti"),
    "no client": (_claims(client_id=None), "claim_client_id"),
    "scope as a list": (_claims(scope=["admin"]), "claim_scope"),
    "claims a list": (_raw_claims("[]"), "claims_json"),
    "claims null": (_raw_claims("null"), "claims_json"),
    "claims no JSON": (_raw_claims("{'sub': 1}"), "claims_json"),
    "claims nested deep": (_raw_claims('{"sub":' + "[" * 5000), "claims_json"),
    "claims with NaN": (_raw_claims('{"exp":NaN}'), "claims_json"),
    "claims no UTF-8": (lambda token: forge.sign(forge.header_of(token), b'{"iss":"\xff"}'), "claims_json"),
    # the text
    "empty": (lambda token: "", "parts"),
    "one part": (lambda token: token.split(".")[0], "parts"),
    "two parts": (lambda token: token.rsplit(".", 1)[0], "parts"),
    "four parts": (lambda token: token + ".x", "parts"),
    "five parts, encrypted": (lambda token: token + ".x.y", "parts"),
    "dots": (lambda token: "..", "unsigned"),
    "truncated in the signature": (_cut(None, -10), "signature"),
    "truncated by one": (_cut(None, -1), "encoding"),
    "truncated in front": (_cut(1, None), "encoding"),
    "a line after it": (lambda token: token + "\n", "encoding"),
    "a space in front": (lambda token: " " + token, "encoding"),
    "padded": (lambda token: token + "==", "encoding"),
    "standard alphabet": (lambda token: token.rsplit(".", 1)[0] + "." + "+/" * 43, "encoding"),
    "1 MB": (lambda token: token + "A" * 1_000_000, "too_long"),
    "1 MB of dots": (lambda token: "." * 1_000_000, "too_long"),
    "8 KiB of header": (lambda token: "A" * 8000 + ".AA.AA", "header_too_long"),
    "a NUL": (lambda token: token[:20] + "\0" + token[21:], "encoding"),
    "full-width letters": (lambda token: token.replace("e", "\uff45", 1), "not_ascii"),
    "half a surrogate pair": (lambda token: token + "\ud800", "not_ascii"),
    "bytes": (lambda token: token.encode(), "not_text"),
    "bytes that are no UTF-8": (lambda token: b"\xff\xfe", "not_text"),
    "nothing": (lambda token: None, "not_text"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_token_is_refused_as_what_it_is(name: str, pair: Pair) -> None:
    forgery, reason = FORGERIES[name]
    assert refused(forgery(pair.access)) == reason


@pytest.mark.parametrize("name", FORGERIES)
def test_a_reason_fits_the_log_and_quotes_nothing_of_the_token(name: str, pair: Pair) -> None:
    forgery, _ = FORGERIES[name]
    reason = refused(forgery(pair.access))
    assert len(reason) <= 64
    assert reason.replace("_", "").isalnum()


def test_the_last_character_of_a_signature_has_one_spelling(pair: Pair) -> None:
    """Two spare bits: without a check four texts were one signature, and a memory keyed by text would hold four."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = pair.access[-1]
    accepted = 0
    for other in alphabet:
        try:
            access.verify(pair.access[:-1] + other)
        except InvalidCredential:
            continue
        accepted += 1
        assert other == last
    assert accepted == 1


def test_an_id_token_signed_by_us_for_the_same_user_is_no_access_token(pair: Pair) -> None:
    assert refused(forge.changed(pair.access, header={"typ": "JWT"})) == "wrong_typ"


def test_a_token_of_an_api_with_the_same_keys_but_another_audience_is_refused(
    pair: Pair, configure: Callable[..., None]
) -> None:
    configure(JWT={"AUDIENCE": "https://other.example"})
    assert refused(pair.access) == "wrong_aud"


def test_an_audience_list_with_us_in_it_is_accepted(pair: Pair) -> None:
    access.verify(forge.changed(pair.access, claims={"aud": ["stockade", "billing"]}))


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256", "HS256"])
def test_every_algorithm_signs_verifies_and_refuses_a_changed_claim(
    algorithm: str, make_user: Callable[..., Any], configure: Callable[..., None]
) -> None:
    from stockade.schemes.jwt import issue

    configure(JWT={"ALGORITHM": algorithm})
    found = issue(make_user())
    assert forge.header_of(found.access)["alg"] == algorithm
    assert access.verify(found.access).session == found.session
    assert refused(_claims_swapped(found.access)) == "signature"
    assert refused(found.access.rsplit(".", 1)[0] + "." + forge.encode(b"x" * 300)) == "signature"
    assert refused(found.access.rsplit(".", 1)[0] + "." + forge.encode(b"xx")) == "signature"


def test_a_symmetric_key_does_not_verify_what_another_algorithm_claims(
    make_user: Callable[..., Any], configure: Callable[..., None]
) -> None:
    from stockade.schemes.jwt import issue

    configure(JWT={"ALGORITHM": "HS256"})
    found = issue(make_user())
    claims = forge.claims_of(found.access)
    for algorithm in ("HS384", "HS512"):
        header = {**forge.header_of(found.access), "alg": algorithm}
        assert refused(forge.sign(header, claims, OctKey.generate_key(512), algorithm)) == "wrong_alg"


def test_headers_that_a_forger_varies_are_not_kept(pair: Pair) -> None:
    """Spaces and order make as many valid headers for a known key as he likes; a worker's memory must not grow."""
    header = forge.header_of(pair.access)
    access.verify(pair.access)
    for spaces in range(20):
        text = json.dumps({**header}, indent=spaces or None)
        access.verify(forge.sign(text.encode(), forge.claims_of(pair.access)))
    assert len(access._heads.found) == 1


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300), st.none(), st.integers()))
@hypothesis_settings(max_examples=300, deadline=None)
def test_nothing_but_a_refusal_comes_of_any_value(value: Any) -> None:
    with pytest.raises(InvalidCredential):
        access.verify(value)
    if isinstance(value, str):
        JWTScheme().looks_mine(value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_NAMES = [
    "typ",
    "alg",
    "kid",
    "iss",
    "aud",
    "exp",
    "iat",
    "nbf",
    "sub",
    "sid",
    "jti",
    "scope",
    "auth_time",
    "amr",
    "acr",
    "client_id",
]


@given(data=st.data())
@hypothesis_settings(max_examples=300, deadline=None)
def test_nothing_but_a_refusal_comes_of_any_signed_members(data: st.DataObject) -> None:
    """Honestly signed, with any value in any member: accepted or refused, and never an error."""
    signer = keyring.ring().signer()
    header: dict[str, Any] = {"typ": compact.TYPE, "alg": signer.algorithm, "kid": signer.kid}
    claims: dict[str, Any] = {"iss": "stockade", "aud": "stockade", "exp": 2**35, "iat": 1, "sub": "1"}
    claims |= {"sid": "x" * 36, "jti": "j", "auth_time": 1, "client_id": "c"}
    for name in data.draw(st.lists(st.sampled_from(_NAMES), max_size=3)):
        target = header if name in header and data.draw(st.booleans()) else claims
        target[name] = data.draw(_JSON)
    token = forge.sign(header, claims)
    try:
        credential = access.verify(token)
    except InvalidCredential:
        return
    assert credential.subject
    assert credential.expires > credential.issued >= 0


@given(data=st.data())
@hypothesis_settings(max_examples=200, deadline=None)
def test_nothing_but_a_refusal_comes_of_any_change_to_the_text(data: st.DataObject) -> None:
    signer = keyring.ring().signer()
    header = {"typ": compact.TYPE, "alg": signer.algorithm, "kid": signer.kid}
    claims = {"iss": "stockade", "aud": "stockade", "exp": 2**35, "iat": 1, "sub": "1", "sid": "x" * 36}
    token = forge.sign(header, {**claims, "jti": "j", "auth_time": 1, "client_id": "c"})
    where = data.draw(st.integers(0, len(token) - 1))
    with_what = data.draw(st.text(max_size=4))
    how_much = data.draw(st.integers(0, 4))
    changed = token[:where] + with_what + token[where + how_much :]
    if changed == token:
        return
    with pytest.raises(InvalidCredential):
        access.verify(changed)
