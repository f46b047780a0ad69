"""`stockade check`: the system checks of Stockade, and with --deploy what only shows where the project runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from stockade.cli.output import FINDINGS, FORMAT, Format, listing, printable
from stockade.cli.project import load_project

_LEVELS = {"error": typer.colors.RED, "warning": typer.colors.YELLOW, "note": None}


def check(
    deploy: Annotated[
        bool,
        typer.Option(
            "--deploy",
            help="Also look at the database, the state, the clocks, the keys: run it on each host.",
        ),
    ] = False,
    format: Annotated[Format, FORMAT] = Format.TEXT,
) -> None:
    """What is wrong with this project, what it risks, and what to write. Exit status 1 if anything is.

    Notes are no findings. SILENCED_SYSTEM_CHECKS silences an id here as it does in `manage.py check`.
    """
    load_project(judge=False)
    from django.conf import settings

    rows = [row for row in _rows(deploy) if row["id"] not in settings.SILENCED_SYSTEM_CHECKS]
    if format is Format.JSON:
        listing(rows, (), format, empty="")
    else:
        for row in rows:
            _show(row)
    found = sum(row["level"] != "note" for row in rows)
    if found:
        typer.echo(f"{found} finding{'s' if found != 1 else ''}.", err=True)
        raise typer.Exit(FINDINGS)
    typer.echo("No findings.", err=True)


def _rows(deploy: bool) -> Iterator[dict[str, Any]]:
    from django.core.checks import ERROR, run_checks

    stopped = False
    for message in run_checks(include_deployment_checks=deploy):
        if (message.id or "").startswith("stockade."):
            wrong = message.level >= ERROR
            stopped = stopped or wrong
            yield _row(
                message.id, "error" if wrong else "warning", str(message.msg), "", str(message.hint or "")
            )
    if deploy and not stopped:  # with a wrong setting nothing can be opened
        from stockade import conf
        from stockade.cli.deployed import look
        from stockade.pipeline.kept import state_findings

        if conf.configured():
            for finding in state_findings():
                yield _row(finding.id, "error", finding.message, "", finding.hint)
            for found in look():
                fault = found.fault
                yield _row(found.id, fault.level.value, fault.what, fault.risk, fault.remedy)


def _row(id: str | None, level: str, what: str, risk: str, remedy: str) -> dict[str, Any]:
    return {"id": id, "level": level, "what": what, "risk": risk, "remedy": remedy}


def _show(row: dict[str, Any]) -> None:
    head = typer.style(row["level"], fg=_LEVELS[row["level"]], bold=row["level"] != "note")
    typer.echo(f"{head} {row['id']}: {printable(row['what'])}")
    if row["risk"]:
        typer.echo(f"    risk: {printable(row['risk'])}")
    if row["remedy"]:
        typer.echo(f"    write: {printable(row['remedy'])}")
