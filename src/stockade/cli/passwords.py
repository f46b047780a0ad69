"""`stockade passwords`: make the list of breached passwords, count stored hashes, put old ones into Argon2."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from stockade.cli.output import WRONG_USE, fail

app = typer.Typer(help="Passwords: breach list, hashes in use, wrapping of old ones.", no_args_is_help=True)


@app.command("build")
def build(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Lines SHA1:count, SHA1, or a password; .gz is unpacked.",
            show_default=False,
        ),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="LIST", help="The file to make.", show_default=False)],
    at_least: Annotated[
        int, typer.Option("--at-least", min=0, help="Leave out what was seen less often than this.")
    ] = 0,
    words: Annotated[
        bool, typer.Option("--words", help="Every line is a password, also one that looks like a digest.")
    ] = False,
) -> None:
    """Make the file that BreachedPassword reads, of lists that you have. It needs no project and no network.

    What stood at LIST stays until the new file is whole. Processes that run go on with the list that they have open.
    """
    from stockade.passwords import making

    try:
        total = sum(one.stat().st_size for one in files)
        with _bytes_read(total) as progress:
            built = making.build(files, to, at_least=at_least, words=words, progress=progress)
    except making.WrongInput as error:
        fail(str(error), WRONG_USE)
    except OSError as error:
        fail(f"{error.filename or to}: {error.strerror}.", WRONG_USE)
    left = f", {built.left_out:,} left out" if built.left_out else ""
    typer.echo(f"{to}: {built.passwords:,} passwords of {built.lines:,} lines{left}; {built.size:,} bytes.")
    typer.echo(
        f'Name it in settings.py: stockade.passwords.validators(15, breached="{to.absolute()}").', err=True
    )


@contextmanager
def _bytes_read(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing in a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("read"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task("read", total=total)
        yield lambda done: shown.update(task, completed=done)
