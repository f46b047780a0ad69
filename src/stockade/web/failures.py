"""What a client learns of an error of an API's own: that there was one. DEBUG or not, no trace, SQL or path."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from stockade.core.errors import Refusal
from stockade.pipeline.exchange import Exchange


class Failure(Refusal):
    """500: the server's own fault. The log has the rest."""

    status = 500
    title = "Internal server error"
    default_code = "server_error"
    default_detail = "The server could not complete the request."


def is_to_be_told(request: HttpRequest, exchange: Exchange, response: HttpResponseBase) -> bool:
    """Whether an answer of 500 is Django's own page for what an API view has raised, and goes to a program.

    Who develops sees that page in a browser, which asks for HTML by name. What is no HTML page of Django's was
    written by somebody: the project's handler, or a view.
    """
    cls = exchange.leaf.cls if exchange.leaf is not None else None
    if not hasattr(cls, "authentication_classes"):  # no view of DRF's
        return False
    if not response.headers.get("Content-Type", "").startswith(("text/html", "text/plain")):
        return False
    return not (settings.DEBUG and "text/html" in request.META.get("HTTP_ACCEPT", ""))
