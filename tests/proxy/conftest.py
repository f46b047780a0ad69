"""One application, one nginx and one Caddy for all tests of this room."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest

from tests.deploy.files import certificates
from tests.proxy import stand
from tests.proxy.raw import Client
from tests.servers import free_port

# Nobody is to wait for the times that real clients get.
SHORT = {
    "nginx": {
        "client_header_timeout 10s": "client_header_timeout 1s",
        "client_body_timeout 10s": "client_body_timeout 1s",
    },
    "caddy": {"read_header 10s": "read_header 1s", "read_body 30s": "read_body 2s"},
}
MAX_BODY = 256 * 1024


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="stockade-proxy-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def tls(folder: Path) -> Path:
    return certificates(folder / "tls")


@dataclass(frozen=True, slots=True)
class Site:
    """The application: where it listens, its folder and environment, and its users' passwords."""

    port: int
    folder: Path
    env: dict[str, str]
    passwords: dict[str, str]

    @property
    def upstream(self) -> str:
        return f"127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def site(folder: Path) -> Iterator[Site]:
    from stockade.demo import launch, run
    from stockade.demo.options import Options

    where = folder / "demo"
    where.mkdir(mode=0o700)
    port = free_port()
    chosen = Options("127.0.0.1", port, "", "", 1, {}, None, True)
    config = run.make(chosen, where, port=port, twin_port=0, twin_limits={})
    launch.prepare(config, "project")
    env = stand.application_environment(where)
    with stand.granian(port, env, "--http1-header-read-timeout", "1000"):
        yield Site(port, where, env, config.passwords)


@pytest.fixture(scope="session")
def static(folder: Path) -> Path:
    import django.contrib.admin

    found = folder / "static"
    copytree(Path(django.contrib.admin.__file__).parent / "static" / "admin" / "css", found / "admin" / "css")
    return found


@pytest.fixture(scope="session")
def fronts(folder: Path, tls: Path, site: Site, static: Path) -> Iterator[dict[str, stand.Front]]:
    """nginx, Caddy, and nothing, before the application."""
    with ExitStack() as running:
        found = {"granian": stand.Front("granian", 0, site.port, folder)}
        for program in stand.PROGRAMS:
            files = stand.Files(folder / program, tls)
            options = ["--domain", stand.HOST, "--static", str(static), "--max-body", str(MAX_BODY)]
            found[program] = running.enter_context(
                stand.front(program, files, site.upstream, *options, env=site.env, put=SHORT[program])
            )
        yield found


@pytest.fixture(params=[*stand.PROGRAMS, "granian"])
def client(request: pytest.FixtureRequest, fronts: dict[str, stand.Front], tls: Path) -> Client:
    """A client of nginx, of Caddy, and of the application itself."""
    return Client(fronts[request.param], tls / "ca.pem")


@pytest.fixture(params=stand.PROGRAMS)
def proxied(request: pytest.FixtureRequest, fronts: dict[str, stand.Front], tls: Path) -> Client:
    """A client of nginx and of Caddy."""
    return Client(fronts[request.param], tls / "ca.pem")
