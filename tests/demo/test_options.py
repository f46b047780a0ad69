"""Wrong use of `stockade demo` is told in a sentence that says what to write instead, with status 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from stockade.demo import databases
from stockade.demo.config import UsageError
from stockade.demo.options import Options, check, read_limits
from tests.demo.runs import call


def options(**given: object) -> Options:
    values: dict[str, object] = {
        "host": "127.0.0.1", "port": 8000, "state": "", "database": "", "workers": 0, "limits": {},
        "credentials": None, "quiet": False, **given,
    }  # fmt: skip
    return Options(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("login", "NAME=RATE"),
        ("login=", "is no rate"),
        ("login=5", "is no rate"),
        ("login=0/min", "0/min"),
        ("login=5/month", "months"),
        ("logins=5/min", "no limit 'logins'"),
        ("=5/min", "no limit ''"),
    ],
)
def test_a_limit_that_would_silently_protect_nothing_is_refused(given: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_limits([given])


def test_the_last_of_two_limits_counts() -> None:
    assert read_limits(["login=5/min", "login=3/15m", "role:Editors=9/s"]) == {
        "login": "3/15m",
        "role:Editors": "9/s",
    }


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"port": 65536}, "--port"),
        ({"port": -1}, "--port"),
        ({"workers": -1}, "--workers"),
        ({"workers": 65}, "--workers"),
        ({"state": "carrier-pigeon://"}, "--state"),
        ({"state": "memory://"}, "--workers 1"),
        ({"state": "memory://", "workers": 2}, "--workers 1"),
        ({"credentials": Path(__file__).parent / "no" / "such.json"}, "--credentials"),
        ({"credentials": Path("/tmp")}, "--credentials"),
    ],
)
def test_what_cannot_work_is_said_before_anything_starts(given: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        check(options(**given))


def test_one_worker_may_keep_its_state_in_memory() -> None:
    check(options(state="memory://", workers=1))


@pytest.mark.parametrize(
    "url",
    [
        "mysql://localhost/x",
        "sqlite://relative.db",
        "sqlite:///",
        "postgres://localhost",
        "postgres://h:port/x",
        "nonsense",
    ],
)
def test_a_database_that_the_demo_cannot_use_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--database"):
        databases.from_url(url, tmp_path)


def test_the_twin_never_shares_a_table_with_the_api(tmp_path: Path) -> None:
    for url in (
        "",
        "sqlite:////somewhere/else.sqlite3",
        "postgres://u:p%40ss@db.example:5433/name?sslmode=require",
    ):
        ours, twin = databases.from_url(url, tmp_path)
        assert ours["ENGINE"] == twin["ENGINE"]
        assert (ours["NAME"], ours["OPTIONS"]) != (twin["NAME"], twin["OPTIONS"])


def test_a_postgres_url_is_read_with_escapes_port_and_options(tmp_path: Path) -> None:
    ours, _ = databases.from_url("postgres://u:p%40ss@db.example:5433/name?sslmode=require", tmp_path)
    assert {key: ours[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")} == {
        "NAME": "name", "USER": "u", "PASSWORD": "p@ss", "HOST": "db.example", "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.0.2.1", False),
        ("host.example", False),
    ],
)
def test_only_this_machine_is_trusted_with_the_keys_of_the_page(host: str, loopback: bool) -> None:
    assert options(host=host).loopback is loopback


@pytest.mark.parametrize(
    "arguments",
    [
        ("--limit", "login"),
        ("--limit", "nobody=1/s"),
        ("--port", "x"),
        ("--workers", "0x"),
        ("--database", "mysql://x/y"),
        ("--what",),
    ],
)
def test_wrong_use_ends_with_status_2_and_no_traceback(arguments: tuple[str, ...]) -> None:
    done = call(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert "Traceback" not in done.stderr
