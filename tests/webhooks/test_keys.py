"""Secrets and keys that would let everybody sign, or one source sign for another."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

import pytest

from stockade import webhooks
from stockade.core.errors import InvalidSignature
from stockade.pipeline.start import findings
from tests.webhooks.senders import SECRETS

BODY = b'{"what": "paid"}'
# The points of Curve25519's Edwards form whose order divides eight, in every spelling that decoders take: y, and y + p.
P = 2**255 - 19
Y8 = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
SMALL = sorted(
    {(y | sign << 255).to_bytes(32, "little") for y in (0, 1, P - 1, Y8, P - Y8, P, P + 1) for sign in (0, 1)}
)


def told(configure: Callable[..., None], **sources: Any) -> list[str]:
    """What the start says of these sources."""
    configure(WEBHOOKS={name: {"PRESET": "standard", "SECRETS": one} for name, one in sources.items()})
    return [f"{one.message} {one.hint}" for one in findings() if one.id == "stockade.E280"]


def whpk(raw: bytes) -> str:
    return "whpk_" + base64.b64encode(raw).decode()


def whsec(raw: bytes) -> str:
    return "whsec_" + base64.b64encode(raw).decode()


def forge(public: bytes) -> bool:
    """Sign without any key: with S = 0 what is compared with R is a multiple of the public key, one of eight points."""
    now = str(int(time.time()))
    for tries in range(32):
        for point in SMALL:
            signature = base64.b64encode(point + bytes(32)).decode()
            headers = {
                "webhook-id": f"m{tries}",
                "webhook-timestamp": now,
                "webhook-signature": f"v1a,{signature}",
            }
            try:
                webhooks.verify("standard", BODY, headers, secrets=whpk(public))
            except InvalidSignature:
                continue
            return True
    return False


@pytest.mark.parametrize("public", SMALL, ids=bytes.hex)
def test_a_public_key_under_which_everybody_can_sign(public: bytes, configure: Callable[..., None]) -> None:
    """Of small order, as the one of 32 zero bytes that a template has: a signature needs no key then."""
    with pytest.raises(ValueError, match="everybody could sign"):
        forge(public)
    assert "everybody could sign" in told(configure, own=whpk(public))[0]
    assert not told(configure, own=SECRETS["standard"])


@pytest.mark.parametrize(
    "secret",
    [
        whsec(bytes(32)),
        whsec(b"\xff" * 24),
        whsec(b"ab" * 16),
        whsec(b"changeme-changeme-please"),
        "whsec_" + "changeme" * 4,
        "whsec_" + "yoursecretkeyhereYourSecretKeyHe",
    ],
    ids=["zeros", "ones", "two bytes", "bytes of a placeholder", "placeholder", "example"],
)
def test_a_coded_secret_that_is_a_placeholder(secret: str, configure: Callable[..., None]) -> None:
    """As weak as one that is text: its base64 only looks like chance."""
    assert len(told(configure, own=secret)) == 1


def test_one_key_in_two_spellings_for_two_sources(configure: Callable[..., None]) -> None:
    """What one of them signs the other would be taken to have signed."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    seed, public = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    whsk = "whsk_" + base64.b64encode(seed + public).decode()
    coded = whsec(b"32 bytes that are nobody's, yes.")
    for one, other in (
        (coded, coded.rstrip("=")),
        (whsk, whpk(public)),
        (whsk, "whsk_" + base64.b64encode(seed).decode()),
        (whpk(public), whpk(public).rstrip("=")),
    ):
        assert "same secret" in told(configure, one=one, other=other)[0]
    assert not told(configure, one=coded, other=whpk(public))


def test_many_signatures_of_ed25519(configure: Callable[..., None]) -> None:
    """Each costs as much as half a request: those of a sender that changes its keys are few."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    seed, public = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    headers = webhooks.sign("standard", BODY, secrets="whsk_" + base64.b64encode(seed).decode())
    wrong = [f"v1a,{base64.b64encode(bytes([n]) * 64).decode()}" for n in range(8)]
    right = headers["webhook-signature"]
    few = {**headers, "webhook-signature": " ".join([*wrong[:4], right])}
    assert webhooks.verify("standard", BODY, few, secrets=whpk(public)).body == BODY
    many = {**headers, "webhook-signature": " ".join([*wrong[:5], right])}
    with pytest.raises(InvalidSignature) as caught:
        webhooks.verify("standard", BODY, many, secrets=whpk(public))
    assert caught.value.reason == "too_many_signatures"
