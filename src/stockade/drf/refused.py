"""A refusal in DRF's own clothes: while it probes what would be allowed, DRF takes nothing else for a no."""

from __future__ import annotations

from rest_framework.exceptions import APIException

from stockade.core.errors import Refusal


class Refused(APIException):
    """Carries a refusal through DRF; our exception handler unpacks it, DRF's own renders it with the same status.

    Args:
        refusal: what was said no with.
    """

    def __init__(self, refusal: Refusal) -> None:
        self.status_code = refusal.status
        super().__init__(refusal.detail, code=refusal.code)
        self.refusal = refusal
