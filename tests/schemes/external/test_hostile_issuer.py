"""An issuer that answers slowly, endlessly, wrongly or not at all; floods, and rotations."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connections
from django.test import AsyncClient, Client

from stockade.core import clock
from stockade.models import IssuerKeys
from stockade.schemes.external import keys
from stockade.schemes.external.fetching import MAX_BYTES
from tests.schemes.external.issuing import Issuer, Key, json_answer
from tests.waiting import PATIENCE as WAIT, until

pytestmark = pytest.mark.django_db(transaction=True)

BOUND = 15.0  # seconds; those who drip take twenty-five, which a control without its cut waits for
PATIENCE = 1.0  # seconds, of TIMEOUT where a test waits for it in vain; twenty times what a drip takes


def ask(token: str) -> Any:
    return Client().get("/me/", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a hanging answer waits for; opened when the test is over."""
    found = threading.Event()
    yield found
    found.set()


def held_back(issuer: Issuer, gate: threading.Event) -> Callable[[Any], None]:
    """The honest answer, once the gate is opened."""

    def answer(handler: Any) -> None:
        gate.wait(60)
        issuer.honest(handler)

    return answer


def parallel(count: int, call: Callable[[int], Any]) -> list[Any]:
    """The answers of `count` threads that begin together."""
    barrier = threading.Barrier(count)
    found: list[Any] = [None] * count

    def run(index: int) -> None:
        barrier.wait(30)
        try:
            found[index] = call(index)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


# -- answers that are none -------------------------------------------------------------------------------------------


def _silent(handler: Any) -> None:
    handler.rfile.read(1)  # until the other side has had enough


def _dripping_headers(handler: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    handler.wfile.write(b"X-A: ")  # one only: a hundred would be too many
    for _ in range(500):  # twenty-five seconds
        handler.wfile.write(b"b")
        time.sleep(0.05)


def _dripping_body(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    for _ in range(500):  # twenty-five seconds
        handler.wfile.write(b" ")
        time.sleep(0.05)


def _endless(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    for _ in range(64):
        handler.wfile.write(b" " * 65_536)


def _long(handler: Any) -> None:
    json_answer(handler, b'{"keys": [], "pad": "' + b"x" * MAX_BYTES + b'"}')


def _continues(handler: Any) -> None:
    for _ in range(1250):  # the same
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.02)


def _cut(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "10000")
    handler.end_headers()
    handler.wfile.write(b'{"keys": []}')


def _compressed(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Encoding", "gzip")
    handler.end_headers()
    handler.wfile.write(b"\x1f\x8b" + b"\0" * 100)


def _many_headers(handler: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500 + b"\r\n{}")


def _garbage(handler: Any) -> None:
    handler.wfile.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")


ANSWERS: dict[str, tuple[Callable[[Any], None], str]] = {
    "silent": (_silent, "timeout"),
    "dripping-headers": (_dripping_headers, "timeout"),
    "dripping-body": (_dripping_body, "timeout"),
    "continues": (_continues, "timeout"),
    "endless": (_endless, "too_long"),
    "long": (_long, "too_long"),
    "cut": (_cut, "cut_short"),
    "compressed": (_compressed, "encoding"),
    "many-headers": (_many_headers, "connection"),
    "garbage": (_garbage, "connection"),
    "error": (lambda handler: handler.send_error(500), "status_500"),
    "not-found": (lambda handler: handler.send_error(404), "status_404"),
    "html": (lambda handler: json_answer(handler, {"keys": []}, "text/html"), "content_type"),
    "no-json": (lambda handler: json_answer(handler, b"<html>"), "json"),
    "list": (lambda handler: json_answer(handler, []), "json"),
    "twice": (lambda handler: json_answer(handler, b'{"keys": [], "keys": [1]}'), "json"),
    "deep": (lambda handler: json_answer(handler, b"[" * 100_000), "json"),
    "no-jwks": (lambda handler: json_answer(handler, {"key": 1}), "no_jwks"),
    "keys-no-list": (lambda handler: json_answer(handler, {"keys": {"a": 1}}), "no_jwks"),
    "no-keys": (lambda handler: json_answer(handler, {"keys": []}), "no_usable_key"),
    "odd-keys": (lambda handler: json_answer(handler, {"keys": [7, None, {}, {"kid": "a"}]}), "no_usable_key"),
    "many-keys": (lambda handler: json_answer(handler, {"keys": [{"kty": "RSA"}] * 101}), "too_many_keys"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(ANSWERS))
def test_an_answer_that_is_none_is_503_in_bounded_time(
    name: str, trust: Callable[..., None], linked: Any, issuer: Issuer, log: Any
) -> None:
    answer, reason = ANSWERS[name]
    issuer.answers["/jwks"] = answer
    trust(TIMEOUT=PATIENCE if reason == "timeout" else "30s")
    began = time.monotonic()
    told = ask(issuer.token())
    keys.join()
    assert reason != "timeout" or time.monotonic() - began < BOUND
    assert told.status_code == 503
    assert int(told["Retry-After"]) >= 1
    assert [record.reason for record in log("ISSUER_AWAY")] == [reason]
    assert log("AUTHN_FAIL") == []


def test_a_connection_that_nobody_accepts_is_503_in_bounded_time(
    trust: Callable[..., None], linked: Any, issuer: Issuer, log: Any
) -> None:
    token = issuer.token()
    issuer.close()
    trust()
    assert ask(token).status_code == 503
    assert [record.reason for record in log("ISSUER_AWAY")] == ["connection"]


# -- the issuer is away ----------------------------------------------------------------------------------------------


def test_known_keys_are_kept_while_the_issuer_is_away_and_not_for_ever(
    trust: Callable[..., None], linked: Any, issuer: Issuer, later: Callable[[float], None], log: Any
) -> None:
    trust(KEEP="2h")
    assert ask(issuer.token()).status_code == 200
    issuer.answers["/jwks"] = lambda handler: handler.send_error(500)
    for _ in range(3):
        later(1800)
        assert ask(issuer.token()).status_code == 200
    assert len(log("ISSUER_AWAY")) == 1
    token = issuer.token()
    assert ask(token).status_code == 200
    later(1801)
    assert ask(issuer.token()).status_code == 503
    assert ask(issuer.token(exp=int(clock.now()) + 900)).status_code == 503
    del issuer.answers["/jwks"]
    later(301)
    assert ask(issuer.token()).status_code == 200
    assert len(log("ISSUER_BACK")) == 1


def test_what_is_remembered_ends_with_the_keys_too(
    trust: Callable[..., None], linked: Any, issuer: Issuer, later: Callable[[float], None]
) -> None:
    trust(KEEP="1h")
    token = issuer.token(exp=int(clock.now()) + 2 * 3600)
    assert ask(token).status_code == 200
    issuer.answers["/jwks"] = lambda handler: handler.send_error(500)
    later(3601)
    assert ask(token).status_code == 503


def test_a_worker_that_starts_while_the_issuer_is_away_has_the_keys_of_the_others(
    trust: Callable[..., None], linked: Any, issuer: Issuer, later: Callable[[float], None]
) -> None:
    trust()
    assert ask(issuer.token()).status_code == 200
    issuer.answers["/jwks"] = lambda handler: handler.send_error(500)
    later(3600)
    keys.forget()  # as a new worker
    assert ask(issuer.token()).status_code == 200
    assert issuer.fetched == 2


def test_a_shelf_that_holds_nonsense_is_no_harm(linked: Any, issuer: Issuer) -> None:
    for document in ("{", "[]", '{"keys": 7}', "null"):
        now = clock.now_datetime()
        IssuerKeys.objects.update_or_create(
            pk=issuer.url,
            defaults={
                "document": document,
                "fetched_at": now,
                "attempted_at": clock.now_datetime().replace(year=2020),
            },
        )
        keys.forget()
        assert ask(issuer.token()).status_code == 200, document


# -- rotation --------------------------------------------------------------------------------------------------------


def test_a_key_that_signs_before_anybody_has_heard_of_it_is_found(
    linked: Any, issuer: Issuer, later: Callable[[float], None], log: Any
) -> None:
    assert ask(issuer.token()).status_code == 200
    later(16)
    issuer.keys = [*issuer.keys, Key()]
    assert ask(issuer.token()).status_code == 200
    assert issuer.fetched == 2
    assert len(log("ISSUER_KEYS")) == 1


def test_keys_are_fetched_again_beside_the_requests_before_they_are_old(
    linked: Any, issuer: Issuer, later: Callable[[float], None], gate: threading.Event
) -> None:
    assert ask(issuer.token()).status_code == 200
    issuer.answers["/jwks"] = held_back(issuer, gate)
    later(601)
    issuer.keys = [Key(), *issuer.keys]
    assert ask(issuer.token()).status_code == 200
    # The issuer has not answered yet. Whoever had waited for it had waited until the fetch was cut.
    assert keys._THREAD in {thread.name for thread in threading.enumerate()}
    gate.set()
    keys.join()
    assert issuer.fetched == 2
    assert ask(issuer.token(key=issuer.keys[0])).status_code == 200
    assert issuer.fetched == 2


def test_a_key_that_the_issuer_has_taken_back_ends_what_is_remembered_of_it(
    linked: Any, issuer: Issuer, later: Callable[[float], None], log: Any
) -> None:
    token = issuer.token(exp=int(clock.now()) + 3600)
    assert ask(token).status_code == 200
    issuer.keys = [Key()]
    later(1201)  # old enough that a request waits
    assert ask(token).status_code == 401
    assert log("AUTHN_FAIL")[-1].reason == "key_gone"


def test_another_key_of_the_same_name_ends_what_the_first_has_proven(
    linked: Any, issuer: Issuer, later: Callable[[float], None]
) -> None:
    token = issuer.token(exp=int(clock.now()) + 3600)
    assert ask(token).status_code == 200
    issuer.keys = [Key(issuer.keys[0].kid)]
    later(1201)
    assert ask(token).status_code == 401
    assert ask(issuer.token()).status_code == 200


def test_keys_rotate_under_load_without_a_refused_request(
    linked: Any, issuer: Issuer, later: Callable[[float], None]
) -> None:
    """The issuer signs with a new key the moment it publishes it, as a careless one does."""
    assert ask(issuer.token()).status_code == 200
    stop = threading.Event()
    statuses: list[list[int]] = [[], [], [], []]

    def load(mine: list[int]) -> None:
        try:
            while not stop.is_set():
                mine.append(ask(issuer.token()).status_code)
        finally:
            connections.close_all()

    def some_more() -> None:
        """No token is under way any more that was signed before."""
        before = [len(each) for each in statuses]
        until(lambda: all(len(each) > count + 2 for each, count in zip(statuses, before, strict=True)))

    threads = [threading.Thread(target=load, args=(each,)) for each in statuses]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            some_more()
            later(16)  # longer than BACK_OFF
            issuer.keys = [issuer.keys[-1], Key()]
        some_more()
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert {status for each in statuses for status in each} == {200}
    assert issuer.fetched == 4


# -- floods ----------------------------------------------------------------------------------------------------------


def test_a_flood_of_unknown_kids_makes_one_fetch_in_a_back_off(
    trust: Callable[..., None], linked: Any, issuer: Issuer, later: Callable[[float], None]
) -> None:
    trust(TIMEOUT="10s")
    assert ask(issuer.token()).status_code == 200
    later(16)
    stranger = Key()
    tokens = [issuer.token(key=stranger, header={"kid": f"kid-{number}"}) for number in range(40)]
    assert parallel(8, lambda index: ask(tokens[index]).status_code) == [401] * 8
    assert issuer.fetched == 2
    later(14)
    assert ask(tokens[0]).status_code == 401
    assert issuer.fetched == 2
    answers = parallel(8, lambda index: [ask(token).status_code for token in tokens[index::8]])
    assert answers == [[401] * 5] * 8
    assert issuer.fetched == 2
    later(2)
    assert ask(tokens[0]).status_code == 401
    assert issuer.fetched == 3


def test_an_issuer_that_is_away_is_left_alone_for_longer_each_time(
    trust: Callable[..., None], linked: Any, issuer: Issuer, later: Callable[[float], None]
) -> None:
    trust()
    issuer.answers["/jwks"] = lambda handler: handler.send_error(500)
    fetched = []
    for _ in range(40):
        assert ask(issuer.token()).status_code == 503
        fetched.append(issuer.fetched)
        later(15)
    assert fetched[0] == 1
    assert 4 <= fetched[-1] <= 6  # at 0, 30, 90, 210, 450 s of 600


def test_workers_that_know_nothing_fetch_once_together(linked: Any, issuer: Issuer) -> None:
    """Each thread with keys of its own stands for a worker."""
    from stockade.conf import load
    from stockade.schemes.external.conf import ExternalSettings
    from stockade.schemes.external.keys import IssuerKeyring

    entry = load(ExternalSettings).issuers["corporate"]
    kid = issuer.keys[0].kid
    answers = parallel(6, lambda _: IssuerKeyring(entry).find(kid))
    assert [answer.kid for answer in answers] == [kid] * 6
    assert issuer.fetched == 1
    keys.join()


def test_requests_with_known_keys_wait_for_nobody(
    linked: Any, issuer: Issuer, later: Callable[[float], None], gate: threading.Event
) -> None:
    """No lock that they need is held while a fetch hangs, or an unknown kid waits for it."""
    token = issuer.token()
    assert ask(token).status_code == 200
    issuer.answers["/jwks"] = held_back(issuer, gate)
    later(16)
    waiting = threading.Thread(target=parallel, args=(1, lambda _: ask(issuer.token(header={"kid": "new"}))))
    waiting.start()
    until(lambda: issuer.fetched == 2, "the fetch that hangs")
    assert ask(token).status_code == 200
    assert ask(issuer.token()).status_code == 200
    assert waiting.is_alive()  # they did not wait for it
    gate.set()
    waiting.join(30)


def test_a_second_fetch_is_not_made_while_one_hangs(
    trust: Callable[..., None], linked: Any, issuer: Issuer, gate: threading.Event
) -> None:
    trust(TIMEOUT=PATIENCE)
    issuer.answers["/jwks"] = held_back(issuer, gate)
    answers = parallel(6, lambda _: ask(issuer.token()).status_code)
    assert answers == [503] * 6
    assert issuer.fetched == 1


def test_the_event_loop_goes_on_while_keys_are_fetched(
    linked: Any, issuer: Issuer, gate: threading.Event
) -> None:
    """Under ASGI the wait is in a thread: another coroutine runs meanwhile."""
    issuer.answers["/jwks"] = held_back(issuer, gate)

    async def scenario() -> tuple[int, int]:
        request = asyncio.ensure_future(
            AsyncClient().get("/me/", headers={"Authorization": f"Bearer {issuer.token()}"})
        )
        turns = 0
        deadline = time.monotonic() + WAIT
        while issuer.fetched < 1 and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
            turns += 1
        for _ in range(10):
            await asyncio.sleep(0.005)
            turns += 1
        assert not request.done()
        gate.set()
        return (await request).status_code, turns

    # Not `asyncio.run`: the thread that asks SQL for it would keep its connection.
    status, turns = async_to_sync(scenario)()
    assert status == 200
    assert turns >= 10


def test_the_document_on_the_shelf_is_the_issuers(linked: Any, issuer: Issuer) -> None:
    assert ask(issuer.token()).status_code == 200
    row = IssuerKeys.objects.get()
    assert row.issuer == issuer.url
    assert json.loads(row.document) == {"keys": [issuer.keys[0].jwk]}
