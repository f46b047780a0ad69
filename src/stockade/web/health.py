"""Probes: `healthz` says that the process answers, `readyz` that it can decide."""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, JsonResponse

from stockade import truth
from stockade.core.errors import Unavailable
from stockade.gate.registry import get_gate
from stockade.policy import Public
from stockade.web.decorators import protect


@protect(policy=Public(), probe=True)
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process answers at all; for a liveness probe, which restarts what fails it."""
    return JsonResponse({"status": "ok"})


@protect(policy=Public(), probe=True)
def readyz(request: HttpRequest) -> JsonResponse:
    """200 while state and database answer, else 503 with which of them does not; for a readiness probe."""
    parts = {"state": _state(), "database": _database()}
    ready = all(parts.values())
    return JsonResponse(
        {
            "status": "ok" if ready else "unavailable",
            **{k: "ok" if v else "unavailable" for k, v in parts.items()},
        },
        status=200 if ready else 503,
    )


def _state() -> bool:
    gate = get_gate()
    try:
        truth.ensure_loaded(gate, gate.ask((), ()).marker)
    except (Unavailable, DatabaseError, InterfaceError):  # an empty state is filled from SQL
        return False
    return True


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone() is not None
    except (DatabaseError, InterfaceError):
        return False
