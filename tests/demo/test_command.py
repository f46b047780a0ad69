"""A run of the command: its port, its files, its workers, and that nothing of it outlives it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stockade.demo.attacks.client import AttackError, Target
from tests.demo.runs import Run, alive, call, children, running, wait_until_gone
from tests.waiting import until

PRIVATE = 0o600


def answers(target: Target) -> bool:
    try:
        return target.get("/healthz").status == 200
    except AttackError:
        return False


def listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 5).close()
    except OSError:
        return False
    return True


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_readable_by_their_owner_only(demo: Run) -> None:
    """A demo on a shared machine hands its passwords and keys to nobody else there."""
    assert mode(demo.folder) == 0o700
    assert {path.name: oct(mode(path)) for path in demo.folder.glob("*.json")} == {
        "demo.json": oct(PRIVATE),
        "issuer.json": oct(PRIVATE),
    }
    assert mode(demo.file) == PRIVATE


def test_credentials_say_what_a_program_needs(demo: Run) -> None:
    users = demo.credentials["users"]
    assert {name: user["groups"] for name, user in users.items()} == {
        "alice": ["Editors"], "bob": ["Editors"], "carol": ["Viewers"], "admin": ["Admins"],
    }  # fmt: skip
    assert len({user["password"] for user in users.values()}) == 4
    assert demo.base_url.startswith("http://127.0.0.1:")


def test_no_secret_of_the_run_stands_in_the_environment_or_arguments_of_its_processes(demo: Run) -> None:
    """`ps e` and /proc show both to others of the same user, and crash reports carry them away."""
    kept = json.loads((demo.folder / "demo.json").read_text())
    secrets = [kept["secret_key"], kept["twin_secret_key"], kept["page_key"], *kept["passwords"].values()]
    secrets += [*kept["partners"].values(), json.loads((demo.folder / "issuer.json").read_text())["d"]]
    shown = b""
    for pid in [demo.process.pid, *children(demo.process.pid)]:
        shown += Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
    assert [secret for secret in secrets if secret.encode() in shown] == []


def test_no_secret_of_the_run_stands_in_its_logs(demo: Run, target: Target) -> None:
    pair = target.login("alice")
    target.get(f"/api/profile/?access_token={pair.access}")
    target.post("/api/token/", {"username": "alice", "password": "wrong-but-secret"})
    log = demo.folder / "security.log"
    until(lambda: "credential_in_query" in log.read_text(), "the event of the token in the address")
    text = "".join(path.read_text(errors="replace") for path in demo.folder.glob("*.log"))
    assert "authn_login_fail" in text
    for secret in (
        pair.access,
        pair.access.rpartition(".")[2],
        pair.refresh,
        "wrong-but-secret",
        demo.password("alice"),
    ):
        assert secret not in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_and_removes_the_folder(number: signal.Signals, tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "2") as run:
        pids = children(run.process.pid)
        assert len(pids) >= 6, "two supervisors with two workers each"
        os.kill(run.process.pid, number)
        assert run.process.wait(40) == 0
        assert wait_until_gone(pids) == []
        assert not run.folder.exists()
        assert "Traceback" not in run.errors.read_text()


def test_a_server_whose_command_was_killed_before_it_could_ask_does_not_stay() -> None:
    """Killed in that moment, nobody would tell it."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "stockade.demo.serve",
            "no.module:application",
            "127.0.0.1",
            "1",
            "1",
            "2000000000",
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (1, "stockade demo: whoever started this server is gone\n")


def test_a_killed_command_leaves_no_server_behind(tmp_path: Path) -> None:
    """SIGKILL leaves no time to clean up: the servers notice that their parent is gone."""
    with running(tmp_path, "--workers", "1", "--quiet") as run:
        pids = children(run.process.pid)
        assert all(map(alive, pids))
        run.process.kill()
        run.process.wait()
        left = wait_until_gone(pids, 30)  # without the control the test must be over in two minutes
        for pid in left:  # else they would stay where this fails, as without the control it must
            os.kill(pid, signal.SIGKILL)
        assert left == []
        for path in sorted(
            run.folder.rglob("*"), reverse=True
        ):  # what could not be removed, as its owner would
            path.rmdir() if path.is_dir() else path.unlink()
        run.folder.rmdir()


def test_a_taken_port_is_said_and_another_one_used(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with running(tmp_path, "--workers", "1", "--quiet", "--port", str(taken)) as run:
            assert f"Port {taken} of 127.0.0.1 is taken" in run.errors.read_text()
            assert not run.base_url.endswith(f":{taken}")
            assert Target("stockade", run.base_url, {}, 5, 5, lambda h, c: "").get("/healthz").status == 200
            assert run.printed() == ""


def test_a_dead_worker_is_replaced_and_forgets_no_logout(tmp_path: Path) -> None:
    """What was answered as ended stays ended in a worker that has never heard of it."""
    with running(tmp_path, "--workers", "2", "--quiet") as run:
        passwords = {"alice": run.password("alice")}
        target = Target("stockade", run.base_url, passwords, 5, 5, lambda h, c: "")
        pair = target.login("alice")
        assert target.admits(pair.access)
        assert target.post("/api/token/revoke/", {"refresh": pair.refresh}).status == 204
        workers = [pid for pid in children(run.process.pid) if not children(pid)]
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        assert wait_until_gone(workers) == []
        until(lambda: answers(target), "an answer of a new worker")
        assert [target.get("/api/profile/", pair.access).status for _ in range(10)] == [401] * 10


def test_limits_from_the_command_line_hold_in_all_workers_together(tmp_path: Path) -> None:
    options = ["--workers", "2", "--quiet", "--limit", "login=2/day", "--limit", "anon=30/day"]
    with running(tmp_path, *options) as run:
        target = Target("stockade", run.base_url, {}, 5, 5, lambda h, c: "").elsewhere()
        guesses = [target.post("/api/token/", {"username": "x", "password": "y"}).status for _ in range(4)]
        assert guesses == [401, 401, 429, 429]
        # A login is no request of a stranger: only its failures count, above.
        assert sum(target.get("/api/articles/").status == 200 for _ in range(40)) == 30


def test_a_database_of_another_project_is_left_alone(tmp_path: Path) -> None:
    """A superuser with a printed password has no business in somebody's database."""
    path = tmp_path / "somebody.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE auth_user (id INTEGER PRIMARY KEY)")
    connection.close()
    done = call("--port", "0", "--database", f"sqlite://{path}")
    assert done.returncode == 1
    assert "another project" in done.stderr
    assert "Traceback" not in done.stderr
    with sqlite3.connect(path) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    connection.close()
    assert tables == ["auth_user"]


def test_a_database_is_seeded_anew_with_new_secrets(tmp_path: Path) -> None:
    """What an earlier run printed opens nothing in a later one on the same database."""
    options = ["--workers", "1", "--quiet", "--database", f"sqlite://{tmp_path / 'kept.sqlite3'}"]
    with running(tmp_path, *options) as run:
        old = {name: run.password(name) for name in ("alice", "admin")}
        target = Target("stockade", run.base_url, old, 5, 5, lambda h, c: "")
        pair = target.login("alice")
    with running(tmp_path, *options) as run:
        target = Target("stockade", run.base_url, {"alice": run.password("alice")}, 5, 5, lambda h, c: "")
        assert target.post("/api/token/", {"username": "alice", "password": old["alice"]}).status == 401
        assert target.get("/api/profile/", pair.access).status == 401
        assert target.refresh(pair.refresh).status == 401
        everything = target.get("/api/articles/", target.login("alice").access).json()
        assert everything["count"] == 16
        with sqlite3.connect(tmp_path / "kept.sqlite3") as connection:
            issuers = connection.execute("SELECT issuer FROM stockade_externalidentity").fetchall()
        connection.close()
        assert issuers == [(run.credentials["issuer_url"],)], "of the earlier run's issuer nobody is linked"


def test_other_hosts_get_no_conveniences(tmp_path: Path) -> None:
    """Reachable from elsewhere, the page hands out neither passwords nor the log."""
    with running(tmp_path, "--workers", "1", "--host", "0.0.0.0") as run:
        assert run.credentials["page_url"].endswith("/")
        target = Target("stockade", run.base_url, {}, 5, 5, lambda h, c: "")
        assert target.get("/").status == 200
        assert [target.get(f"/demo/{name}/").status for name in ("accounts", "events")] == [403, 403]
        assert "Everyone who reaches this machine" in run.errors.read_text()
        # All of 127/8 is this machine: who listens everywhere answers there, who listens on 127.0.0.1 does not.
        ports = [int(run.credentials[name].rpartition(":")[2]) for name in ("base_url", "issuer_url")]
        assert [listens("127.0.0.2", port) for port in ports] == [True, False]
        assert listens("127.0.0.1", ports[1])


def test_a_demo_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    done = call("--port", "0", "--database", f"sqlite://{tmp_path}/no/such/folder/x.sqlite3")
    assert done.returncode == 1
    assert "could not be prepared" in done.stderr
