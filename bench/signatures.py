"""What it costs to verify a signed message: a bare HMAC, the `standardwebhooks` package, and ours, in turns."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from typing import NamedTuple

SIZES = {"1 KB": 1_024, "1 MB": 1_048_576}
ROUNDS = 41
LEAST = 0.004  # seconds of one turn: what is shorter the clock's noise would decide
GOAL = 1.3  # times a bare HMAC, of 1 MB


class Outcome(NamedTuple):
    """One body's size by one way.

    Args:
        microseconds: the median.
        ratio: to a bare HMAC in the same turn, from the request where that reads it too; the median.
    """

    size: str
    way: str
    microseconds: float
    ratio: float


def measure(rounds: int = ROUNDS) -> list[Outcome]:
    """Every way for every size, interleaved; a whole request's part of it (`request`) reads the body as well."""
    _settings()
    found = []
    for name, size in SIZES.items():
        ways = _ways(size)
        times: dict[str, list[float]] = {way: [] for way in ways}
        for call in ways.values():
            call()
        repeat = {way: max(1, round(LEAST / _once(call))) for way, call in ways.items()}
        for turn in range(rounds):
            order = list(ways) if turn % 2 else list(reversed(ways))
            for way in order:
                call = ways[way]
                begin = time.perf_counter()
                for _ in range(repeat[way]):
                    call()
                times[way].append((time.perf_counter() - begin) / repeat[way])
        for way, taken in times.items():
            base = times["bare hmac of request.body" if way == "stockade, from the request" else "bare hmac"]
            ratio = statistics.median(one / two for one, two in zip(taken, base, strict=True))
            found.append(Outcome(name, way, statistics.median(taken) * 1e6, ratio))
    return found


def _once(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return max(time.perf_counter() - begin, 1e-6)


def _settings() -> None:
    import django
    from django.conf import settings

    if not settings.configured:
        apps = ["django.contrib.auth", "django.contrib.contenttypes", "stockade"]
        settings.configure(INSTALLED_APPS=apps, STOCKADE={"STATE": "memory://"}, USE_TZ=True)
        django.setup()


def _ways(size: int) -> dict[str, Callable[[], object]]:
    import standardwebhooks
    from django.core.handlers.wsgi import WSGIRequest

    from stockade.webhooks import receiving, shown, signing, verifying

    key = secrets.token_bytes(32)
    secret = "whsec_" + base64.b64encode(key).decode()
    body = base64.b64encode(os.urandom(size))[:size]
    headers = signing.sign("standard", body, secrets=secret)
    before = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
    given = base64.b64decode(headers["webhook-signature"].partition(",")[2])
    peer = standardwebhooks.Webhook(secret)
    source = verifying.source_of("standard", secret)
    meta = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}
    meta |= {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "CONTENT_LENGTH": str(size)}

    def bare() -> None:
        mac = hmac.new(key, before, hashlib.sha256)
        mac.update(body)
        assert hmac.compare_digest(mac.digest(), given)

    def ours() -> None:
        verifying.Check(source, shown.of_mapping(source.preset, headers)).finish(body)

    def django_body() -> None:
        request = WSGIRequest({**meta, "wsgi.input": BytesIO(body)})
        mac = hmac.new(key, before, hashlib.sha256)
        mac.update(request.body)
        assert hmac.compare_digest(mac.digest(), given)

    def request() -> None:
        receiving.read(WSGIRequest({**meta, "wsgi.input": BytesIO(body)}), source)

    return {
        "bare hmac": bare,
        "stockade": ours,
        "standardwebhooks": lambda: peer.verify(body, headers, json_parse=False),
        "bare hmac of request.body": django_body,
        "stockade, from the request": request,
    }


HEADS = ["body", "verified by", "µs", "times a bare HMAC"]


def line(outcome: Outcome) -> list[str]:
    """One row of the table."""
    return [outcome.size, outcome.way, f"{outcome.microseconds:,.1f}", f"{outcome.ratio:.2f}"]


def run(core: int, rounds: int = ROUNDS) -> list[Outcome]:
    """`measure` in a process of its own, on one core: it sets Django up."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.signatures", str(rounds), str(core)],
        capture_output=True,
        check=True,
        text=True,
    )
    return [Outcome(*one) for one in json.loads(done.stdout)]


def main(rounds: str = str(ROUNDS), core: str = "") -> int:
    """Print the table, or JSON for `run`; status 1 if ours costs more at 1 MB than it may."""
    if core:
        os.sched_setaffinity(0, {int(core)})
        print(json.dumps(measure(int(rounds))))
        return 0
    outcomes = measure(int(rounds))
    for one in (HEADS, *map(line, outcomes)):
        print("{:6} {:28} {:>10} {:>18}".format(*one))
    ours = next(one.ratio for one in outcomes if (one.size, one.way) == ("1 MB", "stockade"))
    return 0 if ours <= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
