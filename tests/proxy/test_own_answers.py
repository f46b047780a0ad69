"""What nginx and Caddy answer themselves has every header, or stands in the list of what Go answers before Caddy."""

from __future__ import annotations

import pytest

from tests.edge.test_headers import ALL
from tests.proxy.malformed import FILE, LONG, MALFORMED, STRANGE
from tests.proxy.raw import Answer, Client
from tests.proxy.stand import Front
from tests.proxy.test_http2 import ask
from tests.servers import ROOT

HSTS = "strict-transport-security"
WANTED = {name.lower() for name in ALL} | {"x-request-id"}
# Written by Go's net/http before Caddy sees a request: fixed words, and no header can be added. The page for operators
# has the same table; when Caddy or Go change, one of these tests notices.
GO = {
    (400, "400 Bad Request"), (400, "400 Bad Request: invalid header name"),
    (400, "400 Bad Request: malformed Host header"), (400, "400 Bad Request: missing required Host header"),
    (400, "Client sent an HTTP request to an HTTPS server."), (200, ""), (417, ""),
    (431, "431 Request Header Fields Too Large"), (501, "Unsupported transfer encoding"),
    (505, "505 HTTP Version Not Supported: unsupported protocol version"),
}  # fmt: skip
PAGE = ROOT / "docs/how-to/put-a-proxy-in-front.md"


def plain(client: Client) -> Client:
    """The same proxy, without TLS."""
    return Client(Front(client.front.program, 0, client.front.plain, client.front.folder), client.authority)


def lacks(answer: Answer, *but: str) -> set[str]:
    """Which headers are not there; none may stand there twice, and none tells a version."""
    assert [name for name in answer.names if answer.names.count(name) > 1] == [], answer
    assert answer.headers.get("server", "nginx") == "nginx", answer
    return WANTED - set(answer.headers) - set(but)


def judge(client: Client, answer: Answer, *but: str) -> set[tuple[int, str]]:
    """Nothing, or the one of Go's that this answer is."""
    missing = lacks(answer, *but)
    if not missing:
        return set()
    assert client.front.program == "caddy", (answer, missing)
    assert set(answer.headers) <= {"content-type", "content-length", "connection", "date"}, answer
    assert answer.headers.get("content-type", "text/plain; charset=utf-8") == "text/plain; charset=utf-8"
    return {(answer.status, answer.body.decode().strip())}


@pytest.mark.parametrize("shape", MALFORMED)
def test_a_malformed_request_gets_every_header_by_tls(shape: str, proxied: Client) -> None:
    for answer in proxied.send(MALFORMED[shape], seconds=8):
        assert judge(proxied, answer) <= GO


@pytest.mark.parametrize("shape", MALFORMED)
def test_a_malformed_request_gets_every_header_without_tls(shape: str, proxied: Client) -> None:
    """But HSTS, which browsers ignore there (RFC 6797 section 7.2)."""
    for answer in plain(proxied).send(MALFORMED[shape], seconds=8):
        assert judge(proxied, answer, HSTS) <= GO
        assert HSTS not in answer.headers
        assert answer.status == 308 or answer.status >= 400 or (answer.status, answer.body) == (200, b"")


def test_what_go_answers_itself_is_all_that_lacks_headers(fronts: dict[str, Front], proxied: Client) -> None:
    """The list is exact: what is not in it has headers, and what is in it is still answered so."""
    clear = Client(
        Front(proxied.front.program, 0, proxied.front.tls, proxied.front.folder), proxied.authority
    )
    found: set[tuple[int, str]] = set()
    for data in MALFORMED.values():
        for one, but in ((proxied, ()), (plain(proxied), (HSTS,)), (clear, (HSTS,))):
            for answer in one.send(data, seconds=8):
                found |= judge(proxied, answer, *but)
    assert found == (GO if proxied.front.program == "caddy" else set())


def test_the_page_for_operators_has_the_same_list() -> None:
    text = PAGE.read_text()
    for status, words in GO:
        assert f"| {status} | {f'`{words}`' if words else 'nothing'} |" in text


@pytest.mark.parametrize("shape", STRANGE)
def test_a_name_that_is_not_ours_leads_nowhere_however_it_is_said(shape: str, proxied: Client) -> None:
    """The handshake had ours: a browser that took the connection for another of our hosts makes a new one (421)."""
    for answer in proxied.send(STRANGE[shape]):
        assert (answer.status, lacks(answer)) == (421, set())
    assert plain(proxied).send(STRANGE[shape]) == []


H2: dict[str, dict[str, str]] = {
    "a long header": {"x-long": LONG},
    "a long target": {":path": f"/{LONG}"},
    "a percent sign alone": {":path": "/%zz"},
    "a target without a slash": {":path": "told/"},
    "GET *": {":path": "*"},
    "a control character": {":path": "/\x01"},
    "a method with a sign": {":method": "G@T"},
    "another host": {":authority": "evil.example"},
    "two hosts": {"host": "evil.example"},
    "a host with a blank": {":authority": "a b"},
    "an empty host": {":authority": ""},
    "a length that is none": {"content-length": "-1"},
    "a file that a method has not": {":method": "DELETE", ":path": FILE},
}


@pytest.mark.parametrize("shape", H2)
def test_a_malformed_request_gets_every_header_by_http_2(shape: str, proxied: Client) -> None:
    """Or no answer: the stream or the connection ends."""
    (answer,) = ask(proxied, H2[shape])
    if answer["status"]:
        assert WANTED - set(answer["headers"]) == set(), answer
        assert answer["headers"].get("server", "nginx") == "nginx"


def test_options_of_everything_is_gos_by_http_2_too(proxied: Client) -> None:
    (answer,) = ask(proxied, {":method": "OPTIONS", ":path": "*"})
    if proxied.front.program == "caddy":
        assert (answer["status"], answer["body"], set(answer["headers"]) & WANTED) == (200, "", set())
    else:
        assert (answer["status"], WANTED - set(answer["headers"])) == (400, set())
