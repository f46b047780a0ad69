"""One run of the demo from its folder to its end: make, start, announce, wait, clean up."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from stockade.demo import accounts, databases, launch, options as chosen, tour
from stockade.demo.config import ISSUER_KEY, Config, write_private
from stockade.demo.issuer.endpoints import CLIENTS, DISCOVERY
from stockade.demo.issuer.signing import new_key
from stockade.demo.options import Options
from stockade.demo.watch import Watch

WORKERS = 2
# Keys are fetched without TLS here, which only a loopback address allows; and nobody from elsewhere has business there.
ISSUER_HOST = "127.0.0.1"
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound


class Stop(BaseException):
    """A signal asked us to end."""


class Stoppable:
    """A block that SIGINT or SIGTERM ends, with everything in it cleaned up; further signals do not disturb that."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __enter__(self) -> None:
        self._before = {each: signal.signal(each, self._stop) for each in self._SIGNALS}

    def _stop(self, number: int, frame: FrameType | None) -> None:
        for each in self._SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Stop

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        for each, handler in self._before.items():
            signal.signal(each, handler)
        return kind is Stop


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder for one run, mode 0700, gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="stockade-demo-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def progress(options: Options) -> Iterator[Callable[[str], None]]:
    """Says on a terminal what is being done; nothing in a pipe."""
    if options.quiet or not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield status.update


def make(options: Options, where: Path, *, port: int, twin_port: int, twin_limits: dict[str, str]) -> Config:
    """Everything that is decided once for a run, secrets at random; written to its folder.

    Args:
        options: what the user asked for.
        where: the folder.
        port: where the reference API will listen.
        twin_port: where the twin will; 0 for no twin.
        twin_limits: its rates, where they are not the guide's.
    """
    ours, twins = databases.from_url(options.database, where)
    shown = "127.0.0.1" if options.host in EVERYWHERE else options.host
    shown = f"[{shown}]" if ":" in shown else shown
    hosts = ["localhost", "127.0.0.1", "[::1]", shown]
    config = Config(
        folder=where,
        base_url=f"http://{shown}:{port}",
        twin_url=f"http://{shown}:{twin_port}" if twin_port else "",
        issuer_url=f"http://{ISSUER_HOST}:{launch.free_port(ISSUER_HOST)}",
        database=ours,
        twin_database=twins,
        state=options.state or f"lmdb://{where}/state",
        limits=options.limits,
        twin_limits=twin_limits,
        hosts=hosts if options.loopback else ["*"],
        workers=options.workers or WORKERS,
        secret_key=secrets.token_urlsafe(64),
        twin_secret_key=secrets.token_urlsafe(64),
        page_key=secrets.token_urlsafe(24) if options.loopback else "",
        passwords=accounts.passwords(),
        webhooks=accounts.webhooks(),
        partners={name: secrets.token_hex(32) for name in CLIENTS},
    )
    write_private(where / ISSUER_KEY, new_key())
    config.write()
    return config


def pick_port(options: Options) -> int:
    """The port that was asked for, or a free one in its place."""
    if options.port and launch.port_is_free(options.host, options.port):
        return options.port
    found = launch.free_port(options.host)
    if options.port:
        sys.stderr.write(f"Port {options.port} of {options.host} is taken: using {found}.\n")
    return found


def serve(options: Options) -> int:
    """Serve until a signal; the exit status."""
    with Stoppable(), folder() as where, contextlib.ExitStack() as running:
        twin_port = launch.free_port(options.host) if chosen.twin_is_possible() else 0
        # The same rates as ours, so that both can be played with for a while.
        twin_limits = {"anon": "600/min", "user": "600/min"}
        twin_limits.update((name, rate) for name, rate in options.limits.items() if name in twin_limits)
        config = make(options, where, port=pick_port(options), twin_port=twin_port, twin_limits=twin_limits)
        with progress(options) as say:
            say("making databases, starting servers")
            servers = start(config, options, running)
        if not options.loopback:
            sys.stderr.write(
                f"Everyone who reaches this machine reaches the demo on {options.host}; "
                "its page hands out neither passwords nor the log.\n"
            )
        if options.credentials is not None:
            write_credentials(config, options.credentials)
        if not options.quiet:
            sys.stdout.write(announcement(config))
            sys.stdout.flush()
        return wait(servers, config, follow=sys.stdout.isatty() and not options.quiet)
    return 0


def start(config: Config, options: Options, running: contextlib.ExitStack) -> list[launch.Server]:
    """Prepare the databases and start the servers; they stop when `running` closes.

    Raises:
        LaunchError: a database or a server cannot be brought up.
    """
    ready = {"project": "/readyz", "twin": "/healthz", "issuer": DISCOVERY}
    wanted = [
        ("project", config.base_url, options.host, config.workers),
        ("twin", config.twin_url, options.host, config.workers),
        ("issuer", config.issuer_url, ISSUER_HOST, 1),
    ]
    wanted = [each for each in wanted if each[1]]
    launch.prepare(config, *(name for name, *_ in wanted if name != "issuer"))
    servers = [
        running.enter_context(launch.running(config, name, host, int(url.rpartition(":")[2]), workers))
        for name, url, host, workers in wanted
    ]
    for server in servers:
        server.wait_until_ready(ready[server.name])
    return servers


def wait(servers: list[launch.Server], config: Config, *, follow: bool) -> int:
    """Return when a server has ended by itself; show the security log meanwhile if asked to."""
    watch = Watch(config.folder / "security.log")
    try:
        while True:
            for server in servers:
                if server.process.poll() is not None:
                    sys.stderr.write(f"The {server.name} server has ended.\n{server.tail()}\n")
                    return 1
            if follow:
                for line in watch.lines():
                    sys.stdout.write(line + "\n")
                sys.stdout.flush()
            time.sleep(0.3)
    finally:
        watch.close()


def write_credentials(config: Config, path: Path) -> None:
    """Base URL, users, secrets of senders and partners, and the key of the page as JSON, for programs; mode 0600."""
    users = {
        name: {"password": password, "groups": accounts.GROUPS[name]}
        for name, password in config.passwords.items()
    }
    document = {
        "base_url": config.base_url,
        "users": users,
        "webhooks": config.webhooks,
        "issuer_url": config.issuer_url,
        "partners": config.partners,
        "twin_url": config.twin_url,
        "page_url": page_url(config),
        "folder": str(config.folder),
    }
    write_private(path, json.dumps(document, indent=2) + "\n")


def page_url(config: Config) -> str:
    """The address of the page, with the key to its conveniences where it has them."""
    return f"{config.base_url}/#{config.page_key}" if config.page_key else f"{config.base_url}/"


def announcement(config: Config) -> str:
    """What the terminal shows: where everything is, who is there, and what to try."""
    users = "\n".join(
        f"  {name:<6} {password}   {', '.join(accounts.GROUPS[name])}"
        for name, password in config.passwords.items()
    )
    twin = f"The stock twin   {config.twin_url}/\n" if config.twin_url else ""
    lines = tour.lines(config)
    return f"""\
Reference API    {config.base_url}/   {config.workers} workers, Ctrl-C ends it
The page         {page_url(config)}
{twin}Another issuer   {config.issuer_url}   (of another company: its people and services call the API as well)
Its folder       {config.folder}   (security.log, databases; gone at the end)

Users, with passwords made for this run:
{users}

Paste what follows into bash, line by line or all at once. A number before a colon is what the line below it ends with.

{lines}
# Or attack it by buttons: {page_url(config)}
"""
