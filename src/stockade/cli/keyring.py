"""`stockade keyring`: list, rotate, retire and wrap signing keys, and print the public ones."""

from __future__ import annotations

import datetime
from typing import Annotated

import orjson
import typer

from stockade.cli.output import FORMAT, WRONG_USE, Format, fail, listing
from stockade.cli.project import load_project

app = typer.Typer(
    help="The key ring: list, rotate, retire, wrap anew; the public keys.", no_args_is_help=True
)
_COLUMNS = (
    "kid", "algorithm", "state", "created_at", "signs_from", "stops_at", "verifies_until", "retire_from",
)  # fmt: skip


def _lifetime() -> float:
    """Seconds that a token is good for."""
    from stockade import conf
    from stockade.schemes.conf import JWTSettings

    return conf.load(JWTSettings).access_lifetime


@app.command("list")
def list_keys(format: Annotated[Format, FORMAT] = Format.TEXT) -> None:
    """Every key, newest first: when it signs, how long it verifies, from when on it may be retired."""
    load_project()
    from stockade import keyring

    def cell(value: object) -> object:
        short = format is Format.TEXT and isinstance(value, datetime.datetime)
        return (
            f"{value:%Y-%m-%d %H:%M:%S}" if short else value
        )  # in UTC; with more, no terminal is wide enough

    rows = ({column: cell(getattr(info, column)) for column in _COLUMNS} for info in keyring.listing())
    listing(rows, _COLUMNS, format, empty="No keys yet; the first token makes one.")


@app.command("rotate")
def rotate(
    now: Annotated[
        bool, typer.Option("--now", help="Sign at once, without waiting for cached JWKS.")
    ] = False,
    if_due: Annotated[
        bool,
        typer.Option("--if-due", help="Only if KEYRING['ROTATION'] is over or JWT['ALGORITHM'] was changed."),
    ] = False,
    algorithm: Annotated[
        str | None, typer.Option("--algorithm", help="ES256, EdDSA, RS256 or HS256.")
    ] = None,
) -> None:
    """Publish the next key; it signs when every cached JWKS holds it, and the old one then only verifies."""
    load_project()
    from stockade import keyring

    if if_due:
        if now or algorithm:
            fail("--if-due takes no other option: the settings say what is due.", WRONG_USE)
        _rotate_if_due()
        return
    try:
        kid = keyring.rotate(now=now, algorithm=algorithm, lifetime=_lifetime())
    except ValueError as error:
        fail(str(error), WRONG_USE)
    typer.echo(_published(kid))
    _warn()


def _rotate_if_due() -> None:
    """For a timer: says what was done, and that nothing was."""
    from stockade import conf, keyring
    from stockade.schemes.conf import LoginSettings

    # A device is known by a MAC: a key that may have made it is kept for as long as a device is known.
    turn = keyring.rotate_if_due(lifetime=_lifetime(), keep=conf.load(LoginSettings).device_lifetime)
    if turn.published:
        typer.echo(_published(turn.published))
    for kid in turn.retired:
        typer.echo(f"Retired {kid}.")
    if turn.due_at is None:
        typer.echo("No keys yet; the first token makes one.")
    elif not turn.published:
        typer.echo(f"Nothing is due before {_when(turn.due_at)}.")
    if turn.published or turn.retired:
        _warn()


def _published(kid: str) -> str:
    from stockade import keyring

    info = next((info for info in keyring.listing() if info.kid == kid), None)
    if info is None or info.state != "published" or info.signs_from is None:
        return f"Published {kid}."
    return f"Published {kid}, signs from {_when(info.signs_from)}."


def _when(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


@app.command("retire")
def retire(
    kid: Annotated[str, typer.Argument(metavar="KID")],
    compromised: Annotated[
        bool,
        typer.Option(
            "--compromised", help="At once: refuse what it signed, end its sessions, sign with another key."
        ),
    ] = False,
) -> None:
    """Delete a key that nothing rests on any more; `keyring list` tells from when on that is so."""
    load_project()
    from stockade import keyring

    try:
        keyring.retire(kid, compromised=compromised)
    except LookupError as error:
        fail(str(error.args[0]))
    except keyring.StillNeeded as error:
        fail(f"{error} If it has leaked: `stockade keyring retire {kid} --compromised`, which ends them now.")
    typer.echo(f"{'Revoked' if compromised else 'Retired'} {kid}.")
    _warn()


def _warn() -> None:
    """With ``memory://`` this process's state is not the one that serves: do not let an operator believe it is."""
    from stockade.gate.registry import get_gate

    if get_gate().url == "memory://":
        typer.echo(
            '"STATE" is "memory://": the process that serves does not hear of it. Start it again.', err=True
        )


@app.command("rewrap")
def rewrap() -> None:
    """Wrap every private key with the STOCKADE_KEY or SECRET_KEY of today; then the fallbacks may go."""
    load_project()
    from stockade import keyring

    count = keyring.rewrap()
    typer.echo(
        f"Wrapped {count} key{'s' if count != 1 else ''} with the STOCKADE_KEY or SECRET_KEY of today."
    )


@app.command("jwks")
def jwks() -> None:
    """The public keys, as /.well-known/jwks.json serves them."""
    load_project()
    from stockade import keyring

    typer.echo(orjson.dumps(keyring.ring().jwks(), option=orjson.OPT_INDENT_2).decode())
