"""Where the reference API takes signed messages of others."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from stockade.web import signed


@signed(url="source")
def inbound(request: HttpRequest, source: str) -> HttpResponse:
    """Take a message that its source has signed, once. What it is about would be worked on here."""
    return HttpResponse(status=204)
