"""The examples that the vendors publish hold, word for word."""

from __future__ import annotations

from typing import Any

import pytest

from stockade import webhooks
from stockade.core import clock
from stockade.core.errors import InvalidSignature

SLACK = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
STRIPE = b"""{
  "id": "evt_123",
  "object": "event",
  "account": "acct_123",
  "api_version": "2017-05-25",
  "created": 1533204620,
  "data": {
    "object": {
      "id": "cus_123",
      "object": "customer",
      "created": 123456789,
      "email": "test@stripe.com",
      "livemode": false,
      "metadata": {}
    }
  },
  "livemode": false,
  "pending_webhooks": 1,
  "request": {
    "id": "req_123",
    "idempotency_key": "idempotency-key-123"
  },
  "type": "customer.created"
}
"""
TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
TWILIO = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"
TWILIO_JSON = b'{"property": "value", "boolean": true}'
TWILIO_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"

# preset, secret, body, headers, url, time
VECTORS: dict[str, tuple[str, str, bytes, dict[str, str], str, int]] = {
    # The specification of Standard Webhooks, and the tests of its libraries.
    "standard": (
        "standard",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        b'{"test": 2432232314}',
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        "",
        1614265330,
    ),
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    "github": (
        "github",
        "It's a Secret to Everybody",
        b"Hello, World!",
        {
            "X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        },
        "",
        0,
    ),
    # The tests of Stripe's own library for .NET: with the signature of the kind that it sends for test events.
    "stripe": (
        "stripe",
        "webhook_secret",
        STRIPE,
        {
            "Stripe-Signature": "t=1533204620,"
            "v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7,"
            "v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef",
        },
        "",
        1533204620,
    ),
    # https://docs.slack.dev/authentication/verifying-requests-from-slack
    "slack": (
        "slack",
        "8f742231b10e8888abcd99yyyzzz85a5",
        SLACK,
        {
            "X-Slack-Request-Timestamp": "1531420618",
            "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        },
        "",
        1531420618,
    ),
    # https://www.twilio.com/docs/usage/security, and the tests of its libraries.
    "twilio form": (
        "twilio",
        "12345",
        TWILIO,
        {
            "X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        TWILIO_URL,
        0,
    ),
    "twilio repeated parameters": (
        "twilio",
        "12345",
        b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234",
        {
            "X-Twilio-Signature": "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        TWILIO_URL,
        0,
    ),
    "twilio json": (
        "twilio",
        "12345",
        TWILIO_JSON,
        {"X-Twilio-Signature": "a9nBmqA0ju/hNViExpshrM61xv4=", "Content-Type": "application/json"},
        f"{TWILIO_URL}&bodySHA256={TWILIO_HASH}",
        0,
    ),
}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda seconds: monkeypatch.setattr(clock, "_wall", lambda: float(seconds))


@pytest.mark.parametrize("name", VECTORS)
def test_a_published_example_holds(name: str, at: Any) -> None:
    preset, secret, body, headers, url, seconds = VECTORS[name]
    at(seconds)
    message = webhooks.verify(preset, body, headers, secrets=secret, url=url)
    assert message.body == body


@pytest.mark.parametrize("name", VECTORS)
def test_nothing_else_holds_under_it(name: str, at: Any) -> None:
    preset, secret, body, headers, url, seconds = VECTORS[name]
    at(seconds)
    with pytest.raises(InvalidSignature):
        webhooks.verify(preset, body[:-1] + b"?", headers, secrets=secret, url=url)
    with pytest.raises(InvalidSignature):
        webhooks.verify(preset, body, headers, secrets="whsec_" + "A" * 32, url=url)


@pytest.mark.parametrize("name", ["standard", "github", "slack", "twilio form", "twilio json"])
def test_our_signer_makes_the_same(name: str, at: Any) -> None:
    preset, secret, body, headers, url, seconds = VECTORS[name]
    made = webhooks.sign(
        preset,
        body,
        secrets=secret,
        id=headers.get("webhook-id"),
        time=seconds,
        url=url,
        content_type=headers.get("Content-Type", ""),
    )
    for header, value in headers.items():
        if header != "Content-Type":
            assert made[header] == value
