"""What becomes of every answer before it leaves: it needs a decision, and one that no view gave is judged here."""

from __future__ import annotations

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase

from stockade.core.context import RequestContext
from stockade.core.errors import BadRequest, NotVisible, Refusal, Unavailable, Undecided
from stockade.core.mode import ENFORCE
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.leaf import OTHER
from stockade.pipeline.mediation import undecided
from stockade.pipeline.record import told
from stockade.pipeline.registry import Registry
from stockade.pipeline.reporting import spare
from stockade.policy.proven import HEARS, heard
from stockade.schemes.backend import ATTRIBUTE, settle
from stockade.truth.change import UNTOLD
from stockade.web.answer import finish
from stockade.web.failures import Failure, is_to_be_told
from stockade.web.observing import NO_VIEW
from stockade.web.problem import respond
from stockade.web.refusing import refuse, unless_spared
from stockade.web.run import meaning


def close(
    registry: Registry, request: HttpRequest, context: RequestContext, response: HttpResponseBase
) -> HttpResponseBase:
    """The answer as it leaves.

    Raises:
        NeedsThread: SQL must be asked, and this is an event loop.
    """
    exchange: Exchange | None = request.__dict__.get("stockade")
    if exchange is None:
        if request.resolver_match is None:
            response = _unresolved(registry, request, context, response)
    elif response.status_code >= 400:
        if not exchange.recorded and getattr(response, "exception", False):
            told(exchange, response.status_code)
        told_so = response.status_code != 500 or registry.silent(context)
        if not told_so and is_to_be_told(request, exchange, response):
            response = respond(registry, Failure())
    elif exchange.mediator is not None and undecided(exchange, response):
        response = unless_spared(registry, exchange, Undecided(reason="undecided"), response)
    elif (
        exchange.leaf is not None
        and exchange.leaf.method not in (request.method, OTHER)
        and not exchange.legacy
    ):
        # A process_view after ours has made it another request than the one that was decided about.
        response = unless_spared(registry, exchange, Undecided(reason="method_changed"), response)
    if context.untold and response.status_code < 500:
        response = refuse(registry, None, Unavailable(UNTOLD, reason="untold"))
    if HEARS in request.__dict__:
        heard(request, response.status_code)
    if ATTRIBUTE in request.__dict__:
        settle(request, None if registry.silent(context) else response)
    finish(registry, request, exchange, context, response)
    return response


def _unresolved(
    registry: Registry,
    request: HttpRequest,
    context: RequestContext,
    response: HttpResponseBase,
) -> HttpResponseBase:
    """No URL fits: bans, limits and the query string are looked at all the same; a 404 is a problem document.

    What another middleware has answered in our place (a redirect, a static file) is not for the banned either.
    """
    exchange = None
    try:
        if response.status_code != 404:
            registry.engine.pass_lists(context)
            return response
        registry.engine.turn_away(context)
        malformed = _malformed(registry, context)
        if malformed is not None and registry.settings.modes.general.input:
            raise malformed
        registry.engine.pass_gate(exchange := Exchange(context, None))
        if malformed is not None:
            raise malformed
    except (Refusal, OperationalError, InterfaceError) as error:
        refusal = meaning(error)
        if spare(registry.settings.modes.general, NO_VIEW, request.method or "", refusal):
            return response
        return refuse(registry, exchange, refusal)
    as_it_is = settings.DEBUG or registry.settings.modes.general is not ENFORCE
    return response if as_it_is else respond(registry, NotVisible())


def _malformed(registry: Registry, context: RequestContext) -> BadRequest | None:
    try:
        registry.engine.finder.refuse_query(context.meta.get("QUERY_STRING") or "")
    except BadRequest as refusal:
        return refusal
    return None
