"""Tells DRF which foreign authenticator it was: permissions of OAuth toolkit ask for its class."""

from __future__ import annotations

from typing import Any

from rest_framework.request import ForcedAuthentication, Request

from stockade.drf.authentication import StockadeAuthentication

_NAME = "successful_authenticator"
_OURS = (ForcedAuthentication, StockadeAuthentication)


def install() -> None:
    """Have `Request.successful_authenticator` give the authenticator that the pipeline has asked.

    DRF puts an authenticator of its own in the place of all others where the middleware has decided who is calling, and
    offers no way to name another. Done where a foreign scheme is enabled; once more changes nothing.
    """
    stock: Any = Request.__dict__[_NAME]
    if getattr(stock.fget, "stockade", False):
        return

    def successful_authenticator(request: Any) -> Any:
        found = stock.fget(request)
        if isinstance(found, _OURS):
            exchange = request._request.__dict__.get("stockade")
            entry = exchange.entry if exchange is not None else None
            if entry is not None and entry.given is not None:
                return entry.given.authenticator
        return found

    successful_authenticator.stockade = True  # type: ignore[attr-defined]
    setattr(Request, _NAME, property(successful_authenticator, doc=stock.__doc__))
