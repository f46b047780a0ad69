"""The attacker's HTTP client: single calls, and many that reach the server in the same moment."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from urllib.parse import urlencode, urlsplit

TIMEOUT = 60.0  # seconds; a server that takes longer counts as broken
_addresses = count(1)


class AttackError(Exception):
    """The attack could not be carried out: what should work for an honest caller did not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON; an empty mapping if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be sent.

    Args:
        method: of HTTP.
        path: with query.
        body: sent as JSON; None for no body.
        headers: as pairs, since an attacker may send one twice; values in bytes, since they need not be text.
    """

    method: str
    path: str
    body: object = None
    headers: tuple[tuple[str, bytes], ...] = ()

    def encode(self, host: str) -> bytes:
        """The request as it goes over the wire."""
        content = b"" if self.body is None else json.dumps(self.body).encode()
        lines = [
            f"{self.method} {self.path} HTTP/1.1".encode(),
            b"Host: " + host.encode(),
            b"Connection: close",
        ]
        if self.body is not None:
            lines += [b"Content-Type: application/json", b"Content-Length: " + str(len(content)).encode()]
        lines += [name.encode() + b": " + value for name, value in self.headers]
        return b"\r\n".join([*lines, b"", b""]) + content


@dataclass(frozen=True, slots=True)
class Pair:
    """The tokens of one login."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Partner:
    """Another company's issuer, hostile or with a thief in its house: it signs what it likes.

    Args:
        url: its name.
        person: one of its people who may call.
        jwk: its public key.
        sign: signs a header and claims, written already, with its own.
    """

    url: str
    person: str
    jwk: Mapping[str, Any]
    sign: Callable[[Mapping[str, Any], bytes], str] = field(repr=False)

    @property
    def header(self) -> dict[str, Any]:
        """Of an access token (RFC 9068 section 2.1)."""
        return {"typ": "at+jwt", "alg": "ES256", "kid": self.jwk["kid"]}

    def claims(self, audience: str) -> dict[str, Any]:
        """Of an access token of that person's for an API."""
        now = int(time.time())
        return {
            "iss": self.url, "sub": self.person, "aud": audience, "client_id": "portal", "iat": now, "exp": now + 300,
            "jti": secrets.token_urlsafe(16), "scope": "articles:read",
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """One of the two servers, seen from one address.

    Args:
        name: ``stockade`` or ``twin``.
        base_url: where it answers.
        passwords: of its users; an honest user knows her own.
        login_limit: how many guesses at one account its configuration allows, at most.
        user_limit: how many requests a user may make a minute.
        mint: signs header and claims with the server's own key: what another service that shares the key could do.
        source: the loopback address to come from; "" leaves it to the system.
        api: what other issuers call the API.
        partner: one whose tokens it takes.
    """

    name: str
    base_url: str
    passwords: Mapping[str, str] = field(repr=False)
    login_limit: int
    user_limit: int
    mint: Callable[[Mapping[str, Any], Mapping[str, Any]], str] = field(repr=False)
    source: str = ""
    api: str = ""
    partner: Partner | None = None

    def elsewhere(self) -> Target:
        """The same server, seen from a loopback address that nobody has used yet (all of 127/8 is this machine)."""
        number = next(_addresses)
        return replace(self, source=f"127.{1 + number // 65025}.{number // 255 % 255}.{1 + number % 255}")

    def send(self, request: Request) -> Answer:
        """Send one request and wait for its answer."""
        return self.at_once([request])[0]

    def at_once(self, requests: Sequence[Request], sources: Sequence[str] = ()) -> list[Answer]:
        """Send all requests in the same moment: each but for its last byte first, then the last bytes together.

        Args:
            requests: what to send, each on a connection of its own.
            sources: an address for each of them; this target's own without.
        """
        host = urlsplit(self.base_url).netloc
        with contextlib.ExitStack() as open_sockets:
            pending = []
            for index, request in enumerate(requests):
                raw = request.encode(host)
                sock = open_sockets.enter_context(self._connect(sources[index] if sources else self.source))
                _write(sock, raw[:-1])
                pending.append((sock, raw[-1:], request.method))
            for sock, last, _ in pending:
                _write(sock, last)
            return [_read(sock, method) for sock, _, method in pending]

    def get(self, path: str, token: str = "", **query: str) -> Answer:
        """GET `path`, with `token` as Bearer."""
        return self.send(
            Request("GET", f"{path}?{urlencode(query)}" if query else path, headers=bearer(token))
        )

    def post(self, path: str, body: object, token: str = "") -> Answer:
        """POST `body` as JSON."""
        return self.send(Request("POST", path, body, bearer(token)))

    def login(self, user: str) -> Pair:
        """Log in honestly.

        Raises:
            AttackError: the right password was refused.
        """
        answer = self.post("/api/token/", {"username": user, "password": self.passwords[user]})
        found = answer.json()
        if answer.status != 200 or not {"access", "refresh"} <= set(found):
            raise AttackError(f"{user} could not log in with the right password: {answer.status}")
        return Pair(found["access"], found["refresh"])

    def refresh(self, token: str) -> Answer:
        """Redeem a refresh token."""
        return self.post("/api/token/refresh/", {"refresh": token})

    def admits(self, access: str) -> bool:
        """Whether an access token opens the profile."""
        return self.get("/api/profile/", access).status == 200

    @contextlib.contextmanager
    def _connect(self, source: str) -> Iterator[socket.socket]:
        parts = urlsplit(self.base_url)
        address = (parts.hostname or "127.0.0.1", parts.port or 80)
        try:
            sock = socket.create_connection(address, TIMEOUT, (source, 0) if source else None)
        except OSError:
            # Off Linux, only 127.0.0.1 may be bound.
            try:
                sock = socket.create_connection(address, TIMEOUT)
            except OSError as error:
                raise AttackError(f"{self.base_url} does not answer: {error.strerror}") from None
        with sock:
            yield sock


def bearer(token: str) -> tuple[tuple[str, bytes], ...]:
    """The Authorization header for `token`; none for an empty one."""
    return (("Authorization", b"Bearer " + token.encode()),) if token else ()


def _write(sock: socket.socket, data: bytes) -> None:
    # A server may answer and close before it has read all of a request that is too long: its answer is what counts.
    with contextlib.suppress(ConnectionError):
        sock.sendall(data)


def _read(sock: socket.socket, method: str) -> Answer:
    response = http.client.HTTPResponse(sock, method=method)
    try:
        response.begin()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    except (OSError, http.client.HTTPException):
        # The server closed the connection instead of answering: refused, and no status to show for it.
        return Answer(0, {}, b"")
    finally:
        response.close()
