"""Raw bytes through nginx, through Caddy, and at the application itself: nobody becomes somebody else, or elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from stockade.core.forwarded import FORWARDED, IDENTITY, REWRITE
from tests.proxy.conftest import MAX_BODY, Site
from tests.proxy.raw import Answer, Client, request
from tests.proxy.stand import HOST, SECRET

FORGED = "192.0.2.66"
Tokens = dict[str, str]


@pytest.fixture(scope="module")
def tokens(site: Site, fronts: object) -> Tokens:
    """Access tokens of alice and bob."""
    from tests.proxy.stand import Front

    direct = Client(Front("granian", 0, site.port, site.folder), site.folder)
    found = {}
    for name in ("alice", "bob"):
        body = json.dumps({"username": name, "password": site.passwords[name]}).encode()
        answer = direct.ask("/api/token/", "Content-Type: application/json", method="POST", body=body)
        assert answer.status == 200, answer.body
        found[name] = answer.json()["access"]
    return found


def fine(found: list[Answer]) -> list[Answer]:
    """Answers none of which is a failure of ours that a client has caused."""
    # A transfer coding that a server does not know is answered with 501 (RFC 9112 section 6.1), by Go before Caddy sees
    # the request.
    assert [
        a.status for a in found if a.status >= 500 and a.body != b"Unsupported transfer encoding"
    ] == [], found
    return found


def who(found: list[Answer]) -> list[str]:
    """As whom the answers were given; nothing for those refused."""
    return [answer.json().get("username", "") for answer in fine(found) if answer.status == 200]


def behind_proxy(client: Client) -> bool:
    return client.front.program != "granian"


# -- identity ---------------------------------------------------------------------------------------------------------


def test_a_token_is_its_owners_whatever_stands_in_front(client: Client, tokens: Tokens) -> None:
    for name, token in tokens.items():
        assert who([client.ask("/api/profile/", f"Authorization: Bearer {token}")]) == [name]


@pytest.mark.parametrize("second", ["Authorization", "authorization", "AUTHORIZATION"])
def test_two_authorization_headers_are_nobodys(second: str, client: Client, tokens: Tokens) -> None:
    lines = (f"Authorization: Bearer {tokens['alice']}", f"{second}: Bearer {tokens['bob']}")
    for pair in (lines, lines[::-1]):
        assert who(client.send(request("/api/profile/", *pair))) == []


def test_two_tokens_in_one_authorization_header_are_nobodys(client: Client, tokens: Tokens) -> None:
    for between in (", ", ",", ", Bearer ", " "):
        value = f"Authorization: Bearer {tokens['alice']}{between}{tokens['bob']}"
        assert who(client.send(request("/api/profile/", value))) == []


@pytest.mark.parametrize("fold", ["\r\n ", "\r\n\t", "\n "])
def test_a_folded_line_hides_no_second_token(fold: str, client: Client, tokens: Tokens) -> None:
    """RFC 9112 section 5.2: obs-fold is to be refused or replaced; here it must not be read as a header."""
    for lines in (
        (f"Authorization: Bearer {tokens['alice']}", f"X-Note: a{fold}Authorization: Bearer {tokens['bob']}"),
        (f"X-Note: a{fold}Authorization: Bearer {tokens['bob']}", f"Authorization: Bearer {tokens['alice']}"),
        (f"Authorization: Bearer {tokens['alice']}{fold}, Bearer {tokens['bob']}",),
    ):
        assert "bob" not in who(client.send(request("/api/profile/", *lines)))


def test_no_header_of_a_proxy_reaches_a_view_from_a_stranger(client: Client) -> None:
    names = [*IDENTITY, *FORWARDED]
    spelled = [*names, *(name.replace("-", "_") for name in names), *(name.lower() for name in names)]
    for at in range(0, len(spelled), 40):
        told = client.ask("/told/", *(f"{name}: forged-{FORGED}" for name in spelled[at : at + 40])).json()
        assert FORGED not in json.dumps(told)


@pytest.mark.parametrize("names", [("X-Client-Cert", "X_Client_Cert"), ("X_Client_Cert", "X-Client-Cert")])
def test_a_certificate_header_with_an_underscore_beside_the_true_one(
    names: tuple[str, str], client: Client
) -> None:
    told = client.ask("/told/", *(f"{name}: forged" for name in names)).json()
    assert "forged" not in json.dumps(told)


def test_a_header_with_an_underscore_is_dropped_by_a_proxy(proxied: Client) -> None:
    told = proxied.ask("/told/", "X_Anything: forged", "X-Kept: kept").json()["headers"]
    assert "forged" not in told.values()
    assert told["HTTP_X_KEPT"] == "kept"


def test_no_other_path_or_method_is_meant(proxied: Client) -> None:
    told = proxied.ask("/told/", *(f"{name}: /admin/forged" for name in REWRITE)).json()
    assert "forged" not in json.dumps(told["headers"])
    assert told["path"] == "/told/"


# -- address and scheme -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        FORGED,
        f"{FORGED}, 198.51.100.7",
        "unknown",
        f"for={FORGED}",
        f"{FORGED}:443",
        "," * 500,
        "x" * 4000,
        "\xff",
    ],
    ids=["empty", "blank", "one", "two", "word", "rfc7239", "port", "commas", "long", "latin1"],
)
def test_a_stranger_cannot_choose_the_address(value: str, client: Client) -> None:
    told = client.ask("/told/", f"X-Forwarded-For: {value}").json()
    assert told["address"] == "127.0.0.1"
    assert told["headers"].get("HTTP_X_FORWARDED_FOR", "127.0.0.1") == "127.0.0.1"


def test_many_forwarded_headers_do_not_add_up(client: Client) -> None:
    told = client.ask("/told/", *[f"X-Forwarded-For: {FORGED}"] * 20).json()
    assert FORGED not in json.dumps(told)


def test_a_direct_connection_cannot_pose_as_the_proxy(client: Client) -> None:
    """It has the address of a trusted proxy, and not the secret."""
    lines = (f"X-Forwarded-For: {FORGED}", "X-Forwarded-Proto: https", "X-Request-ID: chosen")
    for guess in ((), ("X-Stockade-Proxy-Secret: guess",), (f"X-Stockade-Proxy-Secret: {SECRET}x",)):
        told = client.ask("/told/", *lines, *guess).json()
        assert told["address"] == "127.0.0.1"
        assert told["request_id"] != "chosen"
        assert told["secure"] is behind_proxy(client)


def test_the_proxy_is_believed_and_its_secret_reaches_no_view(client: Client) -> None:
    if behind_proxy(client):
        told = client.ask("/told/").json()
        assert told["secure"] is True
    else:
        told = client.ask("/told/", f"X-Stockade-Proxy-Secret: {SECRET}", f"X-Forwarded-For: {FORGED}").json()
        assert told["address"] == FORGED
    assert SECRET not in json.dumps(told)


def test_a_leaked_secret_does_not_help_through_the_proxy(proxied: Client) -> None:
    told = proxied.ask("/told/", f"X-Stockade-Proxy-Secret: {SECRET}", f"X-Forwarded-For: {FORGED}").json()
    assert told["address"] == "127.0.0.1"


def test_a_stranger_cannot_choose_the_request_id(client: Client) -> None:
    answer = client.ask("/told/", "X-Request-ID: chosen", "X_Request_ID: chosen")
    assert answer.headers["x-request-id"] == answer.json()["request_id"] != "chosen"


def test_a_request_is_secure_only_because_the_proxy_says_so(client: Client) -> None:
    for value in ("http", "https", "https, http"):
        assert client.ask("/told/", f"X-Forwarded-Proto: {value}").json()["secure"] is behind_proxy(client)


# -- target and host --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (f"http://{HOST}/told/", HOST), (f"https://{HOST}/told/", HOST), ("http://evil.example/told/", HOST),
        (f"http://{HOST}/told/", "evil.example"), ("http://evil.example/told/", "evil.example"),
        (f"http://user@{HOST}/told/", HOST), ("/told/", "evil.example"), ("/told/", f"{HOST}@evil.example"),
        ("/told/", f"evil.example/{HOST}"), ("/told/", ""), ("*", HOST), ("told/", HOST),
        ("//evil.example/told/", HOST),
    ],
)  # fmt: skip
def test_an_absolute_target_or_a_strange_host_leads_nowhere_else(
    target: str, host: str, client: Client
) -> None:
    """RFC 9112 section 3.2.2: an absolute-form decides, whatever Host says. We are one host, or nothing."""
    for answer in fine(client.send(request(target, host=host))):
        if answer.status == 200:
            assert answer.json()["host"].partition(":")[0] == HOST
            assert answer.json()["path"].partition("?")[0].endswith("/told/")
        else:
            assert 300 <= answer.status < 500


def test_two_host_headers_are_refused(client: Client) -> None:
    for answer in fine(client.send(request("/told/", "Host: evil.example"))):
        assert answer.status == 400


# -- smuggling --------------------------------------------------------------------------------------------------------

# Where client, proxy and application agree, it ends the connection; where they do not, it has no answer.
LAST = request("/told/?the-last-one")
INNER = f"POST /smuggled/?by={{}} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n"


def _head(*lines: str) -> str:
    return "\r\n".join(["POST /told/ HTTP/1.1", f"Host: {HOST}", *lines]) + "\r\n\r\n"


def _cl_te(inner: str) -> str:
    body = f"0\r\n\r\n{inner}"
    return _head(f"Content-Length: {len(body)}", "Transfer-Encoding: chunked") + body


def _te_cl(inner: str) -> str:
    chunk = f"{len(inner):x}\r\n{inner}\r\n0\r\n\r\n"
    return _head("Content-Length: 4", "Transfer-Encoding: chunked") + chunk


def _obscured(line: str) -> Callable[[str], str]:
    def make(inner: str) -> str:
        body = f"0\r\n\r\n{inner}"
        return _head(f"Content-Length: {len(body)}", line) + body

    return make


def _two_lengths(inner: str) -> str:
    return _head("Content-Length: 0", f"Content-Length: {len(inner)}") + inner


def _lengths(value: str) -> Callable[[str], str]:
    return lambda inner: _head(f"Content-Length: {value}") + inner


def _chunk(size: str, end: str = "\r\n") -> Callable[[str], str]:
    return lambda inner: _head("Transfer-Encoding: chunked") + f"{size}{end}{inner}\r\n0\r\n\r\n"


def _get_with_body(inner: str) -> str:
    return f"GET /told/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(inner)}\r\n\r\n{inner}"


def _in_a_header(inner: str) -> str:
    """A bare line feed or a NUL would end a value for one of two."""
    line = inner.split("\r\n", 1)[0]
    return _head("Content-Length: 0", f"X-Note: a\r\r\n\r\n{line}")


SMUGGLING: dict[str, Callable[[str], str]] = {
    "CL.TE": _cl_te,
    "TE.CL": _te_cl,
    "TE of two words": _obscured("Transfer-Encoding: chunked, identity"),
    "TE twice": _obscured("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"),
    "TE with a blank before the colon": _obscured("Transfer-Encoding : chunked"),
    "TE with a tab": _obscured("Transfer-Encoding:\tchunked"),
    "TE folded": _obscured("Transfer-Encoding:\r\n chunked"),
    "TE with an underscore": _obscured("Transfer_Encoding: chunked"),
    "TE in quotes": _obscured('Transfer-Encoding: "chunked"'),
    "TE with a suffix": _obscured("Transfer-Encoding: xchunked"),
    "TE with a vertical tab": _obscured("Transfer-Encoding: \x0bchunked"),
    "two lengths": _two_lengths,
    "a length with a sign": _lengths("+0"),
    "a negative length": _lengths("-1"),
    "a length with a comma": _lengths("0, 10"),
    "a hexadecimal length": _lengths("0x10"),
    "a length that overflows": _lengths("18446744073709551616"),
    "no length": _lengths(""),
    "a chunk size that overflows": _chunk("10000000000000000"),
    "a negative chunk size": _chunk("-1"),
    "a chunk size with a prefix": _chunk("0x0"),
    "a chunk ended by a line feed": _chunk("0", "\n\n"),
    "a chunk extension": _chunk('0;a="\n'),
    "GET with a body": _get_with_body,
    "a bare carriage return": _in_a_header,
}


@pytest.mark.parametrize("shape", SMUGGLING)
def test_no_request_is_smuggled_behind_another(shape: str, client: Client) -> None:
    """No view sees an inner request that the proxy has not seen, and the next client is served as ever."""
    mark = f"{client.front.program}-{list(SMUGGLING).index(shape)}"
    data = SMUGGLING[shape](INNER.format(mark)).encode("latin-1") + LAST
    found = [a for a in fine(client.send(data, seconds=10)) if b"the-last-one" not in a.body]
    if behind_proxy(client):
        calls = client.ask("/smuggled/").json()["calls"]
        seen = [call for call in calls if call.endswith(f"by={mark}")]
        # On one connection a second request may follow the first (RFC 9112 section 9.3.2): then it has an answer of
        # its own, and the proxy has seen it. What has none was smuggled.
        assert len(seen) <= max(0, len(found) - 1), (found, calls)
    for at in range(3):  # over the same connections of the proxy's to the application
        assert client.ask(f"/told/?victim={mark}-{at}").json()["path"] == f"/told/?victim={mark}-{at}"


# -- sizes and time ---------------------------------------------------------------------------------------------------


def test_a_header_that_is_too_large_is_refused(proxied: Client) -> None:
    found = fine(proxied.send(request("/told/", "X-Long: " + "x" * 40_000)))
    assert [answer.status for answer in found] in ([400], [431])


def test_too_many_headers_are_refused(proxied: Client) -> None:
    found = fine(proxied.send(request("/told/", *(f"X-Many-{n}: {'x' * 100}" for n in range(1000)))))
    assert [answer.status for answer in found] in ([400], [431])


def test_an_address_that_is_too_long_is_refused(proxied: Client) -> None:
    found = fine(proxied.send(request("/told/?" + "x" * 40_000)))
    assert [answer.status for answer in found] in ([414], [431], [400])


def test_what_is_too_large_is_no_failure_of_the_application(client: Client) -> None:
    fine(client.send(request("/told/", "X-Long: " + "x" * 500_000)))
    fine(client.send(request("/told/?" + "x" * 500_000)))
    fine(client.send(request("/told/", *(f"X-Many-{n}: x" for n in range(3000)))))


def test_a_body_that_is_too_large_is_refused(proxied: Client) -> None:
    assert proxied.ask("/told/", method="POST", body=b"x" * MAX_BODY).json()["body"] == MAX_BODY
    answer = proxied.ask("/told/", method="POST", body=b"x" * (MAX_BODY + 1))
    assert (answer.status, answer.json()["code"]) == (413, "too_large")


def test_a_body_in_chunks_cannot_be_too_large_either(proxied: Client) -> None:
    """nginx counts it. Caddy passes it on, and the application wants to know the length before it reads any."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    data = _head("Connection: close", "Transfer-Encoding: chunked").encode() + chunk * 8 + b"0\r\n\r\n"
    assert [answer.status for answer in fine(proxied.send(data))] in ([413], [411])


@pytest.mark.parametrize(
    "begun", [b"GET /told/ HTTP/1.1\r\n", f"GET /told/ HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: ".encode()]
)
def test_a_slow_header_holds_no_connection(begun: bytes, client: Client) -> None:
    """Slowloris: a byte now and then. Real time is the point; the configuration's seconds are shortened for it."""
    with client.connect(seconds=30) as connection:
        connection.sendall(begun)
        deadline = time.monotonic() + 30
        closed = False
        connection.settimeout(0.3)
        while not closed and time.monotonic() < deadline:
            try:
                closed = connection.recv(4096) == b""
                if not closed:
                    continue
            except TimeoutError:
                pass
            except OSError:
                closed = True
            if not closed:
                try:
                    connection.sendall(b"x")
                except OSError:
                    closed = True
        assert closed, "the connection is still open"


def test_a_slow_body_holds_no_process_of_the_application(proxied: Client) -> None:
    data = _head("Content-Length: 1000", "Connection: close").encode() + b"x"
    began = time.monotonic()
    found = fine(proxied.send(data, seconds=60))
    assert time.monotonic() - began < 50  # a proxy that does not end it leaves it to us, after a minute
    assert {answer.status for answer in found} <= {
        400,
        408,
        499,
    }  # Caddy's own number for a client that went away


@pytest.mark.parametrize("length", [10, MAX_BODY, 99 * MAX_BODY])
def test_a_slow_body_holds_no_connection(length: int, proxied: Client) -> None:
    """The rest never comes, on a connection that would be used again: Go waits for it before it answers."""
    data = _head(f"Content-Length: {length}").encode() + b"x"
    began = time.monotonic()
    fine(proxied.send(data, seconds=60))
    assert time.monotonic() - began < 50  # a proxy that does not end it leaves it to us, after a minute
