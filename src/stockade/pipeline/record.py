"""Step 6: what a refusal becomes in the security log, once."""

from __future__ import annotations

from stockade.core import errors
from stockade.core.errors import Refusal
from stockade.events import emit
from stockade.events.catalogue import Event
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.naming import event_of


def record(exchange: Exchange | None, refusal: Refusal) -> None:
    """Emit the event of a refusal, once a request and once a refusal."""
    if refusal.recorded or (exchange is not None and exchange.recorded):
        return
    refusal.recorded = True
    event = event_of(refusal)
    if event is None:
        return
    if exchange is not None:
        exchange.recorded = True
    entry = exchange.entry if exchange is not None else None
    principal = exchange.principal if exchange is not None else None
    if entry is not None and entry.principal is not None:
        principal = entry.principal  # known already, though a limit refused before it was adopted
    emit(
        event,
        reason=refusal.reason,
        status=refusal.status,
        principal=principal if principal is not None and principal.is_authenticated else None,
        credential=entry.credential if entry is not None else None,
        details=refusal.facts,
    )


# What DRF answers where a project has kept its EXCEPTION_HANDLER: the answer is its own, the log is ours.
_BY_STATUS: dict[int, type[Refusal]] = {
    400: errors.BadRequest,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotVisible,
}


def told(exchange: Exchange, status: int) -> None:
    """Emit the event of a refusal that a client has been told of, but the log has not."""
    kind = _BY_STATUS.get(status)
    if kind is not None:
        record(exchange, kind())


def record_success(exchange: Exchange) -> None:
    """Emit that a credential was accepted; for callers that have asked whether anyone wants to know."""
    if exchange.entry is not None:
        emit(
            Event.AUTHN_SUCCESS,
            status=200,
            principal=exchange.principal,
            credential=exchange.entry.credential,
        )
