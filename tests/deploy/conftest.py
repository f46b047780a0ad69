"""One stack for the tests of the files: PostgreSQL, Redis, two hosts that serve, nginx before them."""

from __future__ import annotations

import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy import stack
from tests.deploy.files import HOST, PROXY_SECRET, certificates
from tests.deploy.redis import Node, Passwords, redis
from tests.servers import ROOT, free_port


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="stockade-deploy-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def tls(folder: Path) -> Path:
    return certificates(folder / "tls")


@pytest.fixture(scope="session")
def database(folder: Path) -> Iterator[stack.Database]:
    with stack.postgres(folder / "postgres") as found:
        yield found


@dataclass(frozen=True, slots=True)
class Site:
    """The whole: nginx, the ports of the hosts behind it, their environment, and a user who may log in."""

    front: stack.Front
    hosts: tuple[int, int]
    env: dict[str, str]
    tls: Path
    password: str


@pytest.fixture(scope="session")
def state(folder: Path) -> Iterator[Node]:
    with redis(folder / "redis", Passwords()) as found:
        yield found


@pytest.fixture(scope="session")
def site(folder: Path, tls: Path, database: stack.Database, state: Node) -> Iterator[Site]:
    password = secrets.token_urlsafe(16)
    kept = stack.credentials(
        folder / "credentials",
        DJANGO_SECRET_KEY=secrets.token_urlsafe(48),
        STOCKADE_KEY=secrets.token_urlsafe(48),
        DATABASE_PASSWORD=database.password,
        STATE_URL=state.url(),
        STOCKADE_PROXY_SECRET=PROXY_SECRET,
    )
    env = stack.environment(
        CREDENTIALS_DIRECTORY=str(kept),
        MYPROJECT_HOST=HOST,
        MYPROJECT_PROXIES="127.0.0.1/32",
        MYPROJECT_DATABASE_HOST=database.socket,
        MYPROJECT_DATABASE_PORT=str(database.port),
        MYPROJECT_CA=str(tls / "ca.pem"),
        MYPROJECT_SECURITY_LOG=str(folder / "security.log"),
    )
    manage(env, "migrate", "--verbosity", "0")
    manage(env, "createsuperuser", "--noinput", "--username", "alice", "--email", "alice@example.org",
           DJANGO_SUPERUSER_PASSWORD=password)  # fmt: skip
    with ExitStack() as running:
        hosts = (free_port(), free_port())
        for port in hosts:
            running.enter_context(stack.host(port, env))
        front = running.enter_context(stack.front(folder / "nginx", tls, hosts, env))
        yield Site(front, hosts, env, tls, password)


def manage(env: dict[str, str], *arguments: str, **extra: str) -> str:
    """Run a management command of the site."""
    done = subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        cwd=ROOT, env={**env, **extra}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
