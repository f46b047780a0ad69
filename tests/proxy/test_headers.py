"""Every kind of answer that tests/edge knows, and those of the proxies themselves, as they arrive behind each proxy."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.edge.test_headers import ALL, KINDS
from tests.proxy.conftest import MAX_BODY
from tests.proxy.raw import Answer, Client
from tests.proxy.stand import ORIGIN

# What never reaches the application, and what an application alone cannot say.
OWN: dict[str, tuple[int, str, list[str], bytes]] = {
    "413 of the proxy's": (413, "POST /told/", [], b"x" * (MAX_BODY + 1)),
    "404 among the static files": (404, "GET /static/nothing.css", [], b""),
    "404 of a directory": (404, "GET /static/admin/", [], b""),
}


def check(answer: Answer, status: int, but: tuple[str, ...] = ()) -> None:
    assert answer.status == status, answer.body
    assert {name.lower() for name in ALL} - set(answer.headers) == set(but)
    assert answer.headers["x-request-id"]
    for name in (*ALL, "X-Request-ID", "Content-Type"):
        assert answer.names.count(name.lower()) <= 1, f"{name} stands there twice"
    assert answer.headers.get("server", "nginx") == "nginx"  # no version
    assert "via" not in answer.headers


def ask(client: Client, line: str, extra: dict[str, Any]) -> Answer:
    method, path = line.split()
    lines = [f"{name}: {value}" for name, value in extra.get("headers", {}).items()]
    body = b""
    if method == "POST":
        data = extra.get("data", b"{}")
        body = data if isinstance(data, bytes) else urlencode(data).encode()
        lines.append(f"Content-Type: {extra.get('content_type', 'application/json')}")
    return client.ask(path, *lines, method=method, body=body)


# A host that is not ours gets no answer from a proxy: tests/proxy/test_command.py.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "400 of Django's"])
def test_every_kind_of_answer_arrives_with_every_header(kind: str, proxied: Client) -> None:
    status, line, extra = KINDS[kind]
    # The demo's pages have nonces: a policy here would take the place of the one that the page was written for.
    but = ("content-security-policy",) if kind == "304 page" else ()
    check(ask(proxied, line, extra), status, but)


@pytest.mark.parametrize("kind", OWN)
def test_what_a_proxy_answers_itself_has_every_header(kind: str, proxied: Client) -> None:
    status, line, lines, body = OWN[kind]
    method, path = line.split()
    check(proxied.ask(path, *lines, method=method, body=body), status)


def test_a_429_has_every_header(proxied: Client) -> None:
    found = [proxied.ask("/once/") for _ in range(2)]
    check(found[-1], 429)
    assert found[-1].headers["retry-after"]


def test_a_preflight_and_its_answer_have_every_header(proxied: Client) -> None:
    asked = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")
    preflight = proxied.ask("/rest/", f"Origin: {ORIGIN}", *asked, method="OPTIONS")
    check(preflight, 200)
    answer = proxied.ask("/rest/", f"Origin: {ORIGIN}")
    check(answer, 200)
    for one in (preflight, answer):
        assert one.headers["access-control-allow-origin"] == ORIGIN
        assert one.names.count("access-control-allow-origin") == 1
    stranger = proxied.ask("/rest/", "Origin: https://evil.example", *asked, method="OPTIONS")
    assert "access-control-allow-origin" not in stranger.headers
    check(stranger, stranger.status)
