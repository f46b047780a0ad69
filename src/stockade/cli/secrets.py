"""`stockade secrets`: make strong ones, rotate one without refusing anybody, find those that lie open."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stockade.cli.output import FINDINGS, FORMAT, WRONG_USE, Format, age, count, fail, listing

app = typer.Typer(help="Secrets: make, rotate, find what lies open.", no_args_is_help=True)


@app.command("check")
def check(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Of the project.", show_default="here")
    ] = Path(),
    allowed: Annotated[
        Path | None,
        typer.Option(
            "--allowed",
            metavar="FILE",
            help="Fingerprints of what is no secret; else FOLDER/.secrets-allowed.",
            show_default=False,
        ),
    ] = None,
    history: Annotated[bool, typer.Option("--history/--no-history", help="Also what git has kept.")] = True,
    seconds: Annotated[int, typer.Option("--seconds", min=1, help="For the history; newest first.")] = 120,
    old: Annotated[
        str, typer.Option("--old", metavar="TIME", help="From which age a secret is told.")
    ] = "365d",
    format: Annotated[Format, FORMAT] = Format.TEXT,
) -> None:
    """Tell which secrets lie in files and in git's history, and which of the project's are weak, old or shared.

    No value is shown. The project's are looked at where settings are named. Exit status 1 if anything was found.
    """
    import os

    from stockade.cli.secrets_found import allowed_in, looked, standing_rows

    if not folder.is_dir():
        fail(f"{folder} is no folder.", WRONG_USE)
    limit = age(old)
    found = looked(folder, allowed_in(folder, allowed), seconds if history else 0)
    rows = found.rows
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        rows += standing_rows(limit)
    listing(rows, ("what", "where", "commit", "fingerprint"), format, empty="No secrets lie open.")
    if found.too_long:
        typer.echo(f"Longer than 8 MiB, and not read: {count(found.too_long, 'file')}.", err=True)
    for why in found.gaps:
        typer.echo(f"Not all of the history was read: {why}.", err=True)
    if rows or found.gaps:
        raise typer.Exit(FINDINGS)


@app.command("generate")
def generate(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="For --to, and for a line NAME=value.", show_default=False)
    ] = "",
    kind: Annotated[str, typer.Option("--kind", help="text, hex, base64, whsec or password.")] = "text",
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FOLDER", help="Write it into a file there, mode 0400.", show_default=False
        ),
    ] = None,
) -> None:
    """Print a strong secret, or write it into a file of its own. A file that is there is never replaced."""
    from stockade.vault.providers import valid_name
    from stockade.vault.strong import make

    if name and not valid_name(name):
        fail("A secret's name is letters, digits and _.", WRONG_USE)
    try:
        made = make(kind)
    except ValueError as error:
        fail(str(error), WRONG_USE)
    if to is None:
        typer.echo(f"{name}={made}" if name else str(made))
        return
    if not name:
        fail("--to wants a NAME.", WRONG_USE)
    path = to / name
    try:
        _write_new(path, f"{made}\n")
    except FileExistsError:
        fail(f"{path} is there already. To replace what it holds: stockade secrets rotate {name}.")
    except OSError as error:
        fail(f"{path}: {error.strerror}.", WRONG_USE)
    typer.echo(f"{path}", err=not sys.stdout.isatty())


def _write_new(path: Path, text: str) -> None:
    """Whole or not at all: half of a secret, on a full disk, would be one."""
    import os
    from secrets import token_hex

    new = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(new)
    finally:
        new.unlink(missing_ok=True)


@app.command("rotate")
def rotate(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="As for generate; else as the old one is.", show_default=False),
    ] = None,
    wait: Annotated[
        str | None,
        typer.Option(
            "--wait",
            metavar="TIME",
            help="From the first step to the second: until all know it.",
            show_default="10m, and twice the lifetime in a URL that is longer",
        ),
    ] = None,
    overlap: Annotated[
        str,
        typer.Option(
            "--overlap", metavar="TIME", help="From the second step to the third: until none needs it."
        ),
    ] = "14d",
) -> None:
    """Do the next step of a rotation: publish a new value beside the old one, let it sign, take the old one away.

    Run it again for the next step, by hand or by a timer: a step that would refuse somebody is not done (status 1).
    The secret lies as a file, or in a document of Vault or OpenBao; for one elsewhere it says what to write there.
    """
    import os

    from stockade.cli.project import load_project
    from stockade.vault.place import Away
    from stockade.vault.providers import valid_name
    from stockade.vault.rotation import Step, TooEarly, advance, store_of
    from stockade.vault.strong import kind_of, make

    if not valid_name(name):
        fail("A secret's name is letters, digits and _.", WRONG_USE)
    patience, rest = None if wait is None else age(wait), age(overlap)
    try:
        made = make(kind or "text")
    except ValueError as error:
        fail(str(error), WRONG_USE)
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        load_project(judge=False)  # its settings may say where secrets are
    store = store_of(name)
    if store is None:
        fail(
            f"{name} lies in no folder of files and in no document of Vault or OpenBao. Where it lies, do it by hand: "
            f"add the new value to {name}_FALLBACKS, wait {wait or '10m'}; swap it with that in {name}, "
            f"wait {overlap}; take the old one away."
        )
    try:
        if kind is None:
            made = make(kind_of(store.read().current))
        done = advance(store, made, wait=patience, overlap=rest, may_retire=lambda: _nothing_rests_on(name))
    except TooEarly as early:
        said = "the new value signs" if early.step is Step.PUBLISHED else "the old value goes"
        fail(f"Too early: {early.seconds:.0f} s more until {said}.")
    except Away as away:
        fail(
            f"The vault does not take it ({away.reason}). Its policy must let you read and update the document."
        )
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}.", WRONG_USE)
    soon = wait or f"{store.wait / 60:.0f}m"
    typer.echo(
        {
            Step.PUBLISHED: f"Published: {name}_FALLBACKS holds a new value. Run this again in {soon}.",
            Step.SIGNING: f"Signing: {name} is the new value, the old one is still taken. Run this again in {overlap}.",
            Step.RETIRED: f"Retired: the old value of {name} is gone.",
        }[done]
    )
    if done is Step.SIGNING and name.endswith(("SECRET_KEY", "STOCKADE_KEY")):
        typer.echo(
            "Now: stockade keyring rewrap. Before the last step no key may be wrapped with the old one.",
            err=True,
        )


def _nothing_rests_on(name: str) -> None:
    """Exits with 1 where a signing key is still wrapped with the old value: no host could read it any more."""
    import os

    if not os.environ.get("DJANGO_SETTINGS_MODULE"):
        return
    from django.conf import settings

    from stockade import keyring, vault

    wrapping = (getattr(settings, one, None) for one in ("SECRET_KEY", "STOCKADE_KEY"))
    if name != "STOCKADE_KEY" and name not in {vault.origin(one) for one in wrapping}:
        return
    older = keyring.wrapped_with_another()
    if older:
        fail(
            f"Wrapped with an older value: {count(older, 'signing key')}. Run stockade keyring rewrap, then this again."
        )
