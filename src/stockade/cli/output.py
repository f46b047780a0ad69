"""Listings for people and for programs, and exit statuses: 0 fine, 1 findings or a refused operation, 2 wrong use."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, NoReturn

import orjson
import typer

FINDINGS = 1
WRONG_USE = 2


class Format(str, Enum):  # noqa: UP042 - typer reads the values of a str enum
    """How a listing is printed."""

    TEXT = "text"
    JSON = "json"


FORMAT = typer.Option("--format", help="text or json")


def listing(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    format: Format,
    *,
    empty: str,
    heading: bool = True,
) -> None:
    """Print rows: a table on a terminal, tab-separated lines in a pipe, a JSON array with ``--format json``."""
    found = list(rows)
    if format is Format.JSON:
        sys.stdout.write(as_json(found, orjson.OPT_INDENT_2) + "\n")
    elif not found:
        typer.echo(empty, err=True)
    elif sys.stdout.isatty() and heading:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*columns, box=None, header_style="bold")
        for row in found:
            # As Text: in a plain string rich reads markup, and what is stored may be an attacker's.
            table.add_row(*(Text(printable(row.get(column))) for column in columns))
        Console().print(table)
    else:
        if heading:
            typer.echo("\t".join(columns))
        for row in found:
            typer.echo("\t".join(printable(row.get(column)) for column in columns))


def as_json(value: Any, option: int = 0) -> str:
    """JSON that a terminal cannot obey: what does not print is escaped (RFC 8259 section 7), and still the same text.

    Args:
        option: of orjson.
    """
    text = orjson.dumps(value, default=str, option=option).decode()
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def printable(value: Any) -> str:
    """One line of printable text: what is stored may come from an attacker, and a terminal obeys escapes."""
    text = "" if value is None else str(value)
    return "".join(character if character.isprintable() else "?" for character in text)


def fail(message: str, status: int = FINDINGS) -> NoReturn:
    """Say what is wrong on standard error and exit."""
    typer.echo(message, err=True)
    raise typer.Exit(status)


def count(number: int, what: str) -> str:
    """``1 token``, ``2 tokens``."""
    return f"{number} {what}{'s' if number != 1 else ''}"


def age(text: str) -> float:
    """Seconds from what the user wrote, such as ``1h``.

    Exits with 2 where that is no time.
    """
    from stockade.conf import duration

    try:
        return duration(text)
    except ValueError as error:
        fail(str(error), WRONG_USE)
