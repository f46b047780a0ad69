"""Complete mediation: a view whose policy speaks of objects must have asked before its answer leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS, transaction
from django.http import HttpResponseBase

from stockade.core.errors import Undecided
from stockade.database import write_database
from stockade.pipeline.exchange import Exchange

R = TypeVar("R", bound=HttpResponseBase)


def run_mediated(
    exchange_of: Callable[[], Exchange | None], call: Callable[[], R], using: str = DEFAULT_DB_ALIAS
) -> R:
    """Run `call` in a transaction that is kept only if it has asked about an object or failed by itself.

    It reads where it writes: what a replica still says of an object must not decide who changes it.

    Args:
        exchange_of: gives the request's exchange once the view has run: without the middleware, DRF makes it in there.
        call: the view; answers or raises.
        using: the database that it writes to.

    Raises:
        Undecided: it answered without a decision; everything that it wrote is rolled back.
    """
    with write_database(), transaction.atomic(using=using):
        response = call()
        if getattr(response, "exception", False):  # DRF has made an exception into this answer
            transaction.set_rollback(True, using=using)
        elif (exchange := exchange_of()) is not None and undecided(exchange, response):
            refusal = Undecided(reason="undecided")
            if not exchange.spares(refusal):
                raise refusal
    return response


def undecided(exchange: Exchange, response: HttpResponseBase) -> bool:
    """Whether an answer is about to leave that no decision covers. Refusals and errors tell nothing of objects."""
    return exchange.mediator is not None and response.status_code < 400 and exchange.undecided
