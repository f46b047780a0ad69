"""Probes: `healthz` says that the process answers, `readyz` that it can decide."""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, JsonResponse

from stockade import truth
from stockade.conf import load
from stockade.core.errors import Unavailable
from stockade.gate.conf import GateSettings
from stockade.gate.registry import get_gate
from stockade.policy import Public
from stockade.web.decorators import protect


@protect(policy=Public(), probe=True)
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process answers at all; for a liveness probe, which restarts what fails it."""
    return JsonResponse({"status": "ok"})


@protect(policy=Public(), probe=True)
def readyz(request: HttpRequest) -> JsonResponse:
    """200 while state and database answer, else 503 with which of them does not; for a readiness probe.

    Where STATE_AWAY admits requests without the state, its absence alone is "degraded", and 200.
    """
    parts = {"state": _state(), "database": _database()}
    status = "ok" if all(parts.values()) else "unavailable"
    if status != "ok" and parts["database"] and load(GateSettings).state_away == "admit":
        status = "degraded"
    return JsonResponse(
        {"status": status, **{name: "ok" if up else "unavailable" for name, up in parts.items()}},
        status=503 if status == "unavailable" else 200,
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
