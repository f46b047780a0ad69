"""Real senders against two real workers, on lmdb and on Redis: what one worker has taken no other takes."""

from __future__ import annotations

import contextlib
import datetime
import secrets
import shutil
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from stockade.core import clock
from stockade.models import SecurityEvent
from tests import servers
from tests.waiting import PATIENCE
from tests.webhooks.senders import OTHER, SECRETS, SIGNATURES, TIMED, Sent, message

pytestmark = pytest.mark.django_db(transaction=True)
every = pytest.mark.parametrize("preset", tuple(SECRETS))
HUGE = 50_000_000
_since = datetime.datetime.fromtimestamp(0, datetime.UTC)


@pytest.fixture(scope="module", params=[("wsgi", "lmdb"), ("asginl", "redis")], ids="-".join)
def server(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any
) -> Iterator[servers.Server]:
    interface, state = request.param
    folder = tempfile.mkdtemp(prefix="stockade-state-", dir="/var/tmp")
    url = f"lmdb://{folder}" if state == "lmdb" else request.getfixturevalue("redis_url")
    with django_db_blocker.unblock():
        context = servers.granian(
            f"tests.webhooks.served:{'application' if interface == 'wsgi' else 'asgi'}",
            interface=interface,
            workers=2,
            env={"DJANGO_SETTINGS_MODULE": "tests.webhooks.served", "STOCKADE_TEST_STATE": url},
        )
    with context as running:
        yield running
    shutil.rmtree(folder)


def raw(server: servers.Server, head: list[str], body: bytes, *, close: bool = False) -> int:
    """Send these very bytes over a connection of their own; the status of the answer.

    Args:
        head: lines, without those that end each.
        body: what follows.
        close: say that no more comes.
    """
    parts = urlsplit(server.base_url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as line:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not listen to the end
            line.sendall("\r\n".join([*head, "Connection: close", "", ""]).encode("latin-1") + body)
            if close:
                line.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while b"\r\n" not in answer and (piece := line.recv(65536)):
                answer += piece
    return int(answer.split(b" ", 2)[1]) if answer else 0


def head(sent: Sent, length: int | None = None, **more: str) -> list[str]:
    lines = [f"POST {sent.url} HTTP/1.1", "Host: localhost", f"Content-Type: {sent.content_type}"]
    if length is None or length >= 0:
        lines.append(f"Content-Length: {len(sent.body) if length is None else length}")
    return [*lines, *(f"{name}: {value}" for name, value in sent.headers.items())]


def post(server: servers.Server, sent: Sent) -> int:
    return raw(server, head(sent), sent.body)


def fresh(preset: str, **more: Any) -> Sent:
    """A message that no other test has sent to the same workers."""
    return message(preset, "msg_" + secrets.token_hex(8), **more)


@pytest.fixture(autouse=True)
def since() -> None:
    """When this test has begun: what the workers have still to write of the one before is not its."""
    global _since
    _since = clock.now_datetime()


def events(count: int) -> Counter[str]:
    """The events of this test, when there are so many."""
    deadline = time.monotonic() + PATIENCE
    while True:
        rows = SecurityEvent.objects.filter(event__regex="webhook|input", at__gte=_since)
        found = Counter(rows.values_list("event", flat=True))
        if found.total() >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.02)  # another process writes them


@every
def test_of_many_copies_at_once_one_is_taken(preset: str, server: servers.Server) -> None:
    sent = fresh(preset)
    with ThreadPoolExecutor(12) as pool:
        found = Counter(pool.map(lambda _: post(server, sent), range(12)))
    assert found[204] == 1
    assert found[200] + found[409] == 11
    assert events(11).total() == 11


@every
def test_a_copy_afterwards_is_not_taken_by_the_other_worker(preset: str, server: servers.Server) -> None:
    sent = fresh(preset)
    assert post(server, sent) == 204
    assert {post(server, sent) for _ in range(8)} == ({409} if preset in TIMED else {200})


TAMPERED: dict[str, Callable[[Sent], Sent]] = {
    "body": lambda sent: replace(sent, body=sent.body.replace(b"paid", b"free")),
    "nothing": lambda sent: replace(sent, body=b""),
    "signature": lambda sent: replace(
        sent, headers={**sent.headers, SIGNATURES[sent.preset]: sent.headers[SIGNATURES[sent.preset]][:-8]}
    ),
    "none": lambda sent: replace(
        sent, headers={k: v for k, v in sent.headers.items() if k != SIGNATURES[sent.preset]}
    ),
    "secret": lambda sent: message(sent.preset, secret=OTHER[sent.preset]),
}


@every
@pytest.mark.parametrize("how", TAMPERED)
def test_what_was_tampered_with(how: str, preset: str, server: servers.Server) -> None:
    assert post(server, TAMPERED[how](fresh(preset))) == 401
    assert events(1) == {"webhook_signature_fail": 1}


@every
def test_fifty_megabytes(preset: str, server: servers.Server) -> None:
    """By its length, before anything of it is read; a sender that goes on sending hears of it or is cut off."""
    sent = fresh(preset)
    assert raw(server, head(sent, HUGE), b"x" * HUGE) in (0, 413)
    assert events(1)["input_validation_fail"] >= 1


@every
def test_a_header_that_comes_twice(preset: str, server: servers.Server) -> None:
    """Whichever of them a server hands on, what is not signed is not taken."""
    sent = fresh(preset)
    name = SIGNATURES[preset]
    wrong = message(preset, secret=OTHER[preset]).headers[name]
    first, *rest = head(sent)
    twice = f"{name}: {wrong}"
    answers = {raw(server, [first, *rest, twice], sent.body), raw(server, [first, twice, *rest], sent.body)}
    assert answers <= {200, 204, 401, 409}
    forged = fresh(preset)
    forged = replace(forged, body=forged.body.replace(b"paid", b"free"))
    assert raw(server, [*head(forged), f"{name}: {wrong}"], forged.body) == 401


@every
def test_names_of_headers_in_any_case_and_white_space_around_values(
    preset: str, server: servers.Server
) -> None:
    sent = fresh(preset)
    sent = replace(sent, headers={name.swapcase(): f"  {value}  " for name, value in sent.headers.items()})
    assert post(server, sent) == 204


@every
def test_a_body_in_chunks(preset: str, server: servers.Server) -> None:
    """Read whole where the server reads it whole, else 411: nobody takes the first part for all of it."""
    sent = fresh(preset)
    half = len(sent.body) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (sent.body[:half], sent.body[half:], b""))
    lines = [*head(sent, -1), "Transfer-Encoding: chunked"]
    assert raw(server, lines, chunks) in (204, 411)


@every
def test_a_content_length_that_lies(preset: str, server: servers.Server) -> None:
    sent = fresh(preset)
    assert raw(server, head(sent, len(sent.body) - 1), sent.body) in (400, 401)
    # Under ASGI nobody is there to be answered: Django gives the request up, and 500 is granian's own word for that.
    given_up = {0, 400, 401, 411, 500}
    assert raw(server, head(sent, len(sent.body) + 10), sent.body, close=True) in given_up
    assert raw(server, [*head(sent), "Transfer-Encoding: chunked"], sent.body) in given_up
    assert post(server, sent) == 204
