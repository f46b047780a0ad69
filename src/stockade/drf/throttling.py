"""The DRF throttle: limits are charged by the pipeline before the view, so nothing is left to count here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from stockade.drf.authentication import exchange_of

if TYPE_CHECKING:  # rest_framework.views imports this module while it is being imported
    from rest_framework.views import APIView


class StockadeThrottle(BaseThrottle):
    """For projects that want to see it in DEFAULT_THROTTLE_CLASSES; `throttle_scope` works with or without it."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Charge, if nothing has yet.

        Raises:
            TooMany: over a limit.
        """
        exchange_of(request)
        return True
