"""Several real workers behind one port, on lmdb and on Redis: what ends a session ends it in all of them."""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User

import stockade
from stockade import conf
from stockade.models import Session
from tests import servers
from tests.schemes.conftest import PASSWORD
from tests.schemes.session.conftest import LOGIN, LOGOUT
from tests.state_servers import redis_server
from tests.waiting import until

WORKERS = 3
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", params=["lmdb", "redis"])
def shared(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any
) -> Iterator[tuple[servers.Server, str]]:
    """The workers and their state: one set for all tests of a state, because starting them takes seconds."""
    folder = Path(tempfile.mkdtemp(prefix="stockade-state-", dir="/var/tmp"))

    def workers(state: str) -> Any:
        return servers.granian(
            "tests.schemes.session.served:application",
            interface="wsgi",
            workers=WORKERS,
            env={"DJANGO_SETTINGS_MODULE": "tests.schemes.session.served", "STOCKADE_TEST_STATE": state},
        )

    with django_db_blocker.unblock():
        if request.param == "redis":
            with redis_server(folder=folder) as redis, workers(redis.url) as running:
                yield running, redis.url
        else:
            state = f"lmdb://{folder}/state"
            with workers(state) as running:
                yield running, state
    shutil.rmtree(folder)


@pytest.fixture
def server(
    shared: tuple[servers.Server, str], project: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[servers.Server]:
    """The workers; this process and the commands that it runs share their state."""
    running, state = shared
    monkeypatch.setenv("STOCKADE_TEST_STATE", state)
    project.STOCKADE = {**project.STOCKADE, "STATE": state, "STATE_TIMEOUT": "30s"}
    yield running
    conf.forget()


@dataclass
class Visitor:
    """A browser, each of whose requests goes by a connection of its own, so that any worker may get it."""

    base: str
    cookies: dict[str, str] = field(default_factory=dict)
    request_id: str = ""

    def ask(self, method: str, path: str, body: Any = None) -> int:
        connection = http.client.HTTPConnection(urlsplit(self.base).netloc, timeout=60)
        try:
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
            headers |= {"X-CSRFToken": self.cookies.get("csrftoken", ""), "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            response.read()
            self.request_id = response.headers.get("X-Request-ID", "")
            for value in response.headers.get_all("Set-Cookie", []):
                name, _, rest = value.partition("=")
                if name in {"sessionid", "csrftoken"} and method == "POST":
                    self.cookies[name] = rest.partition(";")[0].strip('"')
            return response.status
        finally:
            connection.close()

    def many(self, path: str, count: int = 24) -> set[int]:
        """The statuses of `count` requests, six at a time: every worker gets some."""
        with ThreadPoolExecutor(6) as pool:
            return set(pool.map(lambda _: self.ask("GET", path), range(count)))


@pytest.fixture
def alice(transactional_db: None) -> User:
    # A key of her own in every test: the tests empty the tables of epochs, which nobody does to a living project.
    return User.objects.create_user(
        "alice", password=PASSWORD, pk=secrets.randbelow(10**9), is_staff=True, is_superuser=True
    )


@pytest.fixture
def visitor(server: servers.Server, alice: User) -> Visitor:
    """A browser in which alice is logged in, and which every worker knows."""
    found = Visitor(server.base_url)
    assert found.ask("POST", LOGIN, {"username": "alice", "password": PASSWORD}) == 200
    assert found.many("/quiet/") == {200}
    assert found.request_id  # it is our middleware that answers, not Django's alone
    return found


def _logout(visitor: Visitor, alice: User) -> None:
    assert Visitor(visitor.base, dict(visitor.cookies)).ask("POST", LOGOUT, {}) == 204


def _list(visitor: Visitor, alice: User) -> None:
    login = Session.objects.get(user=alice, scheme="session", ended_at=None)
    assert visitor.ask("DELETE", f"/api/sessions/{login.pk}/") == 204


def _command(visitor: Visitor, alice: User) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stockade", "--settings", "tests.schemes.session.served", "sessions", "end-all",
         "--user", "alice"],
        env=servers.child_environment({"DJANGO_SETTINGS_MODULE": "tests.schemes.session.served"}),
        cwd=servers.ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "Ended 1 session of alice.\n"), done.stderr


def _password(visitor: Visitor, alice: User) -> None:
    alice.set_password("another one, and long")
    alice.save()


def _inactive(visitor: Visitor, alice: User) -> None:
    alice.is_active = False
    alice.save()


def _gone(visitor: Visitor, alice: User) -> None:
    alice.delete()


def _python(visitor: Visitor, alice: User) -> None:
    assert stockade.end_sessions(alice) == 1


@pytest.mark.parametrize(
    "end",
    [_logout, _list, _command, _password, _inactive, _gone, _python],
    ids=lambda end: end.__name__.strip("_"),
)
def test_what_ends_a_session_ends_it_in_every_worker(
    end: Callable[[Visitor, User], None], visitor: Visitor, alice: User
) -> None:
    end(visitor, alice)
    assert visitor.many("/quiet/") == {401}
    assert visitor.many("/admin/") == {302}
    assert visitor.many("/open/") == {200}


def test_who_is_no_longer_of_the_staff_is_so_in_every_worker(visitor: Visitor, alice: User) -> None:
    assert visitor.many("/staff/") == {200}
    alice.is_staff = alice.is_superuser = False
    alice.save()
    assert visitor.many("/staff/") == {403}
    assert visitor.many("/admin/") == {302}


def test_a_new_login_is_worth_something_in_every_worker_and_the_old_key_nothing(visitor: Visitor) -> None:
    old = Visitor(visitor.base, dict(visitor.cookies))
    assert visitor.ask("POST", LOGIN, {"username": "alice", "password": PASSWORD}) == 200
    assert visitor.cookies["sessionid"] != old.cookies["sessionid"]
    assert visitor.many("/quiet/") == {200}
    assert old.many("/quiet/") == {401}


def test_no_request_that_begins_after_a_logout_is_let_in_and_none_under_way_brings_the_session_back(
    visitor: Visitor, alice: User
) -> None:
    """Requests that read and write the session hammer every worker while the browser logs out."""
    answers: list[tuple[float, int]] = []
    stop = threading.Event()
    hammering = Visitor(visitor.base, dict(visitor.cookies))

    def hammer(path: str) -> None:
        for _ in range(400):
            if stop.is_set():
                return
            began = time.monotonic()
            answers.append((began, hammering.ask("GET", path)))

    threads = [threading.Thread(target=hammer, args=(path,)) for path in ("/quiet/", "/visiting/") * 2]
    for thread in threads:
        thread.start()
    until(lambda: len(answers) >= 20, "twenty answers")
    before = len(answers)
    assert Visitor(visitor.base, dict(visitor.cookies)).ask("POST", LOGOUT, {}) == 204
    over = time.monotonic()
    until(lambda: len(answers) >= before + 40, "forty more")
    stop.set()
    for thread in threads:
        thread.join(30)
    assert any(began > over for began, _ in answers)
    assert {status for began, status in answers if began > over} == {401}
    assert {status for began, status in answers if began <= over} <= {200, 400, 401}
    assert not Session.objects.filter(user=alice, ended_at=None).exists()
    assert visitor.many("/quiet/") == {401}
