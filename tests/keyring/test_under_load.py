"""Keys rotate, change their algorithm, are retired and compromised under real workers with real traffic."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from stockade import conf, keyring
from stockade.models import SigningKey
from tests import servers
from tests.keyring.served import stockade
from tests.keyring.traffic import Caller, Log, Request, Revocation, judge
from tests.state_servers import redis_server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),  # its name is: RFC 9864
]
CALLERS = 4
WORKERS = 2
WAITS, AT_ONCE = 8.0, 3.0  # seconds: of rotations that wait, then of those that do not
SOAK = float(os.environ.get("SOAK_SECONDS", "60"))


# One host, and many.
SITES = [
    pytest.param("wsgi", "lmdb", id="wsgi-lmdb"),
    pytest.param("asginl", "redis", id="asgi-redis"),
]


@contextmanager
def a_state(kind: str) -> Iterator[str]:
    """The URL of a state: in a directory on a disk, as lmdb wants it, or a Redis server of its own."""
    folder = Path(tempfile.mkdtemp(prefix="stockade-state-", dir="/var/tmp"))
    try:
        if kind == "lmdb":
            yield f"lmdb://{folder}"
        else:
            with redis_server(folder=folder) as server:
                yield server.url
    finally:
        conf.forget()  # the gate is closed before its state goes
        shutil.rmtree(folder)


@contextmanager
def traffic(state: str, interface: str, log: Log) -> Iterator[threading.Event]:
    """Workers with callers; gives what tells the callers whether rotations wait."""
    name = "application" if interface == "wsgi" else "asgi"
    environment = {"DJANGO_SETTINGS_MODULE": "tests.keyring.served", "STOCKADE_TEST_STATE": state}
    stop, waits = threading.Event(), threading.Event()
    waits.set()
    with servers.granian(
        f"tests.keyring.served:{name}", interface=interface, workers=WORKERS, env=environment
    ) as server:
        callers = [Caller(server.base_url, log, seed, stop, waits) for seed in range(CALLERS)]
        for caller in callers:
            caller.start()
        try:
            yield waits
        finally:
            stop.set()
            for caller in callers:
                caller.join(60)
            assert not any(caller.is_alive() for caller in callers), server.output()


def every(seconds: float, interval: float, change: Callable[[], None], enough: Callable[[], bool]) -> None:
    """Make a change over and over for some seconds, on a busy machine longer: until enough was seen.

    Real time is the point here: it is what the waits wait for.
    """
    began = time.monotonic()
    while time.monotonic() < began + seconds or not enough():
        assert time.monotonic() < began + 4 * seconds + 40, "too little was seen"
        change()
        time.sleep(interval)


def run(settings: Any, interface: str, state: str, waiting: float, at_once: float) -> None:
    """The whole story, and its judgement."""
    settings.STOCKADE = stockade(state)
    User.objects.create_user("alice", password="pass word")
    chance = random.Random(interface)
    log = Log()
    revocations: list[Revocation] = []

    def with_waits() -> None:
        """A timer on an impatient host: rotates, to another algorithm each time, and retires whatever it may."""
        states = keyring.ring().states()
        if "published" not in states.values():
            now = keyring.ring().signer().algorithm
            settings.STOCKADE["JWT"]["ALGORITHM"] = "EdDSA" if now == "ES256" else "ES256"
        keyring.rotate_if_due()
        for kid in states:
            if states[kid] != "published":
                try:
                    keyring.retire(kid)
                except keyring.StillNeeded:
                    continue

    def without() -> None:
        """An operator in alarm."""
        keyring.rotate(now=True)
        if chance.random() < 0.6:
            kid = chance.choice([kid for kid, state in keyring.ring().states().items() if state != "expired"])
            called = time.time()
            keyring.retire(kid, compromised=True)
            revocations.append(Revocation(kid, called, time.time()))

    def rotated() -> bool:
        """Keys of both algorithms have signed, one was retired, and others have verified with what they keep."""
        kids = log.kids("call")
        algorithms = {row.algorithm for row in SigningKey.objects.filter(pk__in=kids)}
        retired = SigningKey.objects.filter(state="retired").exists()
        return len(algorithms) == 2 and len(log.kids("refresh")) > 1 and retired and log.verified > 20

    def alarmed() -> bool:
        """Keys were revoked, and their tokens shown and refused."""
        statuses = {request.status for request in log.requests}
        return len(revocations) > 2 and len(log.kids("refresh")) > 3 and statuses >= {200, 401}

    with traffic(state, interface, log) as waits:
        every(waiting, 0.1, with_waits, rotated)
        waits.clear()
        every(at_once, 0.3, without, alarmed)
    assert log.problems == []
    assert log.unknown == []
    assert judge(log.requests, revocations) == []


@pytest.mark.parametrize(("interface", "kind"), SITES)
def test_no_good_token_is_refused_and_no_compromised_one_admitted(
    settings: Any, interface: str, kind: str
) -> None:
    with a_state(kind) as state:
        run(settings, interface, state, WAITS, AT_ONCE)


@pytest.mark.soak
@pytest.mark.parametrize(("interface", "kind"), SITES)
def test_so_it_is_for_longer(settings: Any, interface: str, kind: str) -> None:
    with a_state(kind) as state:
        run(settings, interface, state, max(WAITS, SOAK * 0.8), max(AT_ONCE, SOAK * 0.2))


class TestTheJudge:
    """It finds what it is there for."""

    GOOD = Request("call", "k", "r", 10.0, 10.1, 20.0, 200)
    REVOKED = Revocation("k", 9.0, 9.5)

    def changed(self, **fields: Any) -> Request:
        found = {name: getattr(self.GOOD, name) for name in Request.__slots__}
        return Request(**{**found, **fields})

    def test_nothing_in_what_is_fine(self) -> None:
        refused = self.changed(status=401)
        assert judge([self.GOOD], []) == []
        assert judge([refused], [self.REVOKED]) == []
        assert judge([refused], [Revocation("r", 9.0, 9.5)]) == []
        assert judge([self.changed(status=401, end=20.1)], []) == []  # it may have expired
        assert judge([self.GOOD], [Revocation("k", 9.9, 10.05)]) == []  # it began before the call returned

    def test_a_wrong_refusal(self) -> None:
        assert judge([self.changed(status=401)], [Revocation("k", 10.2, 10.3)])
        assert judge([self.changed(status=401)], [Revocation("another", 9.0, 9.5)])

    def test_a_wrong_admission(self) -> None:
        assert judge([self.GOOD], [self.REVOKED])

    def test_an_odd_answer(self) -> None:
        assert judge([self.changed(status=503)], [])
