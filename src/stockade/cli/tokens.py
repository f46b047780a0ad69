"""`stockade tokens`: make one for a user, list them, end them, delete those that are long over."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import typer

from stockade.cli.output import FORMAT, WRONG_USE, Format, age, fail, listing
from stockade.cli.project import find_user, load_project, say_when

app = typer.Typer(help="Opaque tokens: make, list, revoke, prune.", no_args_is_help=True)
_COLUMNS = (
    "id",
    "user",
    "name",
    "begins",
    "origin",
    "scopes",
    "created_at",
    "last_used_at",
    "expires_at",
    "digest_key",
    "ended_at",
    "end_reason",
)


@app.command("create")
def create(
    user: Annotated[str, typer.Argument(metavar="USER", help="Username or primary key.")],
    name: Annotated[str, typer.Option("--name", help="What it is for.")] = "",
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="What bounds it; may be repeated.")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="AGE", help="E.g. 90d, or never; else TOKEN's LIFETIME."),
    ] = None,
) -> None:
    """Make a token and print it: it cannot be read again. Standard output has nothing else."""
    load_project()
    from stockade.core.errors import Banned, LoginFailed
    from stockade.schemes.opaque import create_token

    more: dict[str, Any] = {}
    if expires is not None:
        more["expires"] = None if expires == "never" else age(expires)
    try:
        made = create_token(find_user(user), name, scopes=scope, **more)
    except ValueError as error:
        fail(str(error), WRONG_USE)
    except LoginFailed:
        fail(f"The user {user!r} is not active.")
    except Banned:
        fail(f"The user {user!r} is banned.")
    typer.echo(made.token)
    until = f"until {made.expires_at:%Y-%m-%d %H:%M:%S} UTC" if made.expires_at else "for ever"
    typer.echo(f"Its id is {made.id}; it is good {until}.", err=True)
    _say_if_not_taken()


@app.command("list")
def list_tokens(
    user: Annotated[str | None, typer.Option("--user", help="Username or primary key.")] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Also those that are over.")] = False,
    format: Annotated[Format, FORMAT] = Format.TEXT,
) -> None:
    """Live tokens, newest first."""
    load_project()
    from django.db.models import Q

    from stockade.core import clock, tenant
    from stockade.models import OpaqueToken
    from stockade.schemes.opaque import TOKEN
    from stockade.schemes.opaque.keys import standing
    from stockade.schemes.opaque.rows import database

    found = OpaqueToken.objects.using(database()).filter(kind=TOKEN.kind, tenant=tenant.now())
    if user is not None:
        found = found.filter(user=find_user(user))
    if not ended:
        found = found.filter(Q(expires_at=None) | Q(expires_at__gt=clock.now_datetime()), ended_at=None)
    rows = (
        {
            **{column: getattr(token, column, None) for column in _COLUMNS},
            "id": str(token.id),
            "user": token.user.get_username() if token.user is not None else "",
            "begins": token.visible,
            "digest_key": standing(token.digest_key),
        }
        for token in found.select_related("user").order_by("-created_at").iterator()
    )
    listing(rows, _COLUMNS, format, empty="No tokens.")


@app.command("revoke")
def revoke(id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """End one token; it is refused from the next request on, in every worker of this host (not with memory://)."""
    load_project()
    from stockade.truth import end_tokens

    try:
        token = uuid.UUID(id)
    except ValueError:
        fail("That is no id of a token; `stockade tokens list` shows them.", WRONG_USE)
    if not end_tokens(ids=[token], reason="command"):
        fail(f"There is no live token {token}.")
    typer.echo(f"Revoked {token}.")
    say_when()


@app.command("revoke-all")
def revoke_all(user: Annotated[str, typer.Option("--user", help="Username or primary key.")]) -> None:
    """End every token and API key of a user."""
    load_project()
    from stockade.truth import end_tokens

    count = end_tokens(user=find_user(user), reason="command")
    typer.echo(f"Revoked {count} token{'s' if count != 1 else ''} of {user}.")
    say_when()


@app.command("prune")
def prune(
    older: Annotated[str, typer.Option("--older", metavar="AGE", help="Over for longer than this.")] = "30d",
) -> None:
    """Delete tokens and API keys that are long over; meant for a timer."""
    load_project()
    from stockade.schemes import opaque

    count = opaque.prune(age(older))
    typer.echo(f"Deleted {count} token{'s' if count != 1 else ''}.")


def _say_if_not_taken() -> None:
    from stockade import conf
    from stockade.schemes.conf import SchemeSettings

    if "token" not in conf.load(SchemeSettings).schemes:
        typer.echo('For it to be taken, add "token" to STOCKADE["SCHEMES"].', err=True)
