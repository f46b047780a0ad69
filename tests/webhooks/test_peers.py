"""Both directions against the official packages: standardwebhooks and svix, in Python and from npm; Ed25519 by node."""

from __future__ import annotations

import base64
import datetime
import json
import secrets
import subprocess
import time
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright._impl._driver import compute_driver_executable

from stockade import webhooks
from stockade.core.errors import InvalidSignature
from tests.servers import ROOT
from tests.webhooks.senders import OTHER, SECRETS

BODY = '{"was": "straße", "n": 1.50, "s": " two  spaces "}'.encode()
PYTHON: dict[str, Any] = {"standardwebhooks": standardwebhooks.Webhook, "svix": svix.webhooks.Webhook}
PRESETS = {"standardwebhooks": "standard", "svix": "svix"}


def node(package: str, **job: Any) -> dict[str, Any]:
    executable, _ = compute_driver_executable()
    done = subprocess.run(
        [executable, "webhooks.mjs", package],
        cwd=ROOT / "tests" / "npm",
        input=json.dumps({"body": base64.b64encode(BODY).decode(), "at": int(time.time()), **job}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def shown(preset: str, id: str, at: int, signature: str) -> dict[str, str]:
    prefix = "svix" if preset == "svix" else "webhook"
    return {f"{prefix}-id": id, f"{prefix}-timestamp": str(at), f"{prefix}-signature": signature}


@pytest.mark.parametrize("package", PYTHON)
def test_what_they_sign_in_python_holds_here(package: str) -> None:
    preset = PRESETS[package]
    now = datetime.datetime.now(datetime.UTC)
    signature = PYTHON[package](SECRETS[preset]).sign("msg_7", now, BODY.decode())
    headers = shown(preset, "msg_7", int(now.timestamp()), signature)
    assert webhooks.verify(preset, BODY, headers, secrets=SECRETS[preset]).id == "msg_7"
    with pytest.raises(InvalidSignature):
        webhooks.verify(preset, BODY + b" ", headers, secrets=SECRETS[preset])


@pytest.mark.parametrize("package", PYTHON)
def test_what_we_sign_holds_with_them_in_python(package: str) -> None:
    preset = PRESETS[package]
    headers = webhooks.sign(preset, BODY, secrets=[OTHER[preset], SECRETS[preset]])
    for secret in (OTHER[preset], SECRETS[preset]):
        PYTHON[package](secret).verify(BODY, headers)
    with pytest.raises(Exception, match="No matching signature"):
        PYTHON[package](SECRETS[preset]).verify(BODY + b" ", headers)


@pytest.mark.parametrize("package", PYTHON)
def test_both_directions_with_npm(package: str) -> None:
    preset, now = PRESETS[package], int(time.time())
    ours = webhooks.sign(preset, BODY, secrets=SECRETS[preset], id="msg_7", time=now)
    theirs = node(package, secret=SECRETS[preset], id="msg_7", at=now, headers=ours)
    assert theirs["holds"] is True
    headers = shown(preset, "msg_7", now, theirs["signed"])
    assert webhooks.verify(preset, BODY, headers, secrets=SECRETS[preset]).body == BODY
    wrong = webhooks.sign(preset, BODY, secrets=OTHER[preset], id="msg_7", time=now)
    assert node(package, secret=SECRETS[preset], id="msg_7", at=now, headers=wrong)["holds"] is False


def pair() -> tuple[str, str, str]:
    """A key pair as whsk_, as whpk_, and as node reads it."""
    key = Ed25519PrivateKey.generate()
    seed, public = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return (
        "whsk_" + base64.b64encode(seed + public).decode(),
        "whpk_" + base64.b64encode(public).decode(),
        base64.b64encode(pkcs8).decode(),
    )


def test_ed25519_both_directions_with_node() -> None:
    private, public, pkcs8 = pair()
    now = int(time.time())
    ours = webhooks.sign("standard", BODY, secrets=[private, SECRETS["standard"]], id="msg_7", time=now)
    assert [one.partition(",")[0] for one in ours["webhook-signature"].split(" ")] == ["v1", "v1a"]
    theirs = node("standardwebhooks", secret=SECRETS["standard"], id="msg_7", at=now, headers=ours, key=pkcs8)
    assert (theirs["holds"], theirs["publiclyHolds"]) == (True, True)
    headers = shown("standard", "msg_7", now, theirs["publicly"])
    assert webhooks.verify("standard", BODY, headers, secrets=public).id == "msg_7"
    assert webhooks.verify("standard", BODY, headers, secrets=private).id == "msg_7"
    with pytest.raises(InvalidSignature):
        webhooks.verify("standard", BODY + b" ", headers, secrets=public)
    with pytest.raises(InvalidSignature):
        webhooks.verify("standard", BODY, headers, secrets=pair()[1])


def test_a_public_key_is_no_secret_of_an_hmac() -> None:
    """Algorithm confusion: everybody knows the public key, and could sign `v1` with its bytes."""
    import hashlib
    import hmac

    _, public, _ = pair()
    now = int(time.time())
    raw = base64.b64decode(public.removeprefix("whpk_"))
    content = f"msg_7.{now}.".encode() + BODY
    for key in (raw, public.encode(), public.removeprefix("whpk_").encode()):
        forged = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        for version in ("v1", "v1a"):
            with pytest.raises(InvalidSignature):
                webhooks.verify(
                    "standard", BODY, shown("standard", "msg_7", now, f"{version},{forged}"), secrets=public
                )


def test_a_secret_of_an_hmac_is_no_public_key() -> None:
    """And the other way round: an Ed25519 key pair made of the secret's bytes signs nothing."""
    seed = secrets.token_bytes(32)
    secret = "whsec_" + base64.b64encode(seed).decode()
    now = int(time.time())
    content = f"msg_7.{now}.".encode() + BODY
    forged = base64.b64encode(Ed25519PrivateKey.from_private_bytes(seed).sign(content)).decode()
    for version in ("v1", "v1a"):
        with pytest.raises(InvalidSignature):
            webhooks.verify(
                "standard", BODY, shown("standard", "msg_7", now, f"{version},{forged}"), secrets=secret
            )


def test_a_signature_of_one_kind_under_the_name_of_the_other() -> None:
    private, public, _ = pair()
    headers = webhooks.sign("standard", BODY, secrets=private)
    swapped = {**headers, "webhook-signature": headers["webhook-signature"].replace("v1a,", "v1,")}
    for secret in (public, [public, SECRETS["standard"]]):
        with pytest.raises(InvalidSignature):
            webhooks.verify("standard", BODY, swapped, secrets=secret)


def test_a_public_key_does_not_sign() -> None:
    with pytest.raises(ValueError, match="only verifies"):
        webhooks.sign("standard", BODY, secrets=pair()[1])
