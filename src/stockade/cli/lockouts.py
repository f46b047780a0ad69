"""`stockade lockouts`: whose logins are refused for now, and the clearing of it."""

from __future__ import annotations

from typing import Annotated

import typer

from stockade.cli.output import FORMAT, Format, fail, listing
from stockade.cli.project import load_project

app = typer.Typer(help="Lockouts after failed logins: list and clear them.", no_args_is_help=True)
NAMES = ("login", "login_address", "failed_auth")


@app.command("list")
def list_lockouts(
    every: Annotated[
        bool, typer.Option("--all", help="Also keys that are counted but not locked yet.")
    ] = False,
    format: Annotated[Format, FORMAT] = Format.TEXT,
) -> None:
    """Keys whose failures have used up their limit."""
    load_project()
    from stockade.gate.keys import limit_prefix, parse_limit_key
    from stockade.gate.registry import get_gate

    rows = []
    gate = get_gate()
    for name in NAMES:
        for usage in gate.usage(limit_prefix(name)):
            if every or usage.used >= usage.count:
                limit, whom = parse_limit_key(usage.key)
                rows.append(
                    {
                        "key": f"{limit}:{whom}",
                        "failures": usage.used,
                        "limit": usage.count,
                        "seconds": -(-usage.reset // 1_000_000),
                    }
                )
    listing(rows, ("key", "failures", "limit", "seconds"), format, empty="No lockouts.")


@app.command("clear")
def clear(
    key: Annotated[str, typer.Argument(metavar="KEY", help="As `list` shows it, e.g. login:...")],
) -> None:
    """Forget the failures of one key; it may log in again on the next request."""
    load_project()
    from stockade.gate.keys import limit_prefix, parse_limit_key
    from stockade.gate.registry import get_gate

    gate = get_gate()
    name, _, whom = key.partition(":")
    # Compared with what is there, so that a shown key is cleared exactly and nothing is cleared by a guess.
    found = [u.key for u in gate.usage(limit_prefix(name)) if parse_limit_key(u.key) == (name, whom)]
    if name not in NAMES or not found:
        fail(f"There is no lockout {key!r}; `stockade lockouts list --all` shows them.")
    for each in found:
        gate.clear(each)
    typer.echo(f"Cleared {key}.")
