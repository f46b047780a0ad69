"""`stockade import`: take the tokens of another package for as long as they live, so that nobody is logged out."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from stockade.cli.output import WRONG_USE, fail
from stockade.cli.project import load_project

if TYPE_CHECKING:
    from stockade.schemes.simplejwt.move import Counts

app = typer.Typer(
    help="Move here from another package: its tokens go on until they expire.", no_args_is_help=True
)


@app.callback()
def root() -> None:
    """Move here from another package: its tokens go on until they expire."""


@app.command("simplejwt")
def simplejwt(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")] = False,
    unlisted: Annotated[
        bool,
        typer.Option(
            "--unlisted", help="Also refresh tokens that simplejwt's tables lack: before 5.5 it kept not all."
        ),
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the import back.")] = False,
) -> None:
    """Take simplejwt's access tokens until they expire, and each refresh token once, for a session.

    Run it while simplejwt still serves, then serve with "simplejwt" in SCHEMES, then run it once more. It may be
    interrupted and run again.
    """
    if undo and (dry_run or unlisted):
        fail("--undo takes no other option.", WRONG_USE)
    load_project()
    if undo:
        _undo()
        return
    from stockade.schemes.simplejwt import move

    with _progress() as progress:
        found = move.run(dry=dry_run, unlisted=unlisted, progress=progress)
    _tell(found, dry_run)
    _advise(found)
    if not dry_run:
        _say_when()


@app.command("authtoken")
def authtoken(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the import back.")] = False,
    erase: Annotated[
        bool,
        typer.Option(
            "--erase", help="Then remove the tokens from its table: the last step, with no way back."
        ),
    ] = False,
) -> None:
    """Take the tokens of rest_framework.authtoken, each as a digest, so that clients keep them.

    Run it while the old processes still serve, then serve with "authtoken" in SCHEMES, then run it once more. It may
    be interrupted and run again.
    """
    if dry_run + undo + erase > 1:
        fail("--dry-run, --undo and --erase: one of them.", WRONG_USE)
    load_project()
    from stockade.schemes.authtoken import move

    if undo:
        try:
            count = move.undo()
        except move.Erased as error:
            fail(str(error))
        if count is None:
            fail("There is no import from authtoken.")
        typer.echo(
            f"Undone: {_count(count, 'token')} {'is' if count == 1 else 'are'} taken by the old table alone."
        )
        _say_when()
        return
    with _progress() as progress:
        found = move.erase(progress=progress) if erase else move.run(dry=dry_run, progress=progress)
    typer.echo(f"{'Would take' if dry_run else 'Takes'} {_count(found.tokens, 'token')} ({found.new} new).")
    typer.echo(
        f"Not taken: {found.shapes} of another shape, {found.ended} revoked here, {found.gone} deleted from the old "
        "table."
    )
    if erase:
        typer.echo(f"Erased {_count(found.erased, 'token')} from the old table.")
    _advise_authtoken(found.shapes)
    if not dry_run:
        _say_when()


def _advise_authtoken(shapes: int) -> None:
    """What the settings must say for it to work, and what is left to do, on standard error."""
    from stockade import conf
    from stockade.schemes.conf import SchemeSettings

    schemes = conf.load(SchemeSettings).schemes
    if "authtoken" not in schemes:
        typer.echo('For its tokens to be taken, add "authtoken" to STOCKADE["SCHEMES"].', err=True)
    if "rest_framework.authentication.TokenAuthentication" in schemes:
        typer.echo(
            "SCHEMES also names DRF's TokenAuthentication, which is asked no more for tokens of 40 hex digits: take it "
            "out.",
            err=True,
        )
    if shapes:
        typer.echo(
            "A token that is not 40 hex digits was not made by the package, and may be easy to guess: give its user "
            "another one (`stockade tokens create`).",
            err=True,
        )


def _undo() -> None:
    from stockade.schemes.simplejwt import move

    found = move.undo()
    if found is None:
        fail("There is no import from simplejwt.")
    were, stay = ("was", "stays") if found.used == 1 else ("were", "stay")
    typer.echo(
        f"Undone: {_count(found.tokens, 'refresh token')} that {'was' if found.tokens == 1 else 'were'} not used yet "
        f"{'is' if found.tokens == 1 else 'are'} not taken any more, nor is any access token."
    )
    typer.echo(f"{found.used} {were} exchanged or revoked and {stay} so; sessions go on.")
    _say_when()


def _say_when() -> None:
    """With ``memory://`` this process's state is not the one that serves: do not let an operator believe it is."""
    from stockade import conf
    from stockade.gate.registry import get_gate
    from stockade.pipeline.conf import PipelineSettings

    if get_gate().url == "memory://":
        seconds = conf.load(PipelineSettings).principal_max_age
        typer.echo(f'"STATE" is "memory://": the process that serves notices within {seconds:g} s.', err=True)


def _tell(found: Counts, dry: bool) -> None:
    would, until = "Would take" if dry else "Takes", _when(found.refresh_until)
    users, tokens = _count(found.users, "user"), _count(found.tokens, "refresh token")
    typer.echo(f"{would} tokens of {users} ({found.new_users} new; {found.inactive} inactive).")
    if found.judged_by != "signatures":
        typer.echo(f"{would} {tokens} ({found.new_tokens} new), until {until}.")
        typer.echo(
            f"Not taken: {found.blacklisted} blacklisted, {found.expired} expired, {found.nobodys} of no active "
            f"user, {found.used} used already."
        )
        if found.judged_by == "blacklist":
            typer.echo(f"{would} every other refresh token with a good signature, until {until}.")
    else:
        typer.echo(
            f"{would} every refresh token with a good signature, until {until}: without simplejwt's app "
            "token_blacklist nobody knows which ones were issued, and none was ever taken back."
        )
    typer.echo(f"{would} access tokens until {_when(found.access_until)}.")


def _advise(found: Counts) -> None:
    """What the settings must say for it to work, on standard error."""
    from stockade import conf
    from stockade.schemes.conf import SchemeSettings
    from stockade.schemes.simplejwt.conf import config

    schemes, settings = conf.load(SchemeSettings).schemes, config()
    if not {"simplejwt", "jwt"} <= set(schemes) or schemes.index("simplejwt") > schemes.index("jwt"):
        wanted = ", ".join(f'"{name}"' for name in ("simplejwt", "jwt"))
        typer.echo(f'For its tokens to be taken, begin STOCKADE["SCHEMES"] with {wanted}.', err=True)
    if not settings.by_pk:
        typer.echo(
            f"USER_ID_FIELD is {settings.user_field!r}, not the primary key: access tokens are refused, and clients "
            "refresh at once.",
            err=True,
        )
    if not settings.rotates:
        typer.echo(
            "ROTATE_REFRESH_TOKENS is off: a client that keeps its first refresh token, and not the one of each "
            "answer, is logged out at its second refresh.",
            err=True,
        )
    if found.judged_by == "signatures":
        typer.echo(
            "A refresh token that has leaked, or whose user has logged out, is as good as any other until then.",
            err=True,
        )
    elif found.judged_by == "tables" and settings.rotates and _keeps_not_all():
        typer.echo(
            "Before 5.5 simplejwt kept no rows of the refresh tokens that it gave at a refresh. Whoever holds one is "
            "logged out; add --unlisted to take them, too.",
            err=True,
        )


def _keeps_not_all() -> bool:
    """Whether the simplejwt that is installed lacks its pull request 866."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        numbers = version("djangorestframework-simplejwt").split(".")[:2]
    except PackageNotFoundError:
        return True
    return [int(number) if number.isdigit() else 0 for number in numbers] < [5, 5]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _when(moment: datetime.datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment is not None else "-"


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Bars on a terminal, nothing in a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as shown:

        def tell(what: str, done: int, of: int) -> None:
            if what not in bars:
                bars[what] = shown.add_task(what, total=of)
            shown.update(bars[what], completed=done)

        yield tell
