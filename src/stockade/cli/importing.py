"""`stockade import`: take the tokens of another package for as long as they live, so that nobody is logged out."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from stockade.cli import imported
from stockade.cli.output import WRONG_USE, count, fail
from stockade.cli.progress import bars
from stockade.cli.project import load_project, say_when

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

    with bars() as progress:
        found = move.run(dry=dry_run, unlisted=unlisted, progress=progress)
    _tell(found, dry_run)
    _advise(found)
    if not dry_run:
        say_when()


_DRY = Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")]
_UNDO = Annotated[bool, typer.Option("--undo", help="Take the import back.")]
_ERASE = Annotated[
    bool,
    typer.Option(
        "--erase", help="Then remove what was taken from its table: the last step, with no way back."
    ),
]


@app.command("authtoken")
def authtoken(dry_run: _DRY = False, undo: _UNDO = False, erase: _ERASE = False) -> None:
    """Take the tokens of rest_framework.authtoken, each as a digest, so that clients keep them.

    Run it while the old processes still serve, then serve with "authtoken" in SCHEMES, then run it once more. It may
    be interrupted and run again.
    """
    imported.take("authtoken", dry_run, undo, erase)


@app.command("knox")
def knox(dry_run: _DRY = False, undo: _UNDO = False, erase: _ERASE = False) -> None:
    """Take the tokens of django-rest-knox, which clients keep; when one ends goes on as its settings say.

    Run it while the old processes still serve, then serve with "knox" in SCHEMES, then run it once more. It may be
    interrupted and run again.
    """
    imported.take("knox", dry_run, undo, erase)


@app.command("drf-api-key")
def drf_api_key(dry_run: _DRY = False, undo: _UNDO = False, erase: _ERASE = False) -> None:
    """Take the keys of djangorestframework-api-key, which clients keep; each is a service's.

    Run it while the old processes still serve, then serve with "drf-api-key" in SCHEMES, then run it once more. It may
    be interrupted and run again.
    """
    imported.take("drf-api-key", dry_run, undo, erase)


def _undo() -> None:
    from stockade.schemes.simplejwt import move

    found = move.undo()
    if found is None:
        fail("There is no import from simplejwt.")
    were, stay = ("was", "stays") if found.used == 1 else ("were", "stay")
    typer.echo(
        f"Undone: {count(found.tokens, 'refresh token')} that {'was' if found.tokens == 1 else 'were'} not used yet "
        f"{'is' if found.tokens == 1 else 'are'} not taken any more, nor is any access token."
    )
    typer.echo(f"{found.used} {were} exchanged or revoked and {stay} so; sessions go on.")
    say_when()


def _tell(found: Counts, dry: bool) -> None:
    would, until = "Would take" if dry else "Takes", _when(found.refresh_until)
    users, tokens = count(found.users, "user"), count(found.tokens, "refresh token")
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


def _when(moment: datetime.datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment is not None else "-"
