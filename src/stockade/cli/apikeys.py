"""`stockade apikeys`: make one for a user or a service, list them, rotate them, end them."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import typer

from stockade.cli.output import FORMAT, WRONG_USE, Format, age, fail, listing
from stockade.cli.project import find_user, load_project, say_when

app = typer.Typer(help="API keys: make, list, rotate, revoke.", no_args_is_help=True)
_COLUMNS = (
    "id",
    "owner",
    "name",
    "begins",
    "scopes",
    "allow",
    "rate",
    "created_at",
    "last_used_at",
    "expires_at",
    "replaced_by",
    "digest_key",
    "ended_at",
    "end_reason",
)


@app.command("create")
def create(
    name: Annotated[str, typer.Option("--name", help="What it is for.")],
    owner: Annotated[
        str | None,
        typer.Option("--owner", metavar="USER", help="Username or primary key; none for a service."),
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="What bounds it; may be repeated.")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="AGE", help="E.g. 90d, or never; else API_KEY's LIFETIME."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="CIDR", help="Where it is taken from; may be repeated."),
    ] = None,
    rate: Annotated[str, typer.Option("--rate", help="A limit of its own, e.g. 100/min.")] = "",
) -> None:
    """Make a key and print it: it cannot be read again. Standard output has nothing else."""
    load_project()
    from stockade.core.errors import Banned, LoginFailed
    from stockade.schemes.opaque import create_key

    more: dict[str, Any] = {}
    if expires is not None:
        more["expires"] = None if expires == "never" else age(expires)
    user = None if owner is None else find_user(owner)
    try:
        made = create_key(name, owner=user, scopes=scope, allow=allow or (), rate=rate, **more)
    except ValueError as error:
        fail(str(error), WRONG_USE)
    except LoginFailed:
        fail(f"The user {owner!r} is not active.")
    except Banned:
        fail(f"The user {owner!r} is banned.")
    _print(made)
    if not scope:
        may = "its owner may" if owner is not None else "asks for no user, such as Authenticated()"
        typer.echo(f"It has no scopes: it may do whatever {may}.", err=True)


@app.command("list")
def list_keys(
    owner: Annotated[str | None, typer.Option("--owner", metavar="USER", help="Of this user.")] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Also those that are over.")] = False,
    format: Annotated[Format, FORMAT] = Format.TEXT,
) -> None:
    """Live keys, newest first."""
    load_project()
    from django.db.models import Q

    from stockade.core import clock, tenant
    from stockade.models import OpaqueToken
    from stockade.schemes.opaque import API_KEY
    from stockade.schemes.opaque.keys import standing
    from stockade.schemes.opaque.rows import database

    found = OpaqueToken.objects.using(database()).filter(kind=API_KEY.kind, tenant=tenant.now())
    if owner is not None:
        found = found.filter(user=find_user(owner))
    if not ended:
        found = found.filter(Q(expires_at=None) | Q(expires_at__gt=clock.now_datetime()), ended_at=None)
    rows = (
        {
            **{column: getattr(key, column, None) for column in _COLUMNS},
            "id": str(key.id),
            "owner": key.user.get_username() if key.user is not None else "",
            "begins": key.visible,
            "allow": " ".join(key.networks),
            "replaced_by": str(key.replaced_by or ""),
            "digest_key": standing(key.digest_key),
        }
        for key in found.select_related("user").order_by("-created_at").iterator()
    )
    listing(rows, _COLUMNS, format, empty="No keys.")


@app.command("rotate")
def rotate(
    id: Annotated[str, typer.Argument(metavar="ID")],
    overlap: Annotated[
        str | None,
        typer.Option(
            "--overlap",
            metavar="AGE",
            help="How long the old one goes on, e.g. 24h, or 0; else API_KEY's OVERLAP.",
        ),
    ] = None,
) -> None:
    """Make a key that replaces another, and print it; the old one goes on for the overlap."""
    load_project()
    from stockade.schemes.opaque import NotRotated, rotate as rotate_key

    seconds = None if overlap is None else 0.0 if overlap == "0" else age(overlap)
    key = _id(id)
    try:
        made = rotate_key(key, overlap=seconds)
    except NotRotated:
        fail(f"There is no live key {key} that was not rotated already.")
    _print(made)
    say_when()


@app.command("revoke")
def revoke(id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """End one key; it is refused from the next request on, in every worker of this host (not with memory://)."""
    load_project()
    from stockade.truth import end_tokens

    key = _id(id)
    if not end_tokens(ids=[key], reason="command"):
        fail(f"There is no live key {key}.")
    typer.echo(f"Revoked {key}.")
    say_when()


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        fail("That is no id of a key; `stockade apikeys list` shows them.", WRONG_USE)


def _print(made: Any) -> None:
    """The key on standard output, and what else there is to say elsewhere."""
    from stockade import conf
    from stockade.schemes.conf import SchemeSettings

    typer.echo(made.token)
    until = f"until {made.expires_at:%Y-%m-%d %H:%M:%S} UTC" if made.expires_at else "for ever"
    typer.echo(f"Its id is {made.id}; it is good {until}.", err=True)
    if "api_key" not in conf.load(SchemeSettings).schemes:
        typer.echo('For it to be taken, add "api_key" to STOCKADE["SCHEMES"].', err=True)
