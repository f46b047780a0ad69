"""The site on each state, with another worker beside this process where the state can be shared."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from stockade import conf, keyring
from stockade.core import clock
from stockade.gate.registry import get_gate
from stockade.pipeline.registry import current
from stockade.schemes.external import keys
from tests.schemes.every.cases.lives import LIVES, PASSWORD, Life, Shown, ask
from tests.servers import ROOT, child_environment
from tests.state_servers import Server, redis_server

STATES = ("memory", "lmdb", "redis")
SECONDS = 60


class Worker:
    """A second process; with ``memory://``, which has one, this one after it has forgotten what it knew."""

    def __init__(self, process: subprocess.Popen[str] | None) -> None:
        self._process = process

    def _order(self, order: str, given: Any) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([order, given]) + "\n")
        self._process.stdin.flush()
        watchdog = threading.Timer(SECONDS, self._process.kill)
        watchdog.start()
        line = self._process.stdout.readline()
        watchdog.cancel()
        assert line, "the worker has gone"
        return json.loads(line)

    def configure(self, settings: dict[str, Any]) -> None:
        """Serve by these."""
        if self._process is not None:
            self._order("configure", settings)

    def shift(self, seconds: float) -> None:
        """Move its clocks, and this process's."""
        clock.shift(seconds)
        if self._process is not None:
            self._order("shift", seconds)

    def ask(self, shown: Shown, path: str = "/me/") -> int:
        """How it answers."""
        if self._process is None:
            return ask(shown, path)
        return int(self._order("ask", {"headers": shown.headers, "cookies": shown.cookies, "path": path}))


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all."""
    with redis_server(folder=tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture(scope="session")
def process(django_db_setup: None, django_db_blocker: Any) -> Iterator[subprocess.Popen[str]]:
    """The second process."""
    with django_db_blocker.unblock():
        environment = child_environment()
        connection.close()
    found = subprocess.Popen(
        [sys.executable, "-m", "tests.schemes.every.cases.worker"],
        cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield found
    finally:
        assert found.stdin is not None
        assert found.stdout is not None
        found.stdin.close()
        try:
            found.wait(30)
        except subprocess.TimeoutExpired:
            found.kill()
            found.wait()
        found.stdout.close()


@pytest.fixture(params=LIVES, ids=[type(one).__name__ for one in LIVES])
def life(request: pytest.FixtureRequest) -> Iterator[Life]:
    """A scheme's life."""
    found: Life = request.param
    yield found
    found.close()


@pytest.fixture
def state(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a state that is empty; of memory unless the test is parametrised by others."""
    kind = getattr(request, "param", "memory")
    if kind == "redis":
        server: Server = request.getfixturevalue("redis")
        server.run("FLUSHALL")
        return server.url
    return f"lmdb://{tmp_path}/state" if kind == "lmdb" else "memory://"


def forget() -> None:
    conf.forget()
    keyring.forget()
    if get_gate().url == "memory://":
        get_gate().reset()


@pytest.fixture(autouse=True)
def project(settings: Any) -> Any:
    """The settings are those of the cases, not those of the other tests of schemes."""
    return settings


class Site:
    """The settings of this process and of the other worker."""

    def __init__(self, settings: Any, worker: Worker, base: dict[str, Any]) -> None:
        self._settings, self.worker, self._base = settings, worker, base
        self.change()

    def change(self, **keys: Any) -> None:
        """Change keys of STOCKADE."""
        self._base = {**self._base, **keys}
        self._settings.STOCKADE = self._base
        self.worker.configure(self._base)

    def restart(self) -> None:
        """Have this worker forget what it knows."""
        registry = current()
        if registry is not None:
            registry.engine.forget()


@pytest.fixture
def site(
    request: pytest.FixtureRequest, settings: Any, transactional_db: None, state: str, life: Life
) -> Iterator[Site]:
    """The site, on one state."""
    shared = state != "memory://"
    worker = Worker(request.getfixturevalue("process") if shared else None)
    forget()
    yield Site(
        settings, worker, {**settings.STOCKADE, "STATE": state, "STATE_TIMEOUT": "30s", **life.configure()}
    )
    keys.join()
    clock.unshift()
    forget()


@pytest.fixture
def worker(site: Site) -> Worker:
    """Another worker."""
    return site.worker


@pytest.fixture
def alice(transactional_db: None) -> User:
    """A user."""
    return User.objects.create_user("alice", "alice@example.com", PASSWORD)


@pytest.fixture
def bob(transactional_db: None) -> User:
    """Another."""
    return User.objects.create_user("bob", "bob@example.com", PASSWORD)
