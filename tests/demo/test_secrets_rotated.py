"""Secrets rotated, and taken away, under a running demo: nobody is refused, and the old value opens nothing after it.

Two workers, and clients of three schemes that never pause. The secrets are files in one test and lie in a real
OpenBao in the other, which is stopped, sealed and slow in turn.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from stockade.vault.strong import make
from tests.demo.runs import COMMAND, Run, environment, running
from tests.vault.servers import ROOT_TOKEN, bao
from tests.waiting import until

WORKERS = 2
WIDE = [
    option
    for name in ("anon", "user", "failed_auth", "login", "login_address")
    for option in ("--limit", f"{name}=1000000/min")
]


class Client:
    """One client over one connection after another; keeps every answer that was not what it had to be."""

    def __init__(self, run: Run) -> None:
        self._at = urlsplit(run.base_url)
        self.user, self.password = "alice", run.password("alice")

    def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        connection = http.client.HTTPConnection(str(self._at.hostname), self._at.port, timeout=60)
        try:
            text = json.dumps(body) if body is not None else None
            sent = {"Content-Type": "application/json"} if text else {}
            connection.request(method, path, text, {**sent, **headers})
            answer = connection.getresponse()
            content = answer.read()
            cookies = {}
            for one in answer.headers.get_all("Set-Cookie") or []:
                name, _, value = one.partition(";")[0].partition("=")
                cookies[name] = value
            return answer.status, json.loads(content) if content else None, cookies
        finally:
            connection.close()

    def status(self, headers: dict[str, str]) -> int:
        return self.ask("GET", "/api/profile/", **headers)[0]

    def login(self) -> dict[str, dict[str, str]]:
        """Headers of three schemes, all of them fresh."""
        body = {"username": self.user, "password": self.password}
        status, pair, _ = self.ask("POST", "/api/token/", body)
        assert status == 200, pair
        status, opaque, _ = self.ask("POST", "/api/token-auth/", body)
        assert status == 200, opaque
        status, said, cookies = self.ask("POST", "/api/session/login/", body)
        assert status in (200, 204), said
        session = next(f"{name}={value}" for name, value in cookies.items() if "session" in name)
        return {
            "jwt": {"Authorization": f"Bearer {pair['access']}"},
            "opaque": {"Authorization": f"Token {opaque['token']}"},
            "session": {"Cookie": session},
        }


@contextmanager
def load(client: Client, credentials: dict[str, dict[str, str]]) -> Iterator[list[tuple[str, int, Any]]]:
    """Ask with each credential, without a pause, until the block ends; gives every refusal."""
    refused: list[tuple[str, int, Any]] = []
    counts = dict.fromkeys(credentials, 0)
    stop = threading.Event()

    def work(name: str, headers: dict[str, str]) -> None:
        while not stop.is_set():
            status, said, _ = client.ask("GET", "/api/profile/", **headers)
            counts[name] += 1
            if status != 200:
                refused.append((name, status, said))

    threads = [threading.Thread(target=work, args=one, daemon=True) for one in credentials.items()]
    for thread in threads:
        thread.start()
    try:
        yield refused
    finally:
        stop.set()
        for thread in threads:
            thread.join(40)
    assert all(count > 20 for count in counts.values()), counts


def events(run: Run, tag: str) -> list[dict[str, Any]]:
    """The events of this kind, out of the log of the demo's server."""
    return [
        json.loads(line)
        for line in (run.folder / "security.log").read_text().splitlines()
        if f'"{tag}"' in line
    ]


def stockade(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def step(run: Run, name: str, said: str) -> None:
    """One step of a rotation, until every worker has taken it up."""
    before = len(events(run, "crypt_secret_changed"))

    def taken() -> bool:
        done = stockade("secrets", "rotate", name, "--wait", "1s", "--overlap", "1s")
        if done.stderr.startswith("Too early"):  # every worker was quicker than the second
            return False
        assert done.stdout.startswith(said), done
        return True

    until(taken, f"{name}: {said}")

    def everywhere() -> bool:
        new = events(run, "crypt_secret_changed")[before:]
        return len({one["stockade.details"]["process"] for one in new}) >= WORKERS

    until(everywhere, f"{name}: {said}")


def rewrap(run: Run) -> None:
    done = subprocess.run(
        [COMMAND, "--settings", "stockade.demo.project.settings", "keyring", "rewrap"],
        env={**environment(), "STOCKADE_DEMO_FOLDER": str(run.folder)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done


def test_nobody_is_refused_while_each_secret_is_rotated_and_the_old_value_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    monkeypatch.setenv("STOCKADE_SECRETS_DIR", str(secrets))
    for name in ("DEMO_SECRET_KEY", "STOCKADE_KEY"):
        assert stockade("secrets", "generate", name, "--to", str(secrets)).returncode == 0
    with running(tmp_path, "--quiet", "--workers", str(WORKERS), *WIDE) as run:
        client = Client(run)
        for name in ("DEMO_SECRET_KEY", "STOCKADE_KEY"):
            first, idle = client.login(), client.login()
            with load(client, first) as refused:
                step(run, name, "Published")
                step(run, name, "Signing")
                rewrap(run)
                # What is used in the overlap is put under the new key.
                assert client.status(first["opaque"]) == client.status(first["session"]) == 200
            assert refused == []
            fresh = client.login()
            with load(client, fresh) as refused:
                step(run, name, "Retired")
                until(lambda idle=idle: client.status(idle["session"]) == 401, "the old value opens")  # type: ignore[misc]
            assert refused == []
            assert client.status(first["opaque"]) == 200
            if name == "STOCKADE_KEY":  # whose digests nobody has renewed
                assert client.status(idle["opaque"]) == 401
            assert {client.status(one) for one in fresh.values()} == {200}


def test_openbao_stopped_sealed_slow_rotated_or_without_a_login_costs_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    monkeypatch.setenv("VAULT_TOKEN_FILE", str(token))
    with bao() as first:
        ends = first.call("POST", "auth/token/create", {"ttl": "1h", "policies": ["root"]})["auth"][
            "client_token"
        ]
        token.touch(0o600)
        token.write_text(ends)
        key = str(make())
        first.put("demo", DEMO_SECRET_KEY=key)
        monkeypatch.setenv(
            "STOCKADE_SECRETS_ORDER", f"vault+http://{first.host}/secret/demo?lifetime=1s&timeout=3s"
        )
        with running(tmp_path, "--quiet", "--workers", str(WORKERS), *WIDE) as run:
            client = Client(run)
            with load(client, client.login()) as refused:
                os.kill(first.server.pid, signal.SIGSTOP)
                until(lambda: away(run, "timeout"), "slow is not told")
                os.kill(first.server.pid, signal.SIGCONT)
                until(lambda: len(events(run, "sys_secrets_back")) >= WORKERS, "back is not told")
                first.call("POST", "auth/token/revoke", {"token": ends})  # answered as one that has expired
                until(lambda: away(run, "denied"), "an ended login is not told")
                token.write_text(ROOT_TOKEN)  # as the agent does that writes tokens
                until(
                    lambda: len(events(run, "sys_secrets_back")) >= 2 * WORKERS, "another login is not told"
                )
                new = str(make())
                first.put("demo", DEMO_SECRET_KEY=key, DEMO_SECRET_KEY_FALLBACKS=new)
                until(
                    lambda: len(events(run, "crypt_secret_changed")) >= 2 * WORKERS, "published is not told"
                )
                first.put("demo", DEMO_SECRET_KEY=new, DEMO_SECRET_KEY_FALLBACKS=key)
                until(lambda: len(events(run, "crypt_secret_changed")) >= 4 * WORKERS, "signing is not told")
                first.call("PUT", "sys/seal")
                until(lambda: away(run, "sealed"), "sealed is not told")
                os.kill(first.server.pid, signal.SIGKILL)
                until(lambda: away(run, "connection"), "stopped is not told")
                client.login()
            assert refused == []
            for log in ("security.log", "project.log"):
                text = (run.folder / log).read_text()
                assert key not in text
                assert new not in text
                assert ROOT_TOKEN not in text
                assert ends not in text


def away(run: Run, reason: str) -> bool:
    """Whether each worker has told it."""
    return sum(one["event.reason"] == reason for one in events(run, "sys_secrets_away")) >= WORKERS
