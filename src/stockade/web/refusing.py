"""A refusal on its way out: recorded once, and told to the client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from stockade.core.errors import Refusal
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.record import record
from stockade.pipeline.registry import Registry
from stockade.web.login_page import login_page
from stockade.web.problem import respond

View = Callable[..., Any]


def refuse(registry: Registry, exchange: Exchange | None, refusal: Refusal) -> HttpResponseBase:
    """The answer that tells of `refusal`, which is recorded if nothing of this request has been."""
    record(exchange, refusal)
    return respond(registry, refusal)


def turn_away(
    registry: Registry,
    request: HttpRequest,
    view: View,
    exchange: Exchange | None,
    refusal: Refusal,
) -> HttpResponseBase:
    """Refuse before the view has run; a page that sends its visitors to log in still does."""
    exchange = exchange or request.__dict__.get("stockade")
    answer = refuse(registry, exchange, refusal)
    page = login_page(request, view, refusal)
    if page is not None and exchange is not None:
        exchange.mediator = None  # the redirect is ours: there is nothing to decide about
    return page or answer


def unless_spared(
    registry: Registry, exchange: Exchange, refusal: Refusal, response: HttpResponseBase
) -> HttpResponseBase:
    """`response`, if the view's mode has the refusal only recorded."""
    return response if exchange.spares(refusal) else refuse(registry, exchange, refusal)
