"""Somebody has a copy of the demo's database and of its other files: nothing in them opens anything."""

from __future__ import annotations

import http.client
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.demo.runs import Run, running
from tests.demo.test_issuer import CAROL, MACHINE, Issuer
from tests.schemes.every.search import values

PROFILE, JSON = "/api/profile/", {"Content-Type": "application/json"}
LIMITS = ("anon", "user", "failed_auth", "login", "login_address")


class Caller:
    """One connection that is kept: hundreds of guesses are asked over it."""

    def __init__(self, base_url: str) -> None:
        self._url, self.port = base_url, str(urlsplit(base_url).port)
        self._connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=60)

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, str]:
        """Status, body, and the cookie that was set."""
        content = None if body is None else json.dumps(body)
        self._connection.request(method, path, content, {"Origin": self._url, **JSON, **(headers or {})})
        answer = self._connection.getresponse()
        text = answer.read()
        cookies = [value for name, value in answer.getheaders() if name.lower() == "set-cookie"]
        pairs = (one.split(";")[0] for one in cookies)
        session = next((one for one in pairs if one.partition("=")[0].endswith("sessionid")), "")
        return answer.status, (json.loads(text) if text[:1] == b"{" else {}), session

    def close(self) -> None:
        """End it."""
        self._connection.close()


def shown(secret: str, port: str) -> dict[str, dict[str, str]]:
    """Each way to show a credential to the demo at a port, which its cookies are named after."""
    found = {word: {"Authorization": f"{word} {secret}"} for word in ("Bearer", "Token", "Api-Key")}
    return {
        **found,
        "X-API-Key": {"X-API-Key": secret},
        "cookie": {"Cookie": f"__Host-demo-{port}-sessionid={secret}"},
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A demo of its own, whose files can be read: on SQLite and lmdb."""
    limits = [word for name in LIMITS for word in ("--limit", f"{name}=100000/min")]
    with running(tmp_path_factory.mktemp("stolen"), "--quiet", *limits) as found:
        yield found


@pytest.fixture(scope="module")
def caller(run: Run) -> Iterator[Caller]:
    """Whoever calls it."""
    found = Caller(run.base_url)
    yield found
    found.close()


@pytest.fixture(scope="module")
def secrets(run: Run, caller: Caller) -> dict[str, tuple[str, str]]:
    """Every kind of credential, in use: where it is shown, and itself. With failures and log-outs behind them."""
    found: dict[str, tuple[str, str]] = {}
    for name in ("alice", "bob"):
        login = {"username": name, "password": run.password(name)}
        pair = caller.send("POST", "/api/token/", login)[1]
        access = {"Authorization": f"Bearer {pair['access']}"}
        found[f"access of {name}"] = ("Bearer", pair["access"])
        found[f"token of {name}"] = ("Token", caller.send("POST", "/api/token-auth/", login)[1]["token"])
        key = caller.send("POST", "/api/keys/", {"name": "export"}, access)[1]
        found[f"key of {name}"] = ("X-API-Key", next(v for v in key.values() if str(v).startswith("stk_")))
        cookie = caller.send("POST", "/api/session/login/", login)[2]
        found[f"session of {name}"] = ("cookie", cookie.partition("=")[2])
        again = caller.send("POST", "/api/token/refresh/", {"refresh": pair["refresh"]})[1]
        found[f"refresh of {name}"] = ("refresh", again["refresh"])
        found[f"password of {name}"] = ("password", run.password(name))
        caller.send("POST", "/api/token/", {"username": name, "password": "a wrong one, and long"})
        caller.send("POST", "/api/token/", {"username": run.password(name), "password": name})
        caller.send("GET", f"{PROFILE}?token={pair['access']}")
    issuer = Issuer(run.credentials["issuer_url"], run.credentials["partners"])
    found["token of another issuer"] = ("Bearer", issuer.of(CAROL))
    found["token of a service there"] = ("Bearer", issuer.token("reports", **MACHINE))
    assert_good(caller, found)
    return found


def assert_good(caller: Caller, secrets: dict[str, tuple[str, str]]) -> None:
    """Each opens what it is for."""
    asked = 0
    for place, secret in secrets.values():
        headers = shown(secret, caller.port).get(place)
        if headers is not None:
            assert caller.send("GET", PROFILE, headers=headers)[0] == 200, place
            asked += 1
    assert asked == 10


def dumped(run: Run) -> list[tuple[Any, ...]]:
    """Every row of every table."""
    rows: list[tuple[Any, ...]] = []
    with sqlite3.connect(f"file:{run.folder / 'demo.sqlite3'}?mode=ro", uri=True) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            rows += connection.execute(f'SELECT * FROM "{table}"').fetchall()
    connection.close()
    assert len(rows) > 100
    return rows


def test_nothing_in_the_database_opens_anything(
    run: Run, caller: Caller, secrets: dict[str, tuple[str, str]]
) -> None:
    found = []
    candidates = values(dumped(run))
    assert len(candidates) > 200
    for value in sorted(candidates):
        if not value.isascii() or any(character in value for character in '";,\\ '):
            continue  # no header holds it as one credential
        for place, headers in shown(value, caller.port).items():
            if caller.send("GET", PROFILE, headers=headers)[0] not in (400, 401):
                found.append((place, value))
        if caller.send("POST", "/api/token/refresh/", {"refresh": value})[0] not in (400, 401):
            found.append(("refresh", value))
    assert found == []
    assert_good(caller, secrets)  # as they were all the time


def files(folder: Path) -> Iterator[Path]:
    """What the demo has written of its own: not the stock stack beside it, nor the settings that hold the keys."""
    for path in sorted(folder.rglob("*")):
        if (
            path.is_file()
            and not path.name.startswith("twin")
            and b"secret_key" not in path.read_bytes()[:4096]
        ):
            yield path


def test_no_file_of_the_demo_holds_a_secret(run: Run, secrets: dict[str, tuple[str, str]]) -> None:
    """Neither database, state, security log nor output: not the whole, and not the part that makes it one."""
    listed = [*files(run.folder), run.output, run.errors]
    names = {path.name for path in listed}
    assert {"demo.sqlite3", "security.log"} <= names
    for path in listed:
        content = path.read_bytes()
        for name, (_, secret) in secrets.items():
            tail = secret.rpartition(".")[2]
            for piece in (secret, tail, tail[12:40] if len(tail) > 40 else tail):
                assert piece.encode() not in content, f"{name} in {path.name}"
