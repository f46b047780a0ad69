"""The demo takes what its senders sign, with the secrets of its credentials file, once, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import urllib.error
import urllib.request

import pytest

from tests.demo.runs import Run
from tests.webhooks.senders import FORM, JSON, SIGNATURES, TIMED, body_of, message


def post(run: Run, preset: str, body: bytes, headers: dict[str, str]) -> int:
    kind = FORM if preset == "twilio" else JSON
    request = urllib.request.Request(
        f"{run.base_url}/api/webhooks/inbound/{preset}/", data=body, headers={**headers, "Content-Type": kind}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


@pytest.mark.parametrize("preset", SIGNATURES)
def test_the_demo_takes_what_is_signed_once(preset: str, demo: Run) -> None:
    secret = demo.credentials["webhooks"][preset]
    body = body_of(preset, f"demo-{preset}")
    headers = message(preset, f"demo-{preset}", body=body, secret=secret).headers
    if preset == "twilio":
        url = f"{demo.base_url}/api/webhooks/inbound/twilio/"
        text = url + "Bodypaid & moreFrom+14158675309MessageSidSMdemo-twilio"
        signature = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
        headers["X-Twilio-Signature"] = base64.b64encode(signature).decode()
    assert post(demo, preset, body.replace(b"paid", b"free"), headers) == 401
    assert post(demo, preset, body, headers) == 204
    assert post(demo, preset, body, headers) == (409 if preset in TIMED else 200)


def test_the_demo_knows_no_other_source(demo: Run) -> None:
    assert post(demo, "gitlab", b"{}", {}) == 404
