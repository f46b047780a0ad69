"""`stockade events`: watch the security log, export it, and prune what is old."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from stockade.cli.output import FORMAT, Format, age, as_json, listing
from stockade.cli.project import load_project

app = typer.Typer(help="The security log: watch, export, prune.", no_args_is_help=True)
_COLUMNS = {
    "at": "@timestamp",
    "event": "event.action",
    "outcome": "event.outcome",
    "reason": "error.code",
    "status": "http.response.status_code",
    "user": "user.id",
    "address": "source.ip",
    "method": "http.request.method",
    "route": "http.route",
}
_POLL = 1.0  # seconds
Since = Annotated[str | None, typer.Option("--since", metavar="AGE", help="No older than this, e.g. 1h.")]


def _filters(since: str | None) -> dict[str, Any]:
    from stockade.core import clock

    return {} if since is None else {"since": clock.now() - age(since)}


def _short(document: Mapping[str, Any]) -> dict[str, Any]:
    return {column: document.get(field) for column, field in _COLUMNS.items()}


@app.command("tail")
def tail(
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, max=10_000)] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until interrupted.")] = False,
    since: Since = None,
    format: Annotated[Format, FORMAT] = Format.TEXT,
) -> None:
    """The newest entries of the database's log, oldest first; JSON has every field, in ECS names."""
    load_project()
    from stockade.events import store

    newest = store.tail(lines, **_filters(since))
    rows = newest if format is Format.JSON else [_short(document) for document in newest]
    listing(rows, tuple(_COLUMNS), format, empty="No events.")
    after = newest[-1]["event.sequence"] if newest else 0
    try:
        while follow:
            sys.stdout.flush()
            time.sleep(_POLL)
            for document in store.export(after=after):
                after = document["event.sequence"]
                if format is Format.JSON:
                    sys.stdout.write(as_json(document) + "\n")
                else:
                    listing([_short(document)], tuple(_COLUMNS), format, empty="", heading=False)
    except KeyboardInterrupt:
        return


@app.command("export")
def export(since: Since = None) -> None:
    """Every entry as one line of JSON with ECS names, oldest first, for a log store."""
    load_project()
    from stockade.events import store

    for document in store.export(**_filters(since)):
        sys.stdout.write(as_json(document) + "\n")


@app.command("prune")
def prune(
    older: Annotated[
        str | None, typer.Option("--older", metavar="AGE", help="Default: EVENTS['KEEP'].")
    ] = None,
) -> None:
    """Delete entries older than an age; meant for a timer."""
    load_project()
    from stockade.events import store

    count = store.prune(None if older is None else age(older))
    typer.echo(f"Deleted {count} event{'s' if count != 1 else ''}.")
