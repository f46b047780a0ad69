"""`stockade report`: what is open in this project, what would have been refused, and what to write for each."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from stockade.cli.output import FINDINGS, FORMAT, Format, age, as_json
from stockade.cli.project import load_project

Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="AGE", help="Count refusals no older than this, e.g. 1h; all by default."
    ),
]


def report(since: Since = None, format: Annotated[Format, FORMAT] = Format.TEXT) -> None:
    """What is open in this project and what would have been refused, with what to write. Exit status 1 if anything is.

    Works before there is a STOCKADE setting, without tables of ours and without the database.
    """
    seconds = None if since is None else age(since)
    load_project(judge=False)
    from stockade.cli.report.made import make

    made = make(seconds)
    if format is Format.JSON:
        import orjson

        document: dict[str, Any] = made.document()
        sys.stdout.write(as_json(document, orjson.OPT_INDENT_2) + "\n")
    else:
        from stockade.cli.report.text import lines

        for line in lines(made, since):
            typer.echo(line)
    if made.facts or made.refused:
        raise typer.Exit(FINDINGS)


__all__ = ["report"]
