"""`stockade keyring`: list, rotate, retire and wrap signing keys, and print the public ones."""

from __future__ import annotations

from typing import Annotated

import orjson
import typer

from stockade.cli.output import FORMAT, WRONG_USE, Format, fail, listing
from stockade.cli.project import load_project

app = typer.Typer(
    help="The key ring: list, rotate, retire, wrap anew; the public keys.", no_args_is_help=True
)
_COLUMNS = ("kid", "algorithm", "state", "created_at", "signs_from", "verifies_until")


def _lifetime() -> float:
    """Seconds that the last token of a key is good for."""
    from stockade import conf
    from stockade.schemes.conf import JWTSettings

    return conf.load(JWTSettings).access_lifetime


@app.command("list")
def list_keys(format: Annotated[Format, FORMAT] = Format.TEXT) -> None:
    """Every key, newest first."""
    load_project()
    from stockade import keyring

    rows = ({column: getattr(info, column) for column in _COLUMNS} for info in keyring.listing())
    listing(rows, _COLUMNS, format, empty="No keys yet; the first token makes one.")


@app.command("rotate")
def rotate(
    now: Annotated[
        bool, typer.Option("--now", help="Sign at once, without waiting for cached JWKS.")
    ] = False,
    algorithm: Annotated[
        str | None, typer.Option("--algorithm", help="ES256, EdDSA, RS256 or HS256.")
    ] = None,
) -> None:
    """Publish the next key; it signs when every cached JWKS holds it, and the old one then only verifies."""
    load_project()
    from stockade import keyring

    try:
        kid = keyring.rotate(now=now, algorithm=algorithm, lifetime=_lifetime())
    except ValueError as error:
        fail(str(error), WRONG_USE)
    state = next((info for info in keyring.listing() if info.kid == kid), None)
    when = (
        ""
        if state is None or state.state == "signing"
        else f", signs from {state.signs_from:%Y-%m-%d %H:%M:%S} UTC"
    )
    typer.echo(f"Published {kid}{when}.")


@app.command("retire")
def retire(kid: Annotated[str, typer.Argument(metavar="KID")]) -> None:
    """Take a key out of use; what it signed verifies until it has run out."""
    load_project()
    from stockade import keyring

    try:
        keyring.retire(kid, lifetime=_lifetime())
    except LookupError as error:
        fail(str(error.args[0]))
    typer.echo(f"Retired {kid}.")


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
