"""`stockade report`: what is open in this project, what would have been refused, and what to write for each."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from stockade.cli.output import FINDINGS, FORMAT, WRONG_USE, Format, age, as_json, fail, printable
from stockade.cli.project import load_project

Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="AGE", help="Count refusals no older than this, e.g. 1h; all by default."
    ),
]


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Where [[tool.stockade.accept]] lists what is accepted; the nearest pyproject.toml by default.",
    ),
]


def report(
    since: Since = None, config: Config = None, format: Annotated[Format, FORMAT] = Format.TEXT
) -> None:
    """What is open in this project and what would have been refused, with what to write. Exit status 1 if anything is.

    Works before there is a STOCKADE setting, without tables of ours and without the database.
    """
    seconds = None if since is None else age(since)
    load_project(judge=False)
    from stockade.cli.report.acceptance import WrongAcceptance, find, read
    from stockade.cli.report.made import make

    try:
        acceptances = read(config or find())
    except WrongAcceptance as error:
        fail(printable(error), WRONG_USE)
    made = make(seconds, acceptances)
    if format is Format.JSON:
        import orjson

        document: dict[str, Any] = made.document()
        sys.stdout.write(as_json(document, orjson.OPT_INDENT_2) + "\n")
    else:
        from stockade.cli.report.text import lines

        for line in lines(made, since):
            typer.echo(line)
    if made.findings:
        raise typer.Exit(FINDINGS)


__all__ = ["report"]
