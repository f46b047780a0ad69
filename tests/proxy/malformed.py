"""Requests that a proxy answers itself: malformed ones, and those that only it can find something wrong with."""

from __future__ import annotations

from tests.proxy.stand import HOST

_HOST = f"Host: {HOST}"


def _bytes(*lines: str, body: str = "", close: bool = True) -> bytes:
    more = ["Connection: close"] if close else []
    return "\r\n".join([*lines, *more, "", body]).encode("latin-1")


def _get(target: str = "/told/", *lines: str, version: str = "1.1") -> bytes:
    return _bytes(f"GET {target} HTTP/{version}", _HOST, *lines)


def _named(*hosts: str, target: str = "/told/") -> bytes:
    return _bytes(f"GET {target} HTTP/1.1", *(f"Host: {host}" for host in hosts))


def _method(method: str, target: str = "/told/") -> bytes:
    return _bytes(f"{method} {target} HTTP/1.1", _HOST)


def _post(*lines: str, body: str = "", version: str = "1.1") -> bytes:
    return _bytes(f"POST /told/ HTTP/{version}", _HOST, *lines, body=body)


FILE = "/static/admin/css/base.css"
LONG = "x" * 40_000
MALFORMED: dict[str, bytes] = {
    "no HTTP": b"GARBAGE\r\n\r\n",
    "a handshake of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/0.9": b"GET /told/\r\n\r\n",
    "HTTP/9.9": _get(version="9.9"),
    "HTTP/2.0 in words": _get(version="2.0"),
    "a version of letters": _get(version="x"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method with a sign": _method("G@T"),
    "a method with a control character": _method("G\x01T"),
    "TRACE": _method("TRACE", FILE),
    "OPTIONS *": _method("OPTIONS", "*"),
    "GET *": _get("*"),
    "a target without a slash": _get("told/"),
    "a percent sign alone": _get("/%zz"),
    "an encoded NUL": _get("/static/%00"),
    "a NUL": _get("/\0"),
    "a control character": _get("/\x01"),
    "a blank in the target": _get("/a b"),
    "a way up": _get("/../../etc/passwd"),
    "a long target": _get(f"/told/?{LONG}"),
    "no host": _named(),
    "two hosts": _named(HOST, "evil.example"),
    "an empty host": _named(""),
    "a host with a blank": _named("a b"),
    "a header without a colon": _get("/nothing/", "nonsense"),
    "a header with a blank in its name": _get("/told/", "X a: 1"),
    "a header with a blank before the colon": _get("/told/", "X-A : 1"),
    "a NUL in a header": _get("/told/", "X-A: \0"),
    "a fold at the beginning": _bytes("GET /told/ HTTP/1.1", " X-A: 1", _HOST),
    "a long header": _get("/told/", f"X-A: {LONG}"),
    "many headers": _get("/told/", *(f"X-{n}: {'x' * 100}" for n in range(1000))),
    "an unknown coding": _post("Transfer-Encoding: xchunked"),
    "two codings": _post("Transfer-Encoding: gzip, chunked", body="0\r\n\r\n"),
    "chunks that are none": _post("Transfer-Encoding: chunked", body="zz\r\n"),
    "two lengths": _post("Content-Length: 0", "Content-Length: 3", body="abc"),
    "a length of letters": _post("Content-Length: x", body="abc"),
    "a negative length": _post("Content-Length: -1", body="abc"),
    "a length beyond everything": _post("Content-Length: 99999999999", body="abc"),
    "a body that does not come": _post("Content-Length: 1000", body="abc"),
    "an unknown expectation": _bytes(f"GET {FILE} HTTP/1.1", _HOST, "Expect: something"),
    "a method that a file has not": _method("DELETE", FILE),
    "a part that a file has not": _get(FILE, "Range: bytes=99999999-"),
    "a part that a file has": _get(FILE, "Range: bytes=0-3"),
    "a file that has changed": _get(FILE, 'If-Match: "other"'),
    "a file that has not": _get(FILE, "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"),
    "a folder without its slash": _get("/static/admin"),
    "a file with a slash": _get(f"{FILE}/"),
    "a name that no file can have": _get(f"/static/{'x' * 300}"),
    "the place of a refusal": _get("/_refused/throttled"),
}
# Refused before the proxy knows that it has nothing to do with the host.
STRANGE: dict[str, bytes] = {
    "another host": _named("evil.example"),
    "another host by an absolute target": _named("evil.example", target="http://evil.example/"),
}
