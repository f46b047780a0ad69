"""`stockade webhooks`: what it signs it verifies, it tells why something does not hold, and shows no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stockade import conf, webhooks
from stockade.cli.root import app
from stockade.cli.webhooks import _EXPLAINED

SECRET = "a-secret-that-stands-nowhere"
# What a message may be refused for, wherever in the source that is said; but for what the command cannot come across.
REASONS = sorted(
    {
        reason
        for path in Path(webhooks.__file__).parent.glob("*.py")
        for pair in re.findall(
            r'InvalidSignature\([\w.]+, "(\w+)"(?: if \w+ else "(\w+)")?|reason = "(\w+)"', path.read_text()
        )
        for reason in pair
        if reason
    }
    - {"body_was_read"}
)
BODY = b'{"zen": "Half measures are as bad as nothing at all."}\n'


@pytest.fixture(autouse=True)
def project(settings: Any) -> Iterator[Any]:
    settings.STOCKADE = {
        "STATE": "memory://",
        "WEBHOOKS": {
            "github": {"SECRETS": [SECRET]},
            "acme": {"PRESET": "slack", "SECRETS": ["another-secret-of-acme"]},
            "twilio": {"SECRETS": ["a-token-of-twilio-here"], "URL": "https://api.example.com"},
        },
    }
    yield settings
    conf.forget()


@pytest.fixture
def body(tmp_path: Path) -> str:
    path = tmp_path / "body.json"
    path.write_bytes(BODY)
    return str(path)


def run(*arguments: str, given: bytes | None = None) -> Result:
    result = CliRunner().invoke(app, ["webhooks", *arguments], input=given)
    assert SECRET not in result.output
    return result


def headers_of(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [word for line in result.stdout.splitlines() for word in ("-H", line)]


@pytest.mark.parametrize("source", ["github", "acme"])
def test_what_it_signs_it_verifies(source: str, body: str) -> None:
    headers = headers_of(run("sign", source, body))
    result = run("verify", source, body, *headers)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"It holds: preset {'slack' if source == 'acme' else 'github'}, 55 bytes")


def test_a_body_of_standard_input_is_signed_byte_for_byte(body: str) -> None:
    headers = headers_of(run("sign", "github", given=BODY))
    assert run("verify", "github", "-", *headers, given=BODY).exit_code == 0
    assert run("verify", "github", "-", *headers, given=BODY.rstrip()).exit_code == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda words: [*words[:-1], words[-1][:-1] + ("0" if words[-1][-1] != "0" else "1")], "signature."),
        (lambda words: words[:-2], "no_signature."),
        (lambda words: [words[0], words[1].replace(": ", ": 1"), *words[2:]], "in_the_future."),
    ],
    ids=["signature", "no signature", "time"],
)
def test_it_says_why_a_message_does_not_hold(change: Any, reason: str, body: str) -> None:
    result = run("verify", "acme", body, *change(headers_of(run("sign", "acme", body))))
    assert result.exit_code == 1
    assert f"It does not hold: {reason}" in result.stderr


def test_an_old_message_is_judged_as_of_then(body: str) -> None:
    headers = headers_of(run("sign", "acme", body, "--time", "1700000000"))
    assert "expired" in run("verify", "acme", body, *headers).stderr
    result = run("verify", "acme", body, *headers, "--at", "1700000100")
    assert result.exit_code == 0
    assert "signed at 1700000000" in result.stdout
    assert run("verify", "acme", body, *headers).exit_code == 1  # the clock is as it was


def test_a_preset_with_a_secret_by_its_name(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET", "whsec_of-another-vendor")
    headers = headers_of(run("sign", "stripe", body, "--secret-name", "STRIPE_SECRET"))
    assert run("verify", "stripe", body, "--secret-name", "STRIPE_SECRET", *headers).exit_code == 0
    assert run("sign", "stripe", body, "--secret-name", "NOT_THERE").exit_code != 0


def test_a_url_that_is_signed(body: str, tmp_path: Path) -> None:
    form = tmp_path / "form"
    form.write_bytes(b"a=1&b=2")
    assert run("sign", "twilio", str(form)).exit_code == 2
    where = ["--url", "https://api.example.com/hook/"]
    headers = headers_of(run("sign", "twilio", str(form), *where))
    headers += ["-H", "Content-Type: application/x-www-form-urlencoded"]
    assert run("verify", "twilio", str(form), *where, *headers).exit_code == 0
    assert run("verify", "twilio", str(form), *headers).exit_code == 1


def test_a_body_that_is_no_form_is_signed_by_its_hash_in_the_url(body: str) -> None:
    kind = ["--content-type", "application/json"]
    told = run("sign", "twilio", body, "--url", "https://api.example.com/hook/", *kind)
    assert told.exit_code == 2
    url = next(word for word in told.stderr.split() if "bodySHA256=" in word)
    headers = headers_of(run("sign", "twilio", body, "--url", url, *kind))
    headers += ["-H", "Content-Type: application/json"]
    assert run("verify", "twilio", body, "--url", url, *headers).exit_code == 0
    assert run("verify", "twilio", "-", "--url", url, *headers, given=b"{}").exit_code == 1


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_explained(reason: str) -> None:
    assert reason in _EXPLAINED


def test_wrong_use_is_told_apart(body: str) -> None:
    assert run("sign", "github", "/nowhere/at/all").exit_code == 2
    assert run("verify", "github", body, "-H", "no header").exit_code == 2
    result = CliRunner().invoke(app, ["webhooks", "sign", "gitlab", body])
    assert "E282" in str(result.exception)
    for command in ("sign", "verify"):
        result = run(command, "shopify", body)
        assert (result.exit_code, "--secret-name" in result.stderr) == (2, True)


def test_the_sources_are_listed_with_what_they_promise() -> None:
    rows = json.loads(run("list", "--format", "json").stdout)
    assert [(row["source"], row["preset"], row["secrets"]) for row in rows] == [
        ("github", "github", 1), ("acme", "slack", 1), ("twilio", "twilio", 1)
    ]  # fmt: skip
    assert "holds for ever" in rows[0]["freshness"]
    assert rows[1]["tolerance"] == "300"
