"""`stockade demo`: its options, and what they lead to."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from stockade.demo.config import UsageError
from stockade.demo.launch import LaunchError


class Format(str, Enum):  # noqa: UP042 - typer reads the values of a str enum
    """How the table of `--attack` is printed."""

    TABLE = "table"
    JSON = "json"


def demo(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="TCP port; if it is taken, a free one is used.")] = 8000,
    state: Annotated[str, typer.Option("--state", metavar="URL", help="Shared state; default: lmdb://")] = "",
    database: Annotated[
        str,
        typer.Option("--database", metavar="URL", help="postgres://... or sqlite:///...; default: SQLite"),
    ] = "",
    workers: Annotated[
        int,
        typer.Option(
            "--workers", help="Processes of each server; default 2, attacked 4.", show_default=False
        ),
    ] = 0,
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", metavar="NAME=RATE", help="Override a named limit; repeatable."),
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option("--credentials", metavar="FILE", help="Write base URL and passwords as JSON."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but what went wrong.")] = False,
    attack: Annotated[
        bool, typer.Option("--attack", help="Attack Stockade and a stock twin, print what happened, and end.")
    ] = False,
    format: Annotated[Format, typer.Option("--format", help="Of the table of --attack.")] = Format.TABLE,
) -> None:
    """Run the reference API with its page, or attack it beside the same API made of stock parts."""
    try:
        raise typer.Exit(
            run(host, port, state, database, workers, limit or [], credentials, quiet, attack, format.value)
        )
    except UsageError as error:
        typer.echo(f"stockade demo: {error}", err=True)
        raise typer.Exit(2) from None
    except LaunchError as error:
        typer.echo(f"stockade demo: {error}", err=True)
        raise typer.Exit(1) from None


def run(
    host: str,
    port: int,
    state: str,
    database: str,
    workers: int,
    limits: list[str],
    credentials: Path | None,
    quiet: bool,
    attack: bool,
    format: str = "table",
) -> int:
    """Do it; the exit status.

    Raises:
        UsageError: the options cannot be followed. LaunchError: something did not start.
    """
    from stockade.demo import options as chosen

    chosen.require("granian", "drf_spectacular", "lmdb")
    options = chosen.Options(
        host, port, state, database, workers, chosen.read_limits(limits), credentials, quiet
    )
    chosen.check(options)
    if attack:
        from stockade.demo.attack import attack as attack_both

        return attack_both(options, format)
    from stockade.demo.run import serve

    return serve(options)
