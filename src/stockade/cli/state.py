"""`stockade state`: the shared state, and the repair of what writers left in it."""

from __future__ import annotations

import typer

from stockade.cli.output import fail
from stockade.cli.project import load_project

app = typer.Typer(help="The shared state: repair it.", no_args_is_help=True)


@app.callback()
def state() -> None:
    """The shared state: repair it."""


@app.command("repair")
def repair() -> None:
    """Resolve the marks of writers that died or rolled back. Workers do so themselves when a request meets one.

    Until a mark is resolved, requests of the users whom it concerns ask the database: slower, and never wrong.
    """
    load_project()
    from stockade import truth
    from stockade.gate.registry import get_gate
    from stockade.truth.reconciler import OLD

    count = truth.reconcile()
    typer.echo(f"Resolved {count} mark{'s' if count != 1 else ''}.")
    left = len(get_gate().stale(OLD))
    if left:
        fail(
            f"{left} mark{'s are' if left != 1 else ' is'} held by a transaction that still runs. Try again later."
        )
