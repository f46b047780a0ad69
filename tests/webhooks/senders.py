"""Senders of each vendor, written from its documentation and not with our signer: what they sign, and where it goes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
BASE = "https://api.example.com"

SECRETS = {
    "standard": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "svix": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "github": "It's a Secret to Everybody",
    "stripe": "whsec_8Rt2mVq4Zs6Xw1Yb3Nc5",
    "slack": "8f742231b10e8888abcd99yyyzzz85a5",
    "shopify": "c0ffee11d00d22feed33beef44cafe55",
    "twilio": "5d41402abc4b2a76b9719d911017c592",
    "plain": "Schlüssel-für-den-Hintereingang-7",
}
OTHER = {
    **dict.fromkeys(SECRETS, "zZ91-another-secret-that-is-not-ours"),
    "standard": "whsec_" + base64.b64encode(b"another secret of 32 bytes, yes.").decode(),
    "svix": "whsec_" + base64.b64encode(b"another secret of 32 bytes, yes.").decode(),
}


@dataclass(frozen=True)
class Sent:
    """One message as it goes over the wire."""

    preset: str
    body: bytes
    headers: dict[str, str]
    path: str = "/hooks/{preset}/"
    content_type: str = JSON
    more: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.path.format(preset=self.preset)

    def having(self, **headers: str) -> Sent:
        """With these headers in place of others; ``_`` stands for ``-``."""
        return replace(self, headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def mac(secret: bytes, text: bytes, digest: str = "sha256") -> bytes:
    return hmac.new(secret, text, getattr(hashlib, digest)).digest()


def _standard(secret: str, body: bytes, id: str, at: int, prefix: str = "webhook") -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = "v1," + b64(mac(key, f"{id}.{at}.".encode() + body))
    return {f"{prefix}-id": id, f"{prefix}-timestamp": str(at), f"{prefix}-signature": signature}


def _svix(secret: str, body: bytes, id: str, at: int) -> dict[str, str]:
    return _standard(secret, body, id, at, "svix")


def _github(secret: str, body: bytes, id: str, at: int) -> dict[str, str]:
    return {
        "X-GitHub-Delivery": id,
        "X-GitHub-Event": "push",
        "X-Hub-Signature-256": "sha256=" + mac(secret.encode(), body).hex(),
    }


def _stripe(secret: str, body: bytes, id: str, at: int) -> dict[str, str]:
    return {"Stripe-Signature": f"t={at},v1={mac(secret.encode(), f'{at}.'.encode() + body).hex()}"}


def _slack(secret: str, body: bytes, id: str, at: int) -> dict[str, str]:
    signature = "v0=" + mac(secret.encode(), f"v0:{at}:".encode() + body).hex()
    return {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": signature}


def _shopify(secret: str, body: bytes, id: str, at: int) -> dict[str, str]:
    return {"X-Shopify-Webhook-Id": id, "X-Shopify-Hmac-Sha256": b64(mac(secret.encode(), body))}


def _twilio(secret: str, body: bytes, id: str, at: int) -> dict[str, str]:
    text = BASE + "/hooks/twilio/" + "".join(
        name + value for name, value in sorted(parse_qsl(body.decode(), keep_blank_values=True))
    )  # fmt: skip
    return {
        "I-Twilio-Idempotency-Token": id,
        "X-Twilio-Signature": b64(mac(secret.encode(), text.encode(), "sha1")),
    }


def _plain(secret: str, body: bytes, id: str, at: int) -> dict[str, str]:
    return {"X-Signature": mac(secret.encode(), body).hex()}


SIGN: dict[str, Callable[[str, bytes, str, int], dict[str, str]]] = {
    "standard": _standard, "svix": _svix, "github": _github, "stripe": _stripe, "slack": _slack,
    "shopify": _shopify, "twilio": _twilio, "plain": _plain,
}  # fmt: skip
TIMED = ("standard", "svix", "stripe", "slack")
UNTIMED = ("github", "shopify", "twilio", "plain")
# Where in a message its id is: in a header that is signed, in one that is not, in the body, or nowhere.
ID_HEADERS = {
    "standard": "webhook-id", "svix": "svix-id", "github": "X-GitHub-Delivery", "shopify": "X-Shopify-Webhook-Id",
    "twilio": "I-Twilio-Idempotency-Token",
}  # fmt: skip
SIGNATURES = {
    "standard": "webhook-signature", "svix": "svix-signature", "github": "X-Hub-Signature-256",
    "stripe": "Stripe-Signature", "slack": "X-Slack-Signature", "shopify": "X-Shopify-Hmac-Sha256",
    "twilio": "X-Twilio-Signature", "plain": "X-Signature",
}  # fmt: skip
_MEMBERS = {"stripe": "id", "slack": "event_id"}


def body_of(preset: str, id: str, text: str = "paid") -> bytes:
    """A body as the vendor writes it, with the message's id where it has one there."""
    if preset == "twilio":
        return f"MessageSid=SM{id}&Body={text}+%26+more&From=%2B14158675309".encode()
    return f'{{"{_MEMBERS.get(preset, "number")}": "{id}", "what": "{text}"}}'.encode()


def message(
    preset: str, id: str = "msg_1", *, at: float | None = None, body: bytes | None = None, secret: str = ""
) -> Sent:
    """A message as its vendor sends it.

    Args:
        preset: whose.
        id: the message's.
        at: when it was signed; now by default.
        body: by default one with the id.
        secret: by default the right one.
    """
    body = body_of(preset, id) if body is None else body
    headers = SIGN[preset](secret or SECRETS[preset], body, id, int(time.time() if at is None else at))
    return Sent(preset, body, headers, content_type=FORM if preset == "twilio" else JSON)
