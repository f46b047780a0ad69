"""`stockade lockouts`: whose logins are refused for now, and the clearing of it."""

from __future__ import annotations

from typing import Annotated

import typer

from stockade.cli.output import FORMAT, WRONG_USE, Format, fail, listing
from stockade.cli.project import find_user, load_project

app = typer.Typer(help="Lockouts after failures: list and clear them.", no_args_is_help=True)
_COLUMNS = ("key", "limit", "whom", "user", "address", "used", "count", "seconds", "locked")
User = Annotated[str | None, typer.Option("--user", help="Of this account: username or primary key.")]
Address = Annotated[str | None, typer.Option("--address", help="Of this address.")]


@app.command("list")
def list_lockouts(
    every: Annotated[bool, typer.Option("--all", help="Also what is counted but not locked yet.")] = False,
    user: User = None,
    address: Address = None,
    format: Annotated[Format, FORMAT] = Format.TEXT,
) -> None:
    """What has used up its failures: which limit, whom it counts, and in how many seconds a try is free."""
    load_project()
    from stockade.schemes import lockouts

    _say_what_is_seen()
    try:
        found = lockouts.find(user=_name(user), where=address, every=every)
    except ValueError as error:
        fail(str(error), WRONG_USE)
    rows = ({column: getattr(lockout, column) for column in _COLUMNS} for lockout in found)
    listing(rows, _COLUMNS, format, empty="No lockouts.")


@app.command("clear")
def clear(
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="As `list` shows it, e.g. login:...")
    ] = None,
    user: User = None,
    address: Address = None,
) -> None:
    """Forget the failures of one key, of a user or of an address: a login is tried again on the next request."""
    load_project()
    from stockade.schemes import lockouts

    if sum(one is not None for one in (key, user, address)) != 1:
        fail("Write one of them: KEY, --user or --address.", WRONG_USE)
    _say_what_is_seen()
    try:
        count = lockouts.clear(key, user=_name(user), where=address)
    except ValueError as error:
        fail(str(error), WRONG_USE)
    if not count:
        whom = repr(key) if key is not None else f"of {user if user is not None else address}"
        fail(f"There is no lockout {whom}; `stockade lockouts list --all` shows them.")
    typer.echo(f"Cleared {count} lockout{'s' if count != 1 else ''}.")


def _name(user: str | None) -> str | None:
    return None if user is None else str(find_user(user).get_username())


def _say_what_is_seen() -> None:
    """With ``memory://`` this process has a state of its own: an empty list would say that nobody is locked out."""
    from stockade.gate.registry import get_gate

    if get_gate().url == "memory://":
        typer.echo(
            '"STATE" is "memory://": the counts of the process that serves are not seen here.', err=True
        )
