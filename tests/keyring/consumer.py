"""Someone else who verifies our access tokens, and keeps the JWKS as long as its Cache-Control allows (RFC 9111)."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jws
from joserfc.jwk import JWKRegistry

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a fetch of the JWKS gives."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


Fetch = Callable[[Mapping[str, str]], Answer]


class UnknownKid(AssertionError):
    """A token names a key that is not in the key set which may still be kept."""


def header_of(token: str) -> dict[str, Any]:
    part = token.split(".", 1)[0]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@dataclass
class Cache:
    """One response, kept while it is fresh; asked for again by ETag, never sooner.

    Args:
        fetch: asks the origin, or a cache in between.
        clock: of its host, in seconds.

    Attributes:
        fetches: how often the origin was asked.
    """

    fetch: Fetch
    clock: Clock
    fetches: int = 0
    _kept: Answer | None = None
    _until: float = 0.0
    _born: float = field(default=0.0)

    def get(self) -> Answer:
        if self._kept is not None and self.clock() < self._until:
            return self._kept
        etag = self._kept.headers.get("ETag") if self._kept is not None else None
        self.fetches += 1
        began = self.clock()  # RFC 9111 section 4.2.3: an age counts from the request, not from its answer
        answer = self.fetch({"If-None-Match": etag} if etag else {})
        assert answer.status in (200, 304), answer
        if answer.status == 200 or self._kept is None:
            self._kept = answer
        else:  # RFC 9111 section 4.3.4: the headers are those of the new answer
            self._kept = Answer(200, {**self._kept.headers, **answer.headers}, self._kept.body)
        match = re.search(r"max-age=(\d+)", answer.headers["Cache-Control"])
        assert match, answer.headers
        assert "stale-while-revalidate" not in answer.headers["Cache-Control"]
        self._born = began - float(answer.headers.get("Age", 0))
        self._until = self._born + int(match[1])
        return self._kept

    def age(self) -> float:
        """Seconds since the origin answered."""
        return self.clock() - self._born


class SharedCache:
    """A cache in between, as a CDN has it: answers others from what it keeps, with its Age."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._cache = Cache(fetch, clock)

    def fetch(self, headers: Mapping[str, str]) -> Answer:
        kept = self._cache.get()
        told = {**kept.headers, "Age": str(int(self._cache.age()))}
        if headers.get("If-None-Match") == kept.headers.get("ETag"):
            return Answer(304, told)
        return Answer(200, told, kept.body)


class Consumer:
    """Verifies signatures with what it keeps, and never fetches because of a token: a forger could make it fetch."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._cache = Cache(fetch, clock)

    @property
    def fetches(self) -> int:
        return self._cache.fetches

    def verify(self, token: str) -> None:
        """Raises UnknownKid, or joserfc's error for a bad signature."""
        keys = {jwk["kid"]: jwk for jwk in json.loads(self._cache.get().body)["keys"]}
        kid = header_of(token)["kid"]
        if kid not in keys:
            raise UnknownKid(f"{kid} is not among {sorted(keys)}")
        jwk = keys[kid]
        jws.deserialize_compact(token, JWKRegistry.import_key(jwk), algorithms=[jwk["alg"]])
