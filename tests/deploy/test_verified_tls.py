"""docs/how-to/verify-tls-behind.md against real servers: who answers in the place of one is told nothing."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stockade.core.errors import Unavailable
from stockade.gate.keys import subject_key
from stockade.gate.redis.address import parse
from stockade.gate.redis.gate import RedisGate
from tests.deploy.files import DEPLOY, filled, write
from tests.servers import ROOT, free_port, serve

PAGE = ROOT / "docs" / "how-to" / "verify-tls-behind.md"
PASSWORD = "a-password-of-the-tests-own"


def tool(name: str, package: str) -> str:
    """A program of the machine. In CI it must be there; elsewhere its absence is reported."""
    # Debian has the programs of a PostgreSQL server in a folder of each version.
    folders = [*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), os.environ["PATH"]]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        message = f"{name} is missing: verified TLS was not tested (Debian: apt-get install {package})"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def block(beginning: str) -> str:
    """The block of the page that begins so."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (found,) = [text for text in blocks if text.startswith(beginning)]
    return found


def authority(folder: Path) -> Path:
    """An authority and two servers' certificates, by the commands of the page; both servers are this host."""
    folder.mkdir()
    commands = block("openssl").replace("db.internal state.internal", "localhost")
    tool("openssl", "openssl")
    done = subprocess.run(["bash", "-euc", commands], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@dataclass(frozen=True, slots=True)
class Behind:
    """Both servers: their ports, the folder with their authority's ca.pem, and one with a stranger's."""

    database: int
    state: int
    ours: Path
    theirs: Path

    def settings(self, ca: Path | None = None, host: str = "localhost") -> dict[str, Any]:
        """What the page's block amounts to."""
        text = block("DATABASES")
        for old, new in {
            '"..."': repr(PASSWORD), ":PASSWORD@": f":{PASSWORD}@", "db.internal": host, "state.internal": host,
            "5432": str(self.database), ":6379/": f":{self.state}/",
            "/etc/myproject/ca.pem": str((ca or self.ours) / "ca.pem"),
        }.items():  # fmt: skip
            assert old in text, old
            text = text.replace(old, new)
        found: dict[str, Any] = {}
        exec(text, found)
        return found


@pytest.fixture(autouse=True)
def reachable(django_db_blocker: Any) -> Iterator[None]:
    """The database of these tests is their own."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def behind(folder: Path) -> Iterator[Behind]:
    ours, theirs = authority(folder / "behind"), authority(folder / "others")
    with ExitStack() as running:
        database = running.enter_context(postgresql(folder / "pg-tls", ours))
        state = running.enter_context(redis(folder / "redis-tls", ours))
        yield Behind(database, state, ours, theirs)


@contextlib.contextmanager
def postgresql(folder: Path, pki: Path) -> Iterator[int]:
    """PostgreSQL with deploy/postgresql, as a user who is not root; its port."""
    port = free_port()
    initdb, postgres = tool("initdb", "postgresql"), tool("postgres", "postgresql")
    data = folder / "data"
    folder.mkdir()
    folder.parent.chmod(0o711)
    for name, mode in (("postgresql.pem", 0o644), ("postgresql.key", 0o600)):
        write(folder / name, (pki / f"localhost.{name.rpartition('.')[2]}").read_bytes(), mode)
    who = other_user()
    for path in (folder, *folder.iterdir()) if who else ():
        os.chown(path, who["user"], who["group"])
    made = [initdb, "-D", str(data), "-U", "postgres", "--auth", "trust", "-N"]
    subprocess.run(made, check=True, capture_output=True, cwd="/", **who)
    with (data / "postgresql.conf").open("a") as file:
        file.write((DEPLOY / "postgresql" / "stockade.conf").read_text())
        file.write(filled("postgresql/tls.conf", {"/etc/postgresql/tls": str(folder)}))
    change = {
        "postgres                   peer": "postgres                   trust",
        "10.0.0.0/16    scram": "127.0.0.1/32   scram",
    }
    (data / "pg_hba.conf").write_text(filled("postgresql/pg_hba.conf", change))
    command = [postgres, "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder)]
    process = subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **who)
    try:
        make_roles(folder, port)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def other_user() -> dict[str, Any]:
    """PostgreSQL does not run as root: as whom it does then, for subprocess."""
    if os.geteuid() != 0:
        return {}
    entries = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = entries.get("postgres") or entries["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def make_roles(socket: Path, port: int) -> None:
    """Wait for the server, and run roles.sql."""
    import psycopg

    place = f"host={socket} port={port} user=postgres dbname=postgres"
    deadline = time.monotonic() + 30
    while True:
        try:
            connection = psycopg.connect(place, autocommit=True)
            break
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)  # another process decides when
    with connection:
        for statement in filled("postgresql/roles.sql", {"CHANGE-ME": PASSWORD}).split(";\n"):
            if statement.strip():
                connection.execute(statement)


@contextlib.contextmanager
def redis(folder: Path, pki: Path) -> Iterator[int]:
    """Redis with deploy/redis/tls.conf; its port."""
    port = free_port()
    for name, source in (
        ("redis.pem", "localhost.pem"),
        ("redis.key", "localhost.key"),
        ("ca.pem", "ca.pem"),
    ):
        write(folder / name, (pki / source).read_bytes(), 0o600)
    conf = filled("redis/tls.conf", {"/etc/redis/tls": str(folder), "tls-port 6379": f"tls-port {port}"})
    users = f"user default off\nuser myproject on >{PASSWORD} ~* &* +@all\n"
    write(folder / "redis.conf", f'bind 127.0.0.1\nsave ""\ndir {folder}\n{conf}{users}')
    with serve(
        [tool("redis-server", "redis-server"), str(folder / "redis.conf")], port, env=dict(os.environ)
    ):
        yield port


def connect(settings: dict[str, Any]) -> str:
    """The version of TLS that Django's backend speaks with these settings."""
    from django.db.backends.postgresql.base import DatabaseWrapper
    from django.db.utils import ConnectionHandler

    given = ConnectionHandler(settings["DATABASES"]).settings["default"]
    database = DatabaseWrapper(given, "default")
    try:
        with database.cursor() as cursor:
            cursor.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            return str(cursor.fetchone()[0])
    finally:
        database.close()


def ask(settings: dict[str, Any]) -> tuple[Any, ...]:
    gate = RedisGate(parse(settings["STATE"]))
    try:
        gate.load([(subject_key("1"), 7)], 1)
        return gate.ask((subject_key("1"),), ()).epochs
    finally:
        gate.close()


def test_both_answer_to_who_has_the_authority(behind: Behind) -> None:
    assert connect(behind.settings()) == "TLSv1.3"
    assert ask(behind.settings()) == (7,)


def test_a_server_that_another_authority_vouches_for_is_told_nothing(behind: Behind) -> None:
    from django.db import OperationalError

    with pytest.raises(OperationalError, match="certificate verify failed"):
        connect(behind.settings(ca=behind.theirs))
    with pytest.raises(Unavailable):
        ask(behind.settings(ca=behind.theirs))


def test_a_server_whose_certificate_is_for_another_name_is_told_nothing(behind: Behind) -> None:
    """Any server of the house has a certificate of the authority; only one is the database."""
    from django.db import OperationalError

    with pytest.raises(OperationalError, match="does not match host name"):
        connect(behind.settings(host="127.0.0.1"))
    with pytest.raises(Unavailable):
        ask(behind.settings(host="127.0.0.1"))


def test_without_tls_nobody_comes_in(behind: Behind) -> None:
    from django.db import OperationalError

    settings = behind.settings()
    settings["DATABASES"]["default"]["OPTIONS"] = {"sslmode": "disable"}
    with pytest.raises(OperationalError, match="no encryption"):
        connect(settings)
    with pytest.raises(Unavailable):
        ask({"STATE": behind.settings()["STATE"].replace("rediss:", "redis:").partition("?")[0]})


def test_the_ids_that_the_page_names_look_at_what_it_says() -> None:
    from stockade.cli.deployed import CHECKS

    named = {check.id: check.look.__name__ for check in CHECKS}
    assert named["stockade.D123"] == named["stockade.D154"] == "encrypted"
