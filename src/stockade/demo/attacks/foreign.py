"""Tokens with which another company's issuer should not open the API: forged, or genuine and saying too much."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from stockade.demo.attacks.client import AttackError, Partner, Target, bearer
from stockade.demo.attacks.forge import (
    EVIL,
    Forgery,
    decode,
    new_key,
    public_forms,
    shown,
    unsigned,
    with_mac,
    with_own_key,
)
from stockade.demo.attacks.outcome import Outcome

OTHER_API = "https://payroll.example"
YEAR = 365 * 86_400


def foreign(target: Target) -> Outcome:
    """Show every token that is wrong, beside one that is right."""
    partner = target.partner
    if partner is None:
        raise AttackError("no other issuer is believed here")
    here = target.elsewhere()
    if not here.admits(partner.sign(partner.header, _json(partner.claims(target.api)))):
        raise AttackError("a genuine token of the other issuer was refused")
    ours, admin = (here.login(user).access for user in ("alice", "admin"))
    wanted = _read(admin, 1)
    kinds = [
        Forgery(name, bearer(token))
        for name, token in (
            *_forged(target, partner, ours),
            *_genuine(target, partner, str(wanted.get("sub") or wanted.get("user_id"))),
        )
    ]
    return shown(target, kinds)


def _forged(target: Target, partner: Partner, ours: str) -> Iterator[tuple[str, str]]:
    """By somebody who has no key of the issuer's, or has one that is not for this name."""
    header, claims = partner.header, partner.claims(target.api)
    yield "alg none", unsigned({**header, "alg": "none"}, claims) + "."
    for form, secret in public_forms(partner.jwk).items():
        yield f"HS256 with their public key {form}", with_mac({**header, "alg": "HS256"}, claims, secret)
    own = new_key()
    yield "own key under their kid", with_own_key(header, claims, own)
    yield "own key, unknown kid", with_own_key({**header, "kid": "mine"}, claims, own)
    yield "own keys in jku", with_own_key({**header, "kid": "mine", "jku": EVIL}, claims, own)
    yield "their name, our key", target.mint(header, claims)
    yield "our name, their key", partner.sign(header, _json(_read(ours, 1)))
    kid = {"kid": _read(ours, 0).get("kid", "")}
    yield "our name and kid, their key", partner.sign({**header, **kid}, _json(_read(ours, 1)))


def _genuine(target: Target, partner: Partner, admin: str) -> Iterator[tuple[str, str]]:
    """Signed by the issuer itself: for something else, of another time, or of somebody whom it may not speak for."""
    now = int(time.time())
    genuine = partner.claims(target.api)

    def sign(without: str = "", typ: str = "at+jwt", **more: object) -> str:
        claims = {name: value for name, value in {**genuine, **more}.items() if name != without}
        return partner.sign({**partner.header, "typ": typ}, _json(claims))

    for name in ("admin", admin):  # whoever names its people as ours are named would be them
        yield f"a person of theirs called {name!r}", sign(sub=name)
    yield "a person of theirs whom nobody has linked", sign(sub="c-9999")
    twice = json.dumps(genuine)[:-1] + ', "sub": "admin"}'  # one reader takes the first, another the last
    yield "two persons in one token", partner.sign(partner.header, twice.encode())
    yield "for their own payroll", sign(aud=OTHER_API)
    yield "for nobody", sign(without="aud")
    yield "of their name with a slash", sign(iss=f"{partner.url}/")
    yield "expired", sign(iat=now - 7200, exp=now - 3600)
    yield "not valid yet", sign(nbf=now + 3600, exp=now + 7200)
    yield "never expires", sign(without="exp")
    yield "good for a year", sign(exp=now + YEAR)
    yield "an ID token", sign(typ="JWT", nonce="n-0S6_WzA2Mj", at_hash="77QmUPtjPfzWtF2AnpK9RQ")
    yield (
        "a logout token",
        sign(typ="logout+jwt", events={"http://schemas.openid.net/event/backchannel-logout": {}}),
    )
    yield (
        "bound to a key that the thief lacks",
        sign(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
    )


def _json(claims: dict[str, Any]) -> bytes:
    return json.dumps(claims).encode()


def _read(token: str, part: int) -> dict[str, Any]:
    """Header or claims of a token, not verified."""
    found: dict[str, Any] = json.loads(decode(token.split(".")[part]))
    return found
