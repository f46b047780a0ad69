"""The root of the command line: options, project set-up, and the groups of commands."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from django.db import DatabaseError

from stockade import __version__
from stockade.cli import (
    apikeys,
    bans,
    check,
    events,
    importing,
    issuers,
    keyring,
    lockouts,
    passwords,
    secrets,
    sessions,
    state,
    tokens,
    webhooks,
)
from stockade.cli.choosing.command import choose
from stockade.cli.output import FINDINGS, WRONG_USE
from stockade.cli.proxy import proxy
from stockade.cli.report import report
from stockade.core.errors import ConfigurationError, Unavailable
from stockade.demo.command import demo

app = typer.Typer(
    name="stockade",
    help="The security layer for Django APIs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a pretty traceback shows local variables, secrets among them
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stockade {__version__}")
        raise typer.Exit


@app.callback()
def root(
    settings: Annotated[
        str | None,
        typer.Option(
            "--settings", metavar="MODULE", help="The project's settings; else DJANGO_SETTINGS_MODULE."
        ),
    ] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    """Remember which project is meant; it is loaded by the commands that need one."""
    if settings is not None:
        os.environ["DJANGO_SETTINGS_MODULE"] = settings


app.command("demo")(demo)
app.command("check")(check.check)
app.command("report")(report)
app.command("proxy")(proxy)
app.command("choose")(choose)
app.add_typer(keyring.app, name="keyring")
app.add_typer(sessions.app, name="sessions")
app.add_typer(tokens.app, name="tokens")
app.add_typer(apikeys.app, name="apikeys")
app.add_typer(passwords.app, name="passwords")
app.add_typer(issuers.app, name="issuers")
app.add_typer(secrets.app, name="secrets")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(lockouts.app, name="lockouts")
app.add_typer(bans.app, name="bans")
app.add_typer(events.app, name="events")
app.add_typer(state.app, name="state")
app.add_typer(importing.app, name="import")


def run(arguments: list[str] | None = None, name: str | None = None) -> None:
    """Run the command line.

    Args:
        arguments: without the program's name; None for those of the process.
        name: how it was called, for the lines on its use; None for what the process says.
    """
    if "" not in sys.path:
        sys.path.insert(0, "")  # the project's own package, as `python manage.py` finds it
    try:
        app(arguments, prog_name=name)
    except ConfigurationError as error:
        typer.echo(str(error), err=True)
        sys.exit(WRONG_USE)
    except DatabaseError as error:
        typer.echo(f"The database says: {error}. Is it there, and migrated (`manage.py migrate`)?", err=True)
        sys.exit(FINDINGS)
    except Unavailable as error:
        typer.echo(f"The state is away ({error.reason}); nothing was changed. Try again.", err=True)
        sys.exit(FINDINGS)
