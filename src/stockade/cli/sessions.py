"""`stockade sessions`: who is logged in where, the end of it, and the removal of what is long over."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer

from stockade.cli.output import FORMAT, WRONG_USE, Format, age, fail, listing
from stockade.cli.project import find_user, load_project, say_when

app = typer.Typer(help="Sessions: list them, end them, prune old ones.", no_args_is_help=True)
_COLUMNS = (
    "id",
    "user",
    "scheme",
    "created_at",
    "last_used",
    "expires_at",
    "address",
    "user_agent",
    "ended_at",
    "end_reason",
)
User = Annotated[str | None, typer.Option("--user", help="Username or primary key.")]


@app.command("list")
def list_sessions(
    user: User = None,
    ended: Annotated[bool, typer.Option("--ended", help="Also those that have ended.")] = False,
    format: Annotated[Format, FORMAT] = Format.TEXT,
) -> None:
    """Live sessions, newest first."""
    load_project()
    from django.db import router

    from stockade.core import clock, tenant
    from stockade.models import Session

    # Of another tenant's rows the users are in tables that are not at hand.
    found = Session.objects.using(router.db_for_write(Session)).filter(tenant=tenant.now())
    found = found.select_related("user").order_by("-created_at")
    if user is not None:
        found = found.filter(user=find_user(user))
    if not ended:
        now = clock.now_datetime()
        found = found.filter(ended_at=None, expires_at__gt=now, idle_expires_at__gt=now)
    rows = (
        {
            "id": str(session.id),
            "user": session.user.get_username(),
            "scheme": session.scheme,
            "created_at": session.created_at,
            "last_used": session.rotated_at,
            "expires_at": session.expires_at,
            "address": session.address,
            "user_agent": session.user_agent,
            "ended_at": session.ended_at,
            "end_reason": session.end_reason,
        }
        for session in found.iterator()
    )
    listing(rows, _COLUMNS, format, empty="No sessions.")


@app.command("end")
def end(id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """End one session; its access tokens stop at once, in every worker of this host (not with memory://)."""
    load_project()
    from stockade.truth import end_sessions

    try:
        session = uuid.UUID(id)
    except ValueError:
        fail(f"{id!r} is no session id; `stockade sessions list` shows them.", WRONG_USE)
    if not end_sessions(ids=[session], reason="command"):
        fail(f"There is no live session {session}.")
    typer.echo(f"Ended {session}.")
    say_when()


@app.command("end-all")
def end_all(user: Annotated[str, typer.Option("--user", help="Username or primary key.")]) -> None:
    """End every session of a user."""
    load_project()
    from stockade.truth import end_sessions

    count = end_sessions(user=find_user(user), reason="command")
    typer.echo(f"Ended {count} session{'s' if count != 1 else ''} of {user}.")
    say_when()


@app.command("prune")
def prune(
    older: Annotated[str, typer.Option("--older", metavar="AGE", help="Over for longer than this.")] = "30d",
) -> None:
    """Delete sessions that are long over; meant for a timer. Until then they tell a stolen token from garbage."""
    load_project()
    from stockade.schemes import jwt

    count = jwt.prune(age(older))
    typer.echo(f"Deleted {count} session{'s' if count != 1 else ''}.")
