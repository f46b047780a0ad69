"""A refusal that MODE has only recorded: counted each time, told in the security log once a minute."""

from __future__ import annotations

from stockade import observe
from stockade.core import clock
from stockade.core.errors import Refusal
from stockade.core.mode import Mode, concern, spares
from stockade.core.principal import Principal
from stockade.events import emit
from stockade.pipeline.leaf import METHODS
from stockade.pipeline.naming import event_of

_QUIET = 60.0  # seconds; a view without a policy is told of at each request else
_MOST = 4096
_told: dict[tuple[str, str, str], float] = {}


def spare(mode: Mode, view: str, method: str, refusal: Refusal, principal: Principal | None = None) -> bool:
    """Whether `mode` lets the request go on; then its refusal is recorded here.

    Args:
        mode: of the view.
        view: its dotted name.
        method: of the request.
        refusal: what it would have been refused by.
        principal: who is calling, where that is known.
    """
    if not spares(mode, refusal):
        return False
    observe.note(view, method, concern(refusal), refusal.reason)
    key = (view, method if method in METHODS else "", refusal.reason)  # strangers make names up
    now = clock.now()
    if now - _told.get(key, 0.0) >= _QUIET:
        if len(_told) >= _MOST:
            _told.clear()
        _told[key] = now
        event = event_of(refusal)
        if event is not None:
            emit(
                event,
                reason=refusal.reason,
                principal=principal if principal is not None and principal.is_authenticated else None,
                details={**refusal.facts, "mode": "report"},
            )
    return True


def forget() -> None:
    """Tell the log again of what it was told lately."""
    _told.clear()
