"""Honest traffic while keys change, and the judge of it: wrong refusals, wrong admissions, unknown keys."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.keyring.consumer import Answer, Consumer, UnknownKid, header_of
from tests.keyring.served import LEEWAY, SESSION

TIMEOUT = 20  # seconds for one request


@dataclass(frozen=True, slots=True)
class Request:
    """One request with a token, as its client saw it. Times are seconds since the epoch, on the one clock of the host.

    Args:
        what: the kind of request.
        kid: the key that made the token.
        rests: the key that made the session's refresh token: with it the session ends.
        good_until: until then the token is good, unless one of its keys is revoked.
    """

    what: str
    kid: str
    rests: str
    begin: float
    end: float
    good_until: float
    status: int


@dataclass(frozen=True, slots=True)
class Revocation:
    """A key that was compromised: when the call was made, and when it returned."""

    kid: str
    called: float
    returned: float


def judge(requests: Iterable[Request], revocations: Iterable[Revocation]) -> list[str]:
    """What must not have happened; empty if nothing has."""
    revoked = {revocation.kid: revocation for revocation in revocations}
    found = []
    for request in requests:
        own = revoked.get(request.kid)
        ended = [r for r in (own, revoked.get(request.rests)) if r is not None and r.called < request.end]
        if request.status == 200:
            if own is not None and own.returned < request.begin:
                found.append(f"admitted after its key was revoked: {request}")
        elif request.status != 401:
            found.append(f"neither admitted nor refused: {request}")
        elif request.end < request.good_until and not ended:
            found.append(f"refused, and good: {request}")
    return found


@dataclass
class Log:
    """What all threads saw."""

    requests: list[Request] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    verified: int = 0

    def kids(self, what: str = "") -> set[str]:
        return {request.kid for request in self.requests if request.what.startswith(what)}


@dataclass
class _Pair:
    access: str
    refresh: str
    until: float  # the end of the session

    @property
    def kid(self) -> str:
        return self.refresh.split(".")[3]


class Caller(threading.Thread):
    """Logs in, calls, verifies, refreshes and refreshes again, until it is told to stop.

    Args:
        base_url: of the workers.
        log: shared by all.
        seed: of its choices.
        stop: when to end.
        waits: set while no key signs that caches of the JWKS may lack.
    """

    def __init__(
        self, base_url: str, log: Log, seed: int, stop: threading.Event, waits: threading.Event
    ) -> None:
        super().__init__(name=f"caller-{seed}", daemon=True)
        self._where = urlsplit(base_url).netloc
        self._log, self._stop_asked, self._waits = log, stop, waits
        self._chance = random.Random(seed)
        self._consumer = Consumer(self._fetch, time.time)

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                self._session()
        except Exception as error:  # noqa: BLE001 - told to the test
            self._log.problems.append(f"{type(error).__name__}: {error}")

    def _session(self) -> None:
        """One login and what comes of it."""
        began = time.time()
        status, body = self._send("POST", "/api/token/", {"username": "alice", "password": "pass word"})
        if status != 200:
            raise RuntimeError(f"a login was answered {status}: {body}")
        pair = _Pair(body["access"], body["refresh"], began + SESSION)
        tokens = [pair.access]
        self._elsewhere(pair.access)
        while time.time() < pair.until - 0.1 and not self._stop_asked.is_set():
            token = self._chance.choice(tokens[-3:])
            match self._chance.randrange(8):
                case 0 | 1 | 2:
                    self._ask("call", token, pair, "GET", "/api/sessions/", None)
                case 3:
                    self._ask("verify", token, pair, "POST", "/api/token/verify/", {"token": token})
                case 4:
                    shown = {"token": pair.refresh}
                    self._ask("check", pair.refresh, pair, "POST", "/api/token/verify/", shown)
                case 5:
                    if expires(token) > time.time() + 0.5:
                        self._elsewhere(token)
                case _:
                    next_pair = self._refresh(pair)
                    if next_pair is None:
                        return
                    pair = next_pair
                    tokens.append(pair.access)
                    self._elsewhere(pair.access)

    def _refresh(self, pair: _Pair) -> _Pair | None:
        """The next pair, now and then asked for twice, as after an answer that was lost; None if it is refused."""
        began = time.time()
        shown = {"refresh": pair.refresh}
        body = self._ask("refresh", pair.refresh, pair, "POST", "/api/token/refresh/", shown)
        if body is None:
            return None
        found = _Pair(body["access"], body["refresh"], pair.until)
        if self._chance.random() < 0.3:
            until = min(pair.until, began + LEEWAY)
            again = self._ask(
                "refresh again", pair.refresh, found, "POST", "/api/token/refresh/", shown, until
            )
            if again is not None and again["refresh"] != found.refresh:
                self._log.problems.append("two successors of one refresh token")
        return found

    def _ask(
        self, what: str, token: str, pair: _Pair, method: str, path: str, body: Any, until: float = 0.0
    ) -> Any:
        """The body of a 200, else None; recorded for the judge."""
        access = token.startswith("ey")
        kid = header_of(token)["kid"] if access else token.split(".")[3]
        good_until = until or min(pair.until, expires(token) if access else pair.until)
        headers = {"Authorization": f"Bearer {token}"} if method == "GET" else {}
        begin = time.time()
        status, answer = self._send(method, path, body, headers)
        self._log.requests.append(Request(what, kid, pair.kid, begin, time.time(), good_until, status))
        return answer if status == 200 else None

    def _elsewhere(self, token: str) -> None:
        """Another service verifies the token with the JWKS that it keeps."""
        if not self._waits.is_set():
            return
        try:
            self._consumer.verify(token)
            self._log.verified += 1
        except UnknownKid as error:
            if expires(token) > time.time() and self._waits.is_set():
                self._log.unknown.append(str(error))

    def _fetch(self, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection(self._where, timeout=TIMEOUT)
        try:
            connection.request("GET", "/.well-known/jwks.json", headers=dict(headers))
            response = connection.getresponse()
            body = response.read()
            names = {"ETag", "Cache-Control"}
            told = {name: str(response.headers[name]) for name in names if name in response.headers}
            return Answer(response.status, told, body)
        finally:
            connection.close()

    def _send(
        self, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        # A connection of its own each time, so that any worker may get it.
        connection = http.client.HTTPConnection(self._where, timeout=TIMEOUT)
        try:
            text = None if body is None else json.dumps(body)
            sent = {**(headers or {}), **({"Content-Type": "application/json"} if text else {})}
            connection.request(method, path, text, sent)
            response = connection.getresponse()
            found = response.read()
            return response.status, json.loads(found) if found else None
        finally:
            connection.close()


def expires(token: str) -> float:
    """The `exp` of an access token."""
    part = token.split(".")[1]
    return float(json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))["exp"])
