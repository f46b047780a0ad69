"""The DRF throttle: limits are charged by the pipeline before the view, so nothing is left to count here."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from stockade.drf.authentication import exchange_of


class StockadeThrottle(BaseThrottle):
    """For projects that want to see it in DEFAULT_THROTTLE_CLASSES; `throttle_scope` works with or without it."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Charge, if nothing has yet.

        Raises:
            TooMany: over a limit.
        """
        exchange_of(request)
        return True
