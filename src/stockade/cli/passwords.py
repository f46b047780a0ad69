"""`stockade passwords`: make the list of breached passwords, count stored hashes, put old ones into Argon2."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from stockade.cli.output import FINDINGS, FORMAT, WRONG_USE, Format, fail, listing
from stockade.cli.progress import bars
from stockade.cli.project import load_project

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
    typer.echo(
        f"{to}: {_count(built.passwords, 'password', 'passwords')} of "
        f"{_count(built.lines, 'line', 'lines')}{left}; {built.size:,} bytes."
    )
    typer.echo(
        f'Name it in settings.py: stockade.passwords.validators(15, breached="{to.absolute()}").', err=True
    )


@app.command("check")
def check(format: Annotated[Format, FORMAT] = Format.TEXT) -> None:
    """Count the stored hashes by kind and parameters. Exit status 1 if some are weak, or read by no hasher."""
    load_project()
    from stockade.schemes.wrapped import move
    from stockade.schemes.wrapped.standing import Standing

    with bars() as progress:
        counted = move.hashes(progress)
    rows = [
        dict(zip(("hasher", "parameters", "standing", "users"), [*described.split("\t"), count], strict=True))
        for described, count in sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    ]
    listing(rows, ("hasher", "parameters", "users", "standing"), format, empty="No users.")
    copies = move.left()
    if copies:
        typer.echo(
            f"{_count(copies, 'old hash', 'old hashes')} kept, sealed, for `wrap --undo`; `wrap --erase` deletes them.",
            err=True,
        )
    standings = {row["standing"] for row in rows}
    if Standing.WEAK.value in standings:
        typer.echo("A stolen table gives weak ones away: run `stockade passwords wrap`.", err=True)
    if standings & {Standing.WEAK.value, Standing.UNREADABLE.value}:
        raise typer.Exit(FINDINGS)


@app.command("wrap")
def wrap(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Put the old hashes back, of whoever has not logged in since.")
    ] = False,
    erase: Annotated[
        bool,
        typer.Option(
            "--erase", help="Delete the sealed copies of old hashes: the last step, with no way back."
        ),
    ] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, max=64, help="Hashes made at once; each takes a core.")
    ] = 1,
) -> None:
    """Put old hashes (MD5, SHA-1, PBKDF2, bcrypt, scrypt) into Argon2, so that a stolen table gives none away.

    Nobody resets a password: the next login makes a plain Argon2 hash. Tokens and keys stay, sessions in a cookie end.
    It may be interrupted and run again. Serve with "stockade.schemes.passwords.Wrapped" in PASSWORD_HASHERS first.
    """
    if dry_run + undo + erase > 1:
        fail("--dry-run, --undo and --erase: one of them.", WRONG_USE)
    load_project()
    from stockade.schemes.wrapped import move

    if undo:
        with bars() as progress:
            back = move.undo(progress=progress)
        if back is None:
            fail("There is no copy of an old hash to go back to.")
        typer.echo(
            f"Put back: {_count(back.restored, 'hash', 'hashes')}. {back.kept} newer ones were left as they are."
        )
        return
    if erase:
        with bars() as progress:
            count = move.erase(progress=progress)
        typer.echo(f"Erased {_count(count, 'copy', 'copies')} of old hashes.")
        return
    with bars() as progress:
        found = move.run(dry=dry_run, jobs=jobs, progress=progress)
    typer.echo(
        f"{'Would wrap' if dry_run else 'Wrapped'} {_count(found.wrapped, 'hash', 'hashes')} of "
        f"{_count(found.users, 'user', 'users')}."
    )
    if found.overtaken:
        typer.echo(f"{found.overtaken} changed meanwhile and were left: run it again.")
    if found.unknown or found.long:
        typer.echo(
            f"Not wrapped: {found.unknown} that no hasher reads, {found.long} too long for the column.",
            err=True,
        )
    if not dry_run and move.left():
        typer.echo(
            "When all goes well: `stockade passwords wrap --erase`. Until then `--undo` works.", err=True
        )


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


@contextmanager
def _bytes_read(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing in a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("read"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task("read", total=total)
        yield lambda done: shown.update(task, completed=done)
