"""The DRF throttle: limits are charged by the pipeline before the view, so nothing is left to count here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from stockade.drf import before
from stockade.drf.authentication import exchange_of

if TYPE_CHECKING:  # rest_framework.views imports this module while it is being imported
    from rest_framework.views import APIView


class StockadeThrottle(BaseThrottle):
    """For DEFAULT_THROTTLE_CLASSES: where the view's own classes judge, the throttles of before go on counting."""

    _wait: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Charge, if nothing has yet.

        Raises:
            TooMany: over a limit.
        """
        exchange = exchange_of(request)
        leaf = None if exchange is None else exchange.leaf
        if leaf is not None and not leaf.legacy and leaf.mode.limits:
            return True
        refused = []
        for known in before.classes("DEFAULT_THROTTLE_CLASSES"):
            throttle = known()
            if not isinstance(throttle, StockadeThrottle) and not throttle.allow_request(request, view):
                refused.append(throttle.wait())
        self._wait = max((wait for wait in refused if wait is not None), default=None)
        return not refused

    def wait(self) -> float | None:
        """Seconds until the slowest of them takes requests again."""
        return self._wait
