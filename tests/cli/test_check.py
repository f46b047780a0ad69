"""`stockade check --deploy`: each finding, with the fault really made; and none of them where nothing is wrong."""

from __future__ import annotations

import datetime
import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import django
import pytest
from django.contrib.auth.models import User
from django.db import connection
from typer.testing import CliRunner

import stockade.passwords
from stockade import conf, keyring, vault
from stockade.cli.deployed import (
    CHECKS,
    clocks,
    database,
    failover,
    project as project_checks,
    redis as redis_checks,
    state as state_checks,
)
from stockade.cli.deployed.facts import Clock, DatabaseReport, Facts, is_near
from stockade.cli.deployed.faults import Fault, Level
from stockade.cli.root import app
from stockade.core import clock
from stockade.gate import places
from stockade.gate.protocol import StateReport
from stockade.gate.registry import get_gate
from stockade.models import SigningKey
from tests.servers import ROOT, free_port
from tests.state_servers import Server, redis_server

Row = dict[str, Any]
KEY = "a key that nobody will guess, of forty-nine letters"
PROXY_SECRET = "zqW8rT3nV6bX1mK9pL4yJ7cH2dF5sG0aQeRuTi"


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    for base in (tempfile.gettempdir(), "/var/tmp", Path.cwd()):
        if places.suits(Path(base)):
            with tempfile.TemporaryDirectory(prefix="stockade-check-", dir=base) as found:
                yield Path(found)
            return


@pytest.fixture(scope="module")
def shared_server(disk: Path) -> Iterator[Server]:
    """A Redis as it should be, but for its password."""
    with redis_server(folder=disk, options={"maxmemory": "64mb", "maxmemory-policy": "noeviction"}) as server:
        yield server


@pytest.fixture
def server(shared_server: Server) -> Server:
    shared_server.run("FLUSHALL")
    return shared_server


@pytest.fixture(autouse=True)
def project(settings: Any, db: None, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A project with nothing wrong that a test can have."""
    monkeypatch.setattr(database, "SLOW", 10.0)  # this machine may be busy
    monkeypatch.setattr(state_checks, "SLOW", 10_000_000)
    settings.STOCKADE = {
        "STATE": f"redis://default:ignored@127.0.0.1:{server.port}/0".replace("default:ignored@", ""),
        "TRUSTED_PROXIES": ["10.0.0.11/32"],
        "EVENTS": {"SINKS": ["null"]},
    }
    settings.STOCKADE_KEY = KEY
    settings.SECRET_KEY = "Gq3v_" + "nT7xR2mK9pL4wZ8bY6cJ1hF5dS0aQe" * 2
    settings.SIMPLE_JWT = {}
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    settings.SECURE_SSL_REDIRECT = True
    settings.MIDDLEWARE = ["stockade.web.Middleware", *settings.MIDDLEWARE]
    settings.ALLOWED_HOSTS = ["api.example.org"]
    settings.ROOT_URLCONF = "tests.deploy.site"
    settings.AUTHENTICATION_BACKENDS = [
        "stockade.schemes.backend.LoginLimits", "django.contrib.auth.backends.ModelBackend",
    ]  # fmt: skip
    settings.PASSWORD_HASHERS = ["stockade.schemes.passwords.Argon2"]
    settings.AUTH_PASSWORD_VALIDATORS = stockade.passwords.validators(15)
    # The suite's server has no password; a test looks at that by itself.
    settings.SILENCED_SYSTEM_CHECKS = ["stockade.D155"]
    vault.use()  # what other tests have asked for is none of this project's
    conf.forget()
    yield settings
    clock.unshift()
    conf.forget()


def change(settings: Any, **stockade: Any) -> None:
    settings.STOCKADE = {**settings.STOCKADE, **stockade}


def check(*options: str) -> tuple[int, list[Row]]:
    result = CliRunner().invoke(app, ["check", *(options or ("--deploy",)), "--format", "json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    rows: list[Row] = json.loads(result.stdout)
    return result.exit_code, rows


def found(id: str) -> Row:
    """The one finding of an id; and that it alone, or with others, makes the command fail."""
    status, rows = check()
    (row,) = [row for row in rows if row["id"] == id and row["level"] != "note"]
    assert status == 1
    assert row["risk"]
    assert row["remedy"]
    return row


def stops(id: str) -> Row:
    """The one finding of an id that would also stop the start."""
    status, rows = check()
    (row,) = [row for row in rows if row["id"] == id]
    assert (status, row["level"], bool(row["remedy"])) == (1, "error", True)
    return row


def noted(id: str) -> str:
    status, rows = check()
    (row,) = [row for row in rows if row["id"] == id]
    assert row["level"] == "note"
    assert status == 0, [row for row in rows if row["level"] != "note"]
    return str(row["what"])


def judged(look: Callable[[Facts], Iterator[Fault]], **facts: Any) -> list[Fault]:
    """What a check says of facts that no server here can show."""
    made = Facts()
    for name, value in facts.items():
        made.__dict__[name] = value
    return list(look(made))


# --- the command ------------------------------------------------------------------------------------------------------


def test_where_nothing_is_wrong_nothing_is_found() -> None:
    status, rows = check()
    assert [row for row in rows if row["level"] != "note"] == []
    assert status == 0
    assert {"stockade.D120", "stockade.D140"} <= {row["id"] for row in rows}


def test_every_check_has_an_id_of_its_own_and_says_at_what_it_looks() -> None:
    ids = [each.id for each in CHECKS]
    assert len(set(ids)) == len(ids)
    assert all(each.look.__doc__ for each in CHECKS)


def test_every_check_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference" / "command.md").read_text()
    assert "{stockade-deploy-checks}" in text


def test_without_deploy_only_the_system_checks_run(project: Any) -> None:
    project.DEBUG = True
    assert check("--format", "json") == (0, [])


def test_a_wrong_setting_is_a_finding_with_its_id_and_hint(project: Any) -> None:
    change(project, STATE="carrier-pigeon://")
    row = next(row for row in check()[1] if row["id"] == "stockade.E020")
    assert (row["level"], "redis://" in row["remedy"]) == ("error", True)


def test_a_name_of_no_view_is_told_with_the_nearest(project: Any) -> None:
    change(project, EXEMPT=["shoop"])
    (row,) = [row for row in check()[1] if row["id"] == "stockade.W013"]
    assert 'names "shoop"' in row["what"]


def test_a_project_that_protects_nothing_yet_is_told_so(project: Any) -> None:
    del project.STOCKADE
    status, rows = check()
    assert (status, [row["id"] for row in rows]) == (1, ["stockade.W001"])


def test_what_is_silenced_is_not_said_and_does_not_fail(project: Any) -> None:
    project.ALLOWED_HOSTS = ["*"]
    assert found("stockade.D101")
    project.SILENCED_SYSTEM_CHECKS = [*project.SILENCED_SYSTEM_CHECKS, "stockade.D101"]
    assert check()[0] == 0


def test_people_read_what_the_risk_is_and_what_to_write(project: Any) -> None:
    project.ALLOWED_HOSTS = ["*"]
    result = CliRunner().invoke(app, ["check", "--deploy"])
    assert result.exit_code == 1
    assert 'error stockade.D101: ALLOWED_HOSTS has "*".' in result.stdout
    assert "    risk: A client chooses the host" in result.stdout
    assert "    write: Write the names" in result.stdout
    assert result.stderr == "1 finding.\n"


def test_wrong_use_is_told_apart(project: Any) -> None:
    assert CliRunner().invoke(app, ["check", "--format", "xml"]).exit_code == 2
    assert CliRunner().invoke(app, ["check", "--nonsense"]).exit_code == 2


def test_no_password_of_the_state_is_shown(project: Any, server: Server) -> None:
    change(project, STATE=f"redis://someone:hunter2-hunter2@127.0.0.1:{server.port}/0")
    result = CliRunner().invoke(app, ["check", "--deploy"])
    assert "hunter2" not in result.output
    assert result.exit_code == 1


# --- the project ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "id"),
    [
        ("DEBUG", True, "security.W018"),
        ("SECRET_KEY", "django-insecure-short", "security.W009"),
        ("SECRET_KEY_FALLBACKS", ["short"], "security.W025"),
        ("ALLOWED_HOSTS", [], "security.W020"),
        ("SESSION_COOKIE_SECURE", False, "security.W010"),
        ("CSRF_COOKIE_SECURE", False, "security.W016"),
    ],
)
def test_what_django_itself_would_say_is_said(name: str, value: Any, id: str, project: Any) -> None:
    project.INSTALLED_APPS = [*project.INSTALLED_APPS]
    setattr(project, name, value)
    row = found("stockade.D100")
    assert row["what"].startswith(id[:-2])


def test_a_host_that_the_client_chooses_is_found(project: Any) -> None:
    project.USE_X_FORWARDED_HOST = True
    assert "USE_X_FORWARDED_HOST" in found("stockade.D101")["what"]


def test_a_proxy_that_is_not_trusted_is_found(project: Any) -> None:
    change(project, TRUSTED_PROXIES=[])
    assert "one guesser locks all" in found("stockade.D102")["risk"]


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "10.0.0.0/7"])
def test_trust_in_everybody_is_found(network: str, project: Any) -> None:
    change(project, TRUSTED_PROXIES=["unix", network])
    assert network in found("stockade.D103")["what"]


def test_a_proxy_that_does_not_say_whether_it_was_tls_is_found(project: Any) -> None:
    project.SECURE_PROXY_SSL_HEADER = None
    assert found("stockade.D104")["level"] == "warning"


@pytest.mark.parametrize("shared", ["127.0.0.1/32", "unix", "10.0.0.0/16"])
def test_an_address_that_others_have_too_is_noted_where_no_secret_is_asked(shared: str, project: Any) -> None:
    change(project, TRUSTED_PROXIES=["10.0.0.11/32", shared])
    noted = [row for row in check()[1] if row["id"] == "stockade.D107"]
    assert [row["level"] for row in noted] == ["note"]
    assert shared in noted[0]["what"]
    assert "10.0.0.11" not in noted[0]["what"]
    change(project, PROXY_SECRET=PROXY_SECRET)
    assert [row for row in check()[1] if row["id"] == "stockade.D107"] == []


def test_a_proxy_that_shows_a_secret_needs_no_address(project: Any) -> None:
    change(project, TRUSTED_PROXIES=[], PROXY_SECRET=PROXY_SECRET)
    assert [row for row in check()[1] if row["id"] in ("stockade.D102", "stockade.D104")] == []


def test_atomic_requests_on_sqlite_are_found_and_noted_elsewhere(project: Any) -> None:
    project.DATABASES["default"]["ATOMIC_REQUESTS"] = True
    try:
        if connection.vendor == "sqlite":
            assert found("stockade.D105")["level"] == "warning"
        else:
            assert "ATOMIC_REQUESTS" in noted("stockade.D105")
    finally:
        project.DATABASES["default"]["ATOMIC_REQUESTS"] = False


def test_a_django_that_gets_no_security_releases_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    series = django.VERSION[:2]
    monkeypatch.setitem(project_checks.SUPPORTED, series, datetime.date(2020, 1, 1))
    assert "no security releases" in found("stockade.D106")["what"]


def test_a_django_that_is_newer_than_our_tests_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_checks, "SUPPORTED", {(4, 2): datetime.date(2099, 1, 1)})
    assert "newer" in noted("stockade.D106")


# --- the database -----------------------------------------------------------------------------------------------------


def test_a_migration_that_is_missing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db.migrations.recorder import MigrationRecorder

    MigrationRecorder(connection).record_unapplied("stockade", "0001_initial")
    assert "0001_initial" in found("stockade.D122")["what"]


@pytest.mark.parametrize(
    ("version", "faults"), [((13, 2), 1), ((14, 0), 0), ((18, 6), 0)], ids=["old", "oldest", "new"]
)
def test_a_database_that_is_too_old_is_found(version: tuple[int, ...], faults: int) -> None:
    report = DatabaseReport("postgresql", version, None, 0.001, None)
    assert len(judged(database.version, database=report)) == faults


def test_a_slow_database_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    report = DatabaseReport("postgresql", (18,), None, 0.030, True)
    assert [fault.level for fault in judged(database.answers, database=report)] == [Level.NOTE]
    monkeypatch.setattr(database, "SLOW", 0.010)
    assert [fault.level for fault in judged(database.answers, database=report)] == [Level.NOTE, Level.WARNING]


@pytest.mark.parametrize(
    ("host", "tls", "mode", "faults"),
    [
        ("db.internal", False, "prefer", 1), ("db.internal", True, "require", 1),
        ("db.internal", True, "verify-full", 0),
        ("/run/postgresql", False, "prefer", 0), ("127.0.0.1", False, "prefer", 0), ("10.0.0.9", False, "disable", 1),
    ],
)  # fmt: skip
def test_a_database_in_clear_over_the_network_is_found(
    host: str, tls: bool, mode: str, faults: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", host)
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"sslmode": mode})
    report = DatabaseReport("postgresql", (18,), None, 0.001, tls)
    assert len(judged(database.encrypted, database=report)) == faults


@pytest.mark.parametrize(
    ("host", "near"),
    [("", True), ("localhost", True), ("127.0.0.2", True), ("::1", True), ("/tmp", True),
     ("10.0.0.1", False), ("db", False)],
)  # fmt: skip
def test_what_stays_on_this_host_needs_no_tls(host: str, near: bool) -> None:
    assert is_near(host) is near


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "level"), [(1.0, "warning"), (-1.0, "warning"), (30.0, "error"), (-30.0, "error")]
)
def test_a_clock_that_differs_from_the_states_is_found(seconds: float, level: str) -> None:
    """This host's clock is moved; the server's is the real one."""
    clock.shift(seconds)
    row = found("stockade.D131")
    assert row["level"] == level
    assert ("behind" if seconds > 0 else "ahead of") in row["what"]


def test_clocks_that_agree_are_noted() -> None:
    assert "of the state's host" in noted("stockade.D131")


def test_a_slow_answer_is_not_taken_for_a_wrong_clock() -> None:
    slow = Clock(0.9, 1.0)
    assert [fault.level for fault in judged(clocks.state_clock, _asked=(None, slow, ""))] == [Level.NOTE]


def test_a_project_that_allows_more_skew_is_judged_by_it(project: Any) -> None:
    change(project, JWT={"CLOCK_SKEW": "60s"})
    clock.shift(30)
    assert found("stockade.D131")["level"] == "warning"


# --- the state --------------------------------------------------------------------------------------------------------


def test_a_state_on_a_file_system_that_will_not_do_is_found(project: Any) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        change(project, STATE=f"lmdb://{folder}")
        row = next(row for row in check()[1] if row["id"] == "stockade.E025")
        assert "lmdb:///a/directory" in row["remedy"]


def test_a_state_that_is_stopped_is_found(project: Any) -> None:
    change(project, STATE=f"redis://127.0.0.1:{free_port()}/0")
    row = found("stockade.D140")
    assert "503 to every request" in row["risk"]


def test_a_state_that_hangs_is_found_and_not_waited_for(server: Server) -> None:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        assert found("stockade.D140")["level"] == "error"
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_a_slow_state_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = (StateReport("redis", True, version="8.2", round_trip=9_000), None, "")
    assert [fault.level for fault in judged(state_checks.answers, _asked=asked)] == [Level.NOTE]
    monkeypatch.setattr(state_checks, "SLOW", 5_000)
    assert [fault.level for fault in judged(state_checks.answers, _asked=asked)] == [
        Level.NOTE,
        Level.WARNING,
    ]


def test_an_empty_state_is_loaded_as_by_the_first_request() -> None:
    assert "has been loaded" in noted("stockade.D141")
    assert get_gate().ask((), ()).marker
    assert not [row for row in check()[1] if row["id"] == "stockade.D141"]


def test_a_state_that_cannot_be_loaded_is_found(project: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE stockade_epoch RENAME TO stockade_epoch_gone")
    assert "cannot be loaded" in found("stockade.D141")["what"]


def test_an_operator_who_looks_at_another_server_is_told_so(
    disk: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    check()  # loads the state
    with redis_server(folder=disk, options={"maxmemory": "64mb"}) as another:
        monkeypatch.setenv("STOCKADE_CHECK_STATE_URL", another.url)
        assert "another server" in found("stockade.D145")["what"]
    monkeypatch.setenv("STOCKADE_CHECK_STATE_URL", server.url)
    assert check()[0] == 0


def test_a_state_of_one_process_is_found(project: Any) -> None:
    change(project, STATE="memory://")
    assert found("stockade.D142")["level"] == "error"


def test_a_state_of_one_host_is_noted(project: Any, disk: Path) -> None:
    change(project, STATE=f"lmdb://{disk / 'lmdb'}")
    assert "no other host" in noted("stockade.D143")


def test_a_state_that_is_nearly_full_is_found(disk: Path, project: Any) -> None:
    options = {"maxmemory": "2mb", "maxmemory-policy": "noeviction"}
    with redis_server(folder=disk, options=options) as small:
        change(project, STATE=small.url)
        assert not [row for row in check()[1] if row["id"] == "stockade.D144" and row["level"] != "note"]
        room = (2 << 20) - int(dict(small.run("INFO", "memory"))["used_memory"])  # type: ignore[call-overload]
        for n in range(64):
            small.run("SET", f"l{n}", b"x" * (room * 7 // 10 // 64))
        row = found("stockade.D144")
        assert row["level"] in ("warning", "error")
        assert "maxmemory" in row["remedy"]


# --- Redis ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_server_that_evicts_is_found(policy: str, disk: Path, project: Any) -> None:
    """Workers refuse it; the check says why."""
    with redis_server(folder=disk, options={"maxmemory": "64mb", "maxmemory-policy": policy}) as evicting:
        change(project, STATE=evicting.url)
        assert policy in stops("stockade.E038")["what"]


def test_a_server_without_a_bound_is_found(disk: Path, project: Any) -> None:
    with redis_server(folder=disk) as boundless:
        change(project, STATE=boundless.url)
        assert found("stockade.D151")["level"] == "warning"


def test_a_server_that_writes_to_disk_is_noted(server: Server) -> None:
    server.run("CONFIG", "SET", "save", "3600 1")
    try:
        assert "need not" in noted("stockade.D152")
    finally:
        server.run("CONFIG", "SET", "save", "")


def test_a_replica_is_found(disk: Path, project: Any, server: Server) -> None:
    options = {"maxmemory": "64mb", "replicaof": f"127.0.0.1 {server.port}"}
    with redis_server(folder=disk, options=options) as replica:
        change(project, STATE=replica.url)
        assert "slave" in found("stockade.D153")["what"]


def test_keys_of_something_else_are_found(server: Server) -> None:
    server.run("SET", ":1:views.cache", "x")
    assert ":1:views.cache" in stops("stockade.E039")["what"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CACHES", {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "URL"}}),
        ("CACHES", {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": ["redis://a:1", "URL"]}}),  # noqa: E501
        ("CELERY_BROKER_URL", "URL"),
        ("CELERY_RESULT_BACKEND", "URL"),
        ("CHANNEL_LAYERS", {"default": {"CONFIG": {"hosts": [("localhost", "PORT")]}}}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("number", [0, 3])
def test_a_server_that_is_shared_is_found(
    name: str, value: Any, number: int, project: Any, server: Server
) -> None:
    text = (
        json.dumps(value)
        .replace('"PORT"', str(server.port))
        .replace("URL", f"redis://localhost:{server.port}/{number}")
    )
    setattr(project, name, json.loads(text))
    row = stops("stockade.E039")
    assert name in row["what"]
    if "URL" in str(value):
        assert ("same database" in row["what"]) is (number == 0)


def test_a_cache_elsewhere_is_fine(project: Any) -> None:
    project.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert check()[0] == 0


@pytest.mark.parametrize(
    ("url", "faults"),
    [
        ("redis://u:p@state.internal/0", 1), ("rediss://u:p@state.internal/0", 0), ("unix:///run/redis.sock", 0),
        ("redis+sentinel://u:p@10.0.0.1,10.0.0.2/s", 1), ("redis://u:p@127.0.0.1", 0), ("lmdb://", 0),
    ],
)  # fmt: skip
def test_a_state_in_clear_over_the_network_is_found(url: str, faults: int) -> None:
    assert len(judged(redis_checks.encrypted, state_url=url)) == faults


def test_a_server_without_a_password_is_found(project: Any) -> None:
    project.SILENCED_SYSTEM_CHECKS = []
    assert found("stockade.D155")["level"] == "warning"
    (fault,) = judged(redis_checks.password, state_url="rediss://10.0.0.1")
    assert fault.level is Level.ERROR
    assert judged(redis_checks.password, state_url="rediss://u:p@10.0.0.1") == []


def test_a_server_without_room_for_connections_is_found(disk: Path, project: Any) -> None:
    import redis

    with (
        redis_server(folder=disk, options={"maxmemory": "64mb", "maxclients": "10"}) as narrow,
        ExitStack() as open_,
    ):
        change(project, STATE=narrow.url)
        for _ in range(8):
            open_.enter_context(redis.Redis(port=narrow.port)).ping()
        assert "of 10 connections" in found("stockade.D156")["what"]


def test_a_part_of_a_cluster_is_found(disk: Path, project: Any) -> None:
    options = {
        "maxmemory": "64mb", "cluster-enabled": "yes", "cluster-config-file": "nodes-check.conf",
        "cluster-port": str(free_port()),  # the default lies 10,000 higher, which may be no port
    }  # fmt: skip
    with redis_server(folder=disk, options=options) as part:
        change(project, STATE=part.url)
        assert "Cluster" in found("stockade.D157")["what"]


@pytest.mark.parametrize(
    ("version", "levels"),
    [("6.2.14", [Level.ERROR]), ("7.0.0", []), ("8.2.3", []), ("valkey 9.1.2", []),
     ("9.0.1", [Level.NOTE]), ("valkey 7.0", [Level.ERROR])],
)  # fmt: skip
def test_a_server_of_an_unknown_version_is_found(version: str, levels: list[Level]) -> None:
    report = StateReport("redis", True, version=version)
    assert [fault.level for fault in judged(redis_checks.version, _asked=(report, None, ""))] == levels


# --- fail-over: tests/deploy/test_check.py has the real Sentinels -----------------------------------------------------


def state(**fields: Any) -> dict[str, Any]:
    return {
        "_asked": (StateReport("redis", True, **fields), None, ""),
        "state_url": "redis+sentinel://u:p@10.0.0.1,10.0.0.2,10.0.0.3/service",
    }


@pytest.mark.parametrize(
    ("look", "fields", "levels"),
    [
        (failover.sentinels, {"sentinels": 3}, []),
        (failover.sentinels, {"sentinels": 2}, [Level.WARNING]),
        (failover.quorum, {"watchers": 3, "quorum": 2}, []),
        (failover.quorum, {"watchers": 2, "quorum": 2}, [Level.ERROR]),
        (failover.quorum, {"watchers": 3, "quorum": 4}, [Level.ERROR]),
        (failover.quorum, {"watchers": 5, "quorum": 2}, [Level.WARNING]),
        (failover.replicas, {"replicas": 1}, []),
        (failover.replicas, {"replicas": 0}, [Level.ERROR]),
        (failover.isolation, {"min_replicas": 1, "max_lag": 2}, []),
        (failover.isolation, {"min_replicas": 0, "max_lag": 10}, [Level.ERROR]),
        (failover.isolation, {"min_replicas": None}, [Level.WARNING]),
        (failover.order, {"min_replicas": 1, "max_lag": 2, "down_after": 5000}, []),
        (failover.order, {"min_replicas": 1, "max_lag": 2, "down_after": 4000}, [Level.WARNING]),
        (failover.order, {"min_replicas": 1, "max_lag": 10, "down_after": 5000}, [Level.ERROR]),
    ],
)  # fmt: skip
def test_a_fail_over_that_would_not_hold_is_found(
    look: Callable[[Facts], Iterator[Fault]], fields: Row, levels: list[Level]
) -> None:
    assert [fault.level for fault in judged(look, **state(**fields))] == levels


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password="x")


def test_a_ring_without_keys_is_noted() -> None:
    assert "first token" in noted("stockade.D180")


def test_a_key_that_nobody_rotates_is_found(alice: User) -> None:
    stockade.issue(alice)
    SigningKey.objects.update(
        created_at=clock.now_datetime() - datetime.timedelta(days=100),
        signs_from=clock.now_datetime() - datetime.timedelta(days=100),
    )
    assert "100 days" in found("stockade.D180")["what"]


def test_keys_that_this_host_cannot_read_are_found(alice: User, project: Any) -> None:
    stockade.issue(alice)
    project.STOCKADE_KEY = "another key that nobody will guess, of forty-eight"
    project.SECRET_KEY = "Zz9_" + "nT7xR2mK9pL4wZ8bY6cJ1hF5dS0aQe" * 2
    assert "stockade.E070" in found("stockade.D181")["what"]


def test_keys_that_are_wrapped_with_an_older_key_are_found(alice: User, project: Any) -> None:
    stockade.issue(alice)
    project.STOCKADE_KEY_FALLBACKS = [KEY]
    project.STOCKADE_KEY = "another key that nobody will guess, of forty-eight"
    assert "rewrap" in found("stockade.D182")["remedy"]
    keyring.rewrap()
    assert check()[0] == 0


def test_keys_that_hang_on_the_secret_key_are_found(project: Any) -> None:
    del project.STOCKADE_KEY
    assert found("stockade.D183")["level"] == "warning"


def test_a_new_key_that_would_wait_for_days_is_found(project: Any) -> None:
    change(project, KEYRING={"JWKS_MAX_AGE": "7d"})
    assert "7 days" in found("stockade.D184")["what"]


def test_secrets_that_are_weak_or_shared_are_found(project: Any) -> None:
    project.EMAIL_HOST_PASSWORD = project.SECRET_KEY
    status, rows = check()
    told = [row["what"] for row in rows if row["id"] == "stockade.D185"]
    assert status == 1
    assert any("EMAIL_HOST_PASSWORD is the same as SECRET_KEY" in what for what in told)
    assert not any(project.SECRET_KEY in what for what in told)
