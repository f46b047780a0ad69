"""Gets one small JSON document over HTTPS, with a bound on everything: time, bytes, headers, and where it may lead."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from stockade import conf
from stockade.schemes.external import strict

MAX_BYTES = 512 * 1024  # Entra's, the largest known, has about 20 KiB
_CHUNK = 16_384
_TYPES = ("application/json", "application/jwk-set+json")


class FetchFailed(Exception):
    """It could not be had, or is not what it should be.

    Args:
        reason: in one word, for the log.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_context: ssl.SSLContext | None = None


def _tls() -> ssl.SSLContext:
    """Certificates are verified against the system's authorities, or those of SSL_CERT_FILE."""
    global _context  # noqa: PLW0603
    if _context is None:
        _context = ssl.create_default_context()
        _context.minimum_version = ssl.TLSVersion.TLSv1_2
    return _context


@conf.on_change
def _forget() -> None:
    global _context  # noqa: PLW0603
    _context = None


def get(url: str, deadline: float) -> dict[str, Any]:
    """The JSON object at `url`. Follows no redirect, asks no proxy, sends no cookie and no credential.

    Args:
        url: that `conf.may_fetch` allows.
        deadline: of `time.monotonic`, for all of it but the resolver, whose time is the system's.

    Raises:
        FetchFailed: nothing else, whatever the other side does.
    """
    try:
        return _parsed(_read(url, deadline))
    except FetchFailed:
        raise
    except TimeoutError:
        raise FetchFailed("timeout") from None
    except ssl.SSLCertVerificationError:
        raise FetchFailed("certificate") from None
    except ssl.SSLError:
        raise FetchFailed("tls") from None
    except socket.gaierror:
        raise FetchFailed("name") from None
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        raise FetchFailed("connection") from None


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise FetchFailed("timeout")
    return left


def _read(url: str, deadline: float) -> bytes:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    port = parts.port or (443 if secure else 80)
    raw = _connect(host, port, deadline)
    # Whatever it does, dripping headers byte by byte included: at the deadline the connection is cut.
    twin = raw.dup()  # TLS takes `raw` over, and in the midst of a handshake there is nothing else to cut
    cut = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, [twin])
    cut.daemon = True
    cut.start()
    try:
        raw.settimeout(_left(deadline))
        sock = _tls().wrap_socket(raw, server_hostname=host) if secure else raw
        try:
            return _exchange(sock, parts.netloc, parts.path or "/", parts.query, deadline)
        finally:
            sock.close()
    except (OSError, http.client.HTTPException):
        _left(deadline)  # cut: it is the time that ran out
        raise
    finally:
        cut.cancel()
        cut.join()  # not while it cuts: the number of a closed socket is the next one's
        twin.close()
        raw.close()


def _cut(twin: socket.socket) -> None:
    with contextlib.suppress(OSError):
        twin.shutdown(socket.SHUT_RDWR)


def _connect(host: str, port: int, deadline: float) -> socket.socket:
    failed: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[:4]:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(deadline))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failed = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failed or FetchFailed("name")


def _exchange(sock: socket.socket, netloc: str, path: str, query: str, deadline: float) -> bytes:
    target = f"{path}?{query}" if query else path
    sock.sendall(
        f"GET {target} HTTP/1.1\r\nHost: {netloc}\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"
        "User-Agent: stockade\r\nConnection: close\r\n\r\n".encode("ascii")
    )
    answer = http.client.HTTPResponse(sock, method="GET")
    answer.begin()
    _left(deadline)  # what was cut looks as if it had ended
    if 300 <= answer.status < 400:
        raise FetchFailed("redirect")  # to wherever somebody else says
    if answer.status != 200:
        raise FetchFailed(f"status_{answer.status}")
    if answer.getheader("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise FetchFailed("encoding")
    if answer.getheader("Content-Type", "").partition(";")[0].strip().lower() not in _TYPES:
        raise FetchFailed("content_type")
    found = bytearray()
    while True:
        _left(deadline)
        chunk = answer.read1(_CHUNK)
        if not chunk:
            break
        found += chunk
        if len(found) > MAX_BYTES:
            raise FetchFailed("too_long")
    _left(deadline)
    if answer.length:  # it announced more
        raise FetchFailed("cut_short")
    return bytes(found)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = strict.loads(body)
    except (ValueError, RecursionError):
        raise FetchFailed("json") from None
    if not isinstance(found, dict):
        raise FetchFailed("json")
    return found
