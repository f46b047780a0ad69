"""Several real workers behind one port: what one learns binds all, and raw bytes break none."""

from __future__ import annotations

import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group, User

import stockade
from stockade import conf
from stockade.models import SecurityEvent, Session
from tests import servers

WORKERS = 4
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", params=["wsgi", "asginl"])
def shared(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any
) -> Iterator[tuple[servers.Server, Path]]:
    """The workers and their state: one set for all tests of an interface, because starting them takes seconds."""
    folder = Path(tempfile.mkdtemp(prefix="stockade-state-", dir="/var/tmp"))
    name = "application" if request.param == "wsgi" else "asgi"
    with django_db_blocker.unblock():
        environment = {
            "DJANGO_SETTINGS_MODULE": "tests.pipeline.served",
            "STOCKADE_TEST_STATE": str(folder),
        }
        context = servers.granian(
            f"tests.pipeline.served:{name}", interface=request.param, workers=WORKERS, env=environment
        )
    with context as running:
        yield running, folder
    shutil.rmtree(folder)


@pytest.fixture
def server(
    shared: tuple[servers.Server, Path], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[servers.Server]:
    """The workers; this process and the commands that it runs share their state."""
    running, folder = shared
    monkeypatch.setenv("STOCKADE_TEST_STATE", str(folder))
    settings.STOCKADE = {"STATE": f"lmdb://{folder}", "EVENTS": {"SINKS": ["database"]}}
    yield running
    conf.forget()


@pytest.fixture
def alice(transactional_db: None) -> User:
    # A key of her own in every test: the tests empty the tables of epochs, which nobody does to a living project.
    user = User.objects.create_user("alice", password="correct horse battery", pk=secrets.randbelow(10**9))
    user.groups.add(Group.objects.create(name="Editors"))
    return user


def status(server: servers.Server, path: str, token: str = "", method: str = "GET") -> int:
    """One request on a connection of its own, so that any worker may get it."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def many(server: servers.Server, path: str, token: str, count: int = 40) -> set[int]:
    """The statuses of `count` requests, eight at a time: every worker gets some."""
    with ThreadPoolExecutor(8) as pool:
        return set(pool.map(lambda _: status(server, path, token), range(count)))


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "stockade", "--settings", "tests.pipeline.served", *arguments],
        env=servers.child_environment({"DJANGO_SETTINGS_MODULE": "tests.pipeline.served"}),
        cwd=servers.ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_what_ends_a_session_ends_it_in_every_worker(server: servers.Server, alice: User) -> None:
    token = stockade.issue(alice).access
    assert many(server, "/private/", token) == {200}

    done = command("sessions", "end-all", "--user", "alice")
    assert (done.returncode, done.stdout) == (0, "Ended 1 session of alice.\n"), done.stderr
    assert many(server, "/private/", token) == {401}

    token = stockade.issue(alice).access
    assert many(server, "/editors/", token) == {200}
    alice.groups.clear()
    assert many(server, "/editors/", token) == {403}
    alice.is_active = False
    alice.save()
    assert many(server, "/private/", token) == {401}


ANOTHER = """
import django
django.setup()
from django.contrib.auth.models import Group, User
alice = User.objects.get(username="alice")
{change}
"""


def another_process(change: str) -> None:
    """As `manage.py shell`, a management command or a Celery worker of the same host."""
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER.format(change=change)],
        env=servers.child_environment({"DJANGO_SETTINGS_MODULE": "tests.pipeline.served"}),
        cwd=servers.ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        ("alice.set_password('another one'); alice.save()", 200, 401),
        ("Group.objects.get(name='Editors').user_set.clear()", 200, 403),
        ("Group.objects.filter(name='Editors').delete()", 200, 403),
        ("alice.delete()", 200, 401),
    ],
)
def test_what_another_process_changes_bites_in_every_worker(
    server: servers.Server, alice: User, change: str, before: int, after: int
) -> None:
    token = stockade.issue(alice).access
    assert many(server, "/editors/", token) == {before}
    another_process(change)
    assert many(server, "/editors/", token) == {after}


def test_a_ban_bites_in_every_worker_for_a_token_that_they_know(server: servers.Server, alice: User) -> None:
    token = stockade.issue(alice).access
    assert many(server, "/private/", token) == {200}
    done = command("bans", "add", "--user", "alice", "--reason", "spam")
    assert (done.returncode, done.stdout.startswith("Banned ")) == (0, True), done.stderr
    assert many(server, "/private/", token) == {403}
    assert command("bans", "remove", "--user", "alice").returncode == 0
    assert many(server, "/private/", token) == {200}


def test_a_banned_address_gets_nothing_from_any_worker_but_its_probes(
    server: servers.Server, alice: User
) -> None:
    token = stockade.issue(alice).access
    assert many(server, "/private/", token) == {200}
    done = command("bans", "add", "127.0.0.0/8", "--expires", "1h")
    assert done.returncode == 0, done.stderr
    for path in ("/private/", "/public/", "/nothing/here", "/admin/login/", "/api/token/verify/"):
        assert many(server, path, token, 8) == {403}, path
    assert many(server, "/healthz", "", 8) == {200}
    assert command("bans", "add", "127.0.0.1", "--allow").returncode == 0
    assert many(server, "/private/", token) == {200}


DYING = """
import os
import django
django.setup()
import stockade
from django.contrib.auth.models import User
from stockade.truth.change import Change
Change._publish = lambda *_: os._exit(9)
stockade.ban(user=User.objects.get(username="alice"))
"""


def test_a_ban_whose_writer_dies_between_commit_and_publication_bites_in_every_worker(
    server: servers.Server, alice: User
) -> None:
    token = stockade.issue(alice).access
    assert many(server, "/private/", token) == {200}
    done = subprocess.run(
        [sys.executable, "-c", DYING],
        env=servers.child_environment({"DJANGO_SETTINGS_MODULE": "tests.pipeline.served"}),
        cwd=servers.ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 9, done.stderr
    for _ in range(3):  # before and after its mark is repaired
        assert many(server, "/private/", token) == {403}


def test_a_retired_session_stays_dead_when_the_state_is_lost_and_workers_die(
    server: servers.Server, alice: User
) -> None:
    from stockade.gate.registry import get_gate

    token = stockade.issue(alice).access
    assert many(server, "/private/", token) == {200}
    stockade.end_sessions(alice)
    get_gate().reset()
    assert many(server, "/private/", token) <= {401, 503}
    assert many(server, "/private/", token) == {401}


def test_a_limit_holds_over_all_workers(server: servers.Server) -> None:
    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(lambda _: status(server, "/scoped/"), range(300)))
    assert codes.count(200) == 100
    assert codes.count(429) == 200


def raw(server: servers.Server, request: bytes) -> bytes:
    """The status line that the server answers to these very bytes; b"" if it hangs up."""
    host, _, port = urlsplit(server.base_url).netloc.partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        try:
            connection.sendall(request)
            return connection.makefile("rb").readline()
        except (ConnectionResetError, BrokenPipeError):
            return b""


def code(line: bytes) -> int:
    return int(line.split()[1]) if line else 400


def test_raw_bytes_reach_no_view_and_no_500(server: servers.Server, alice: User) -> None:
    token = stockade.issue(alice).access.encode()
    head = b"GET /private/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    requests = {
        "two headers": head
        + b"Authorization: Bearer %s\r\nAuthorization: Bearer %s\r\n\r\n" % (token, token),
        "two kinds": head + b"Authorization: Basic eDp5\r\nAuthorization: Bearer %s\r\n\r\n" % token,
        "a megabyte": head + b"Authorization: Bearer " + token[:200] + b"A" * 1_000_000 + b"\r\n\r\n",
        "invalid UTF-8": head + b"Authorization: Bearer \xff\xfe\xc3\x28" + token + b"\r\n\r\n",
        "invalid UTF-8 in the signature": head + b"Authorization: Bearer " + token + b"\xe2\x28\xa1\r\n\r\n",
        "NUL": head + b"Authorization: Bearer \x00" + token + b"\r\n\r\n",
        "truncated": head + b"Authorization: Bearer " + token[:-5] + b"\r\n\r\n",
        "in the query": head.replace(b"/private/", b"/private/?access_token=" + token) + b"\r\n",
        "an odd method": head.replace(b"GET", b"GE\xffT") + b"\r\n",
        "a charset that decodes no text": head.replace(b"/private/", b"/private/?a=%41")
        + b"Content-Type: text/plain; charset=hex\r\nAuthorization: Bearer %s\r\n\r\n" % token,
        "a parameter in no encoding": head
        + b"Content-Type: text/plain; x*=bogus'en'%%41\r\nAuthorization: Bearer %s\r\n\r\n" % token,
        "an odd path": head.replace(b"/private/", b"/%ff%00/\xfe") + b"\r\n",
    }
    found = {name: code(raw(server, request)) for name, request in requests.items()}
    assert {name: status for name, status in found.items() if not 400 <= status < 500} == {}
    assert status(server, "/private/", token.decode()) == 200


def test_refusals_of_all_workers_are_in_the_table(server: servers.Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = set(pool.map(lambda _: status(server, "/private/", method="PUT"), range(20)))
    assert codes == {401}
    found = SecurityEvent.objects.filter(event="authz_fail", method="PUT")
    for _ in range(200):  # each worker gathers for 50 ms; a request in between passes the time
        if found.count() == 20:
            break
        status(server, "/healthz")
    assert found.count() == 20
    done = command("events", "tail", "--format", "json", "-n", "100")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"authz_fail"') >= 20


def test_a_killed_worker_loses_no_refusal_of_before(server: servers.Server, alice: User) -> None:
    """The state outlives whoever wrote to it; granian ends with its worker or starts another, both are fine."""
    token = stockade.issue(alice).access
    assert many(server, "/private/", token) == {200}
    Session.objects.get()
    stockade.end_sessions(alice)
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    for _ in range(20):
        try:
            assert status(server, "/private/", token) == 401
        except (ConnectionError, http.client.HTTPException):
            break
