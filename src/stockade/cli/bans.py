"""`stockade bans`: addresses, users and sessions that are refused, and addresses that are let in all the same."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from stockade.cli.output import FORMAT, WRONG_USE, Format, age, fail, listing
from stockade.cli.project import find_user, load_project, say_when

app = typer.Typer(help="Bans and allowed addresses: list, add, remove, prune.", no_args_is_help=True)
_COLUMNS = ("id", "verb", "kind", "value", "user", "reason", "created_at", "created_by", "expires_at")
User = Annotated[str | None, typer.Option("--user", help="A user: username or primary key.")]
Session = Annotated[str | None, typer.Option("--session", metavar="ID", help="A session or a credential.")]
Service = Annotated[
    str | None,
    typer.Option("--service", metavar="NAME", help="A caller that is no user, as the log names it."),
]
Allow = Annotated[bool, typer.Option("--allow", help="An allowed address, not a ban.")]


@app.command("list")
def list_bans(
    expired: Annotated[bool, typer.Option("--expired", help="Also those that have run out.")] = False,
    format: Annotated[Format, FORMAT] = Format.TEXT,
) -> None:
    """Bans and allowed addresses, newest first. What ADDRESSES in the settings says is not among them."""
    load_project()
    from django.db.models import Q

    from stockade.core import clock
    from stockade.models import ListEntry

    found = ListEntry.objects.all()
    if not expired:
        found = found.filter(Q(expires_at=None) | Q(expires_at__gt=clock.now_datetime()))
    names = _names([entry.value for entry in found if entry.kind == ListEntry.Kind.USER])
    rows = (
        {**{column: getattr(entry, column, None) for column in _COLUMNS}, "user": names.get(entry.value, "")}
        if entry.kind == ListEntry.Kind.USER
        else {column: getattr(entry, column, "") for column in _COLUMNS}
        for entry in found
    )
    listing(rows, _COLUMNS, format, empty="No bans.")


@app.command("add")
def add(
    address: Annotated[
        list[str] | None, typer.Argument(metavar="[ADDRESS]...", help="Addresses or CIDR blocks.")
    ] = None,
    user: User = None,
    session: Session = None,
    service: Service = None,
    allow: Allow = False,
    reason: Annotated[str, typer.Option("--reason", help="For operators; the client is never told.")] = "",
    expires: Annotated[str | None, typer.Option("--expires", metavar="AGE", help="E.g. 1h or 90d.")] = None,
) -> None:
    """Refuse addresses or a caller from the next request on; or let addresses in that a wider ban covers.

    What is there already gets the new reason and end.
    """
    load_project()
    from django.db import transaction

    from stockade.truth import bans

    verb, wanted = _wanted(address, user, session, service, allow)
    try:
        with transaction.atomic(using=bans.database()):  # all or none
            written = [
                bans.put(verb, kind, value, reason=reason, expires=expires, by="command")
                for kind, value in wanted
            ]
    except ValueError as error:
        fail(str(error), WRONG_USE)
    for entry in written:
        typer.echo(f"{'Allowed' if allow else 'Banned'} {entry.value}: entry {entry.pk}.")
    say_when()


@app.command("remove")
def remove(
    which: Annotated[
        list[str] | None, typer.Argument(metavar="[ID|ADDRESS]...", help="As `list` shows them.")
    ] = None,
    user: User = None,
    session: Session = None,
    service: Service = None,
    allow: Allow = False,
) -> None:
    """Take entries away, felt on the next request: by id, or by what a ban (with --allow an allowed address) names."""
    load_project()
    from django.db.models import Q

    from stockade.models import ListEntry
    from stockade.truth import bans

    ids = [int(one) for one in which or () if one.isdecimal()]
    named = [one for one in which or () if not one.isdecimal()]
    wanted: list[tuple[str, Q]] = [(str(id), Q(pk=id)) for id in ids]
    if named or not ids or any(one is not None for one in (user, session, service)):
        verb, targets = _wanted(named, user, session, service, allow)
        wanted += [(value, Q(verb=verb, kind=kind, value=value)) for kind, value in targets]
    found: list[int] = []
    for shown, query in wanted:
        pk = ListEntry.objects.filter(query).values_list("pk", flat=True).first()
        if pk is None:
            fail(
                f"There is no {'allowed address' if allow else 'ban'} {shown}; `stockade bans list` shows them."
            )
        found.append(pk)
    count = bans.remove(found)
    typer.echo(f"Removed {count} entr{'ies' if count != 1 else 'y'}.")
    say_when()


@app.command("prune")
def prune(
    older: Annotated[
        str, typer.Option("--older", metavar="AGE", help="Ran out longer ago than this.")
    ] = "30d",
) -> None:
    """Delete entries that ran out long ago; meant for a timer. They refuse nobody, and only take space."""
    load_project()
    from stockade.truth import bans

    count = bans.prune(age(older))
    typer.echo(f"Deleted {count} entr{'ies' if count != 1 else 'y'}.")


def _wanted(
    addresses: list[str] | None, user: str | None, session: str | None, service: str | None, allow: bool
) -> tuple[str, list[tuple[str, str]]]:
    """Verb, and kind and value of each; exits with 2 where that is nothing, or not to be had."""
    from stockade.truth import bans

    if sum((bool(addresses), user is not None, session is not None, service is not None)) != 1:
        fail("Write addresses, or --user, or --session, or --service.", WRONG_USE)
    if allow and not addresses:
        fail("Only addresses are allowed. Callers are banned or not.", WRONG_USE)
    try:
        if user is not None:
            found = [bans.target(None, find_user(user), None)]
        elif session is not None:
            found = [bans.target(None, None, session)]
        elif service is not None:
            found = [bans.target(None, None, None, service)]
        else:
            found = [bans.target(one, None, None) for one in addresses or ()]
    except ValueError as error:
        fail(str(error), WRONG_USE)
    return "allow" if allow else "deny", found


def _names(keys: list[str]) -> dict[str, str]:
    """The names of users by their primary keys, as text."""
    from django.contrib.auth import get_user_model

    from stockade.core import tenant

    model: Any = get_user_model()
    found: dict[str, str] = {}
    mine = [
        key for key in keys if tenant.subject(tenant.pk_of(key)) == key
    ]  # the others' tables are not at hand
    for at in range(0, len(mine), 500):
        rows = model._default_manager.filter(pk__in=map(tenant.pk_of, mine[at : at + 500]))  # noqa: SLF001
        found.update(
            (tenant.subject(pk), str(name)) for pk, name in rows.values_list("pk", model.USERNAME_FIELD)
        )
    return found
