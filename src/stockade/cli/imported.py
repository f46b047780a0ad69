"""What `stockade import` does with opaque credentials of another package, and what it says of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from stockade.cli.output import WRONG_USE, count, fail
from stockade.cli.progress import bars
from stockade.cli.project import load_project, say_when

if TYPE_CHECKING:
    from stockade.schemes.imports.move import Counts
    from stockade.schemes.imports.source import Source

# Authenticators and permissions that are asked no more for what a scheme takes.
_INSTEAD = {
    "authtoken": ("DRF's TokenAuthentication", "rest_framework.authentication.TokenAuthentication"),
    "knox": ("knox's TokenAuthentication", "knox.auth.TokenAuthentication"),
    "drf-api-key": ("drf-api-key's HasAPIKey", "rest_framework_api_key.permissions.HasAPIKey"),
}
_SHAPES = {
    "authtoken": "A token that is not 40 hex digits was not made by the package, and may be easy to guess: give its "
    "user another one (`stockade tokens create`).",
}


def take(name: str, dry: bool, undo: bool, erase: bool) -> None:
    """One of the commands.

    Args:
        name: of the package.
        dry, undo, erase: its options.
    """
    if dry + undo + erase > 1:
        fail("--dry-run, --undo and --erase: one of them.", WRONG_USE)
    load_project()
    from stockade.schemes.imports import move
    from stockade.schemes.imports.packages import SOURCES

    source = next(one for one in SOURCES if one.name == name)
    if undo:
        _undo(source)
        say_when()
        return
    with bars() as tell:
        found = move.erase(source, progress=tell) if erase else move.run(source, dry=dry, progress=tell)
    _tell(source, found, dry, erase)
    _advise(source, found)
    if not dry:
        say_when()


def _undo(source: Source) -> None:
    from stockade.schemes.imports import move

    try:
        found = move.undo(source)
    except move.Erased as error:
        fail(str(error))
    if found is None:
        fail(f"There is no import from {source.name}.")
    typer.echo(
        f"Undone: {count(found, source.thing)} {'is' if found == 1 else 'are'} taken by the old table alone."
    )


def _tell(source: Source, found: Counts, dry: bool, erase: bool) -> None:
    typer.echo(f"{'Would take' if dry else 'Takes'} {count(found.tokens, source.thing)} ({found.new} new).")
    over = f"{found.over} over or revoked there, " if source.changes else ""
    typer.echo(
        f"Not taken: {found.shapes} of another shape, {over}{found.ended} revoked here, {found.gone} deleted from the "
        "old table."
    )
    if erase:
        typer.echo(f"Erased {count(found.erased, source.thing)} from the old table.")
    if found.waiting:
        typer.echo(
            f"{count(found.waiting, source.thing)} with a slow hash: verified once in the old table, when first shown"
            + ("; until then they stay there. Run --erase again for them." if erase else ".")
        )


def _advise(source: Source, found: Counts) -> None:
    """What the settings must say for it to work, and what is left to do, on standard error."""
    from stockade import conf
    from stockade.schemes.conf import SchemeSettings
    from stockade.schemes.imports import api_keys, knox

    schemes = conf.load(SchemeSettings).schemes
    if source.name not in schemes:
        typer.echo(
            f'For its {source.thing}s to be taken, add "{source.name}" to STOCKADE["SCHEMES"].', err=True
        )
    named, path = _INSTEAD[source.name]
    if path in schemes:
        typer.echo(
            f"SCHEMES also names {named}, which is asked no more for what was imported: take it out.",
            err=True,
        )
    if found.shapes and source.name in _SHAPES:
        typer.echo(_SHAPES[source.name], err=True)
    if source.name == "knox" and int(knox.knox("AUTH_TOKEN_CHARACTER_LENGTH", 64)) < knox.SHORTEST:
        typer.echo(
            f"AUTH_TOKEN_CHARACTER_LENGTH is less than {knox.SHORTEST}: such tokens could be guessed, and are refused.",
            err=True,
        )
    header = api_keys.own_header()
    if source.name == "drf-api-key" and header not in ("", "HTTP_X_API_KEY"):
        typer.echo(
            f"API_KEY_CUSTOM_HEADER is {header}: keys are read from Authorization: Api-Key and X-API-Key only.",
            err=True,
        )
