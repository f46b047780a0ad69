"""The parts of the way that the middleware and the DRF adapters share: open, begin, admit."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from random import getrandbits
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.core.handlers.asgi import ASGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest

from stockade.core import tenant
from stockade.core.context import RequestContext, current
from stockade.core.errors import BadRequest, MethodNotAllowed, Refusal, Unavailable, Undeclared
from stockade.core.forwarded import SECRET_META
from stockade.events.bus import state as events
from stockade.events.catalogue import Event
from stockade.events.emission import emit
from stockade.pipeline import forced
from stockade.pipeline.declared import Declared
from stockade.pipeline.engine import Engine
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.foreign import ASK
from stockade.pipeline.leaf import OTHER
from stockade.pipeline.record import record_success
from stockade.pipeline.registry import Registry
from stockade.pipeline.reporting import spare
from stockade.truth import lists
from stockade.web.adopting import adopt
from stockade.web.body import objection, require_whole
from stockade.web.content_type import UNREADABLE, restore
from stockade.web.translate import refusal_of

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def _new_id() -> str:
    """A request id: unique, and no secret, so it need not cost a system call. Python seeds anew after a fork."""
    return f"{getrandbits(128):032x}"


def open_context(registry: Registry, request: HttpRequest) -> RequestContext:
    """What events say of this request. X-Request-ID is believed from trusted proxies only.

    Where proxies are named, a request of anyone else loses what only they may say (`TrustedProxies.receive`).
    """
    meta = request.META
    proxies = registry.proxies
    if proxies is not None:
        posing = SECRET_META in meta
        address, believed = proxies.receive(meta)
        posing = posing and not believed
        given = meta.get("HTTP_X_REQUEST_ID", "") if believed else ""
        id = given if given and _REQUEST_ID.match(given) else _new_id()
        context = RequestContext(id, meta, address)
    else:
        posing = False
        context = RequestContext(_new_id(), meta, meta.get("REMOTE_ADDR", ""))
    current.set(context)
    if posing:
        emit(Event.PROXY_FORGED)
    request.stockade_context = context  # type: ignore[attr-defined]
    return context


def settle_tenant(registry: Registry, request: HttpRequest) -> RequestContext:
    """Note whose users the request is about, now that every middleware has run; returns the request's context."""
    context: RequestContext = request.stockade_context  # type: ignore[attr-defined]
    if registry.tenant is not None and not context.tenant:
        context.tenant = tenant.of_request(registry.tenant, request)
    return context


def begin(registry: Registry, request: HttpRequest, view: Callable[..., Any]) -> Exchange | None:
    """Step 1: the exchange, its credential found; None for a view that EXEMPT leaves alone.

    Raises:
        Banned: the address is, or the browser's user where EXEMPT leaves the view alone.
        MethodNotAllowed: the view does not answer this method. Undeclared: its object rule cannot be enforced.
        BadRequest: the Content-Type or the path is malformed. BadRequest, InvalidCredential: see `Engine.find`.
    """
    context: RequestContext = request.stockade_context  # type: ignore[attr-defined]
    if registry.tenant is not None:
        settle_tenant(registry, request)
    if type(request) is ASGIRequest:
        require_whole(request)
    match = request.resolver_match
    if match is not None:
        context.route = match.route
        if registry.exempts and registry.exempt(match):
            context.mode = registry.mode(match)
            registry.engine.pass_lists(context, partial(_session_user, request))
            return None
    declared = registry.declared(view, match)
    context.mode = declared.mode
    if lists.current().guarded and not declared.probe:
        registry.engine.turn_away(context)
    if declared.allowed is not None:
        declared.turn_away(context.address)
    state = request.__dict__
    if UNREADABLE in state:
        _refuse(declared, request, BadRequest("The Content-Type cannot be read.", code="content_type"))
        restore(request)
    if "\0" in request.path_info:  # PostgreSQL takes none in text
        _refuse(
            declared, request, BadRequest("The path must not contain NUL characters.", code="null_character")
        )
    leaf = declared.leaves.get(request.method or "", declared.other)
    if leaf is None:
        raise MethodNotAllowed(tuple(declared.leaves))
    if (
        leaf.method == OTHER and leaf.cls is None and not leaf.legacy
    ):  # a class refuses what it does not answer
        _refuse(declared, request, MethodNotAllowed(tuple(declared.leaves)))
    if not leaf.safe and (objected := objection(request)) is not None:
        _refuse(declared, request, objected)
    if declared.unguarded:
        _refuse(declared, request, Undeclared(reason="object_policy_without_policy_mixin"))
    exchange = registry.engine.find(context, leaf, request)
    given = forced.principal_of(request, state)
    if given is not None:
        exchange.disown()
        exchange.principal = given
    elif exchange.key is ASK:
        exchange.http = request
    state["stockade"] = exchange
    return exchange


def _refuse(declared: Declared, request: HttpRequest, refusal: Refusal) -> None:
    """Refuse before there is an exchange, unless the view's mode has that only recorded."""
    if not spare(declared.mode, declared.name, request.method or "", refusal):
        raise refusal


def identify(engine: Engine, exchange: Exchange) -> None:
    """Steps 2 and 3: who is calling, and whether the state lets the call pass. May do I/O.

    Raises:
        Refusal: either says no.
    """
    try:
        if exchange.key and exchange.entry is None:
            engine.verify(exchange)
        if engine.pass_gate(exchange):
            engine.reload(exchange)
        if exchange.http is not None:
            engine.look_at_request(exchange)
    except (Refusal, OperationalError, InterfaceError) as error:
        engine.go_on(exchange, meaning(error))


def meaning(error: Refusal | OperationalError | InterfaceError) -> Refusal:
    """A refusal as it is. SQL is the truth: while it is away nobody can be told apart, and nobody is let in."""
    return error if isinstance(error, Refusal) else Unavailable(reason="database")


def _session_user(request: HttpRequest) -> tuple[str, tuple[str, ...]]:
    """The user of Django's own session, and the id of his login, for views that EXEMPT leaves alone. Asks SQL."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return "", ()
    login = str(getattr(request.session, "login_id", "")) if hasattr(request, "session") else ""
    return tenant.of(tenant.here(), user.pk), (login,) if login else ()


def asks_session(exchange: Exchange) -> bool:
    """Whether the ban list must be asked about the user of Django's own session: SQL, so not in an event loop.

    A view that finds out by itself who calls may find him there, whatever else was shown to us.
    """
    return exchange.open and not exchange.principal.is_authenticated and bool(lists.current().callers)


def admit(registry: Registry, request: HttpRequest, exchange: Exchange) -> None:
    """Step 4, then tell Django and DRF who is calling.

    Raises:
        Undeclared, Unauthenticated, Forbidden, InsufficientScope: see `Engine.decide`. Banned: the browser's user is,
            where the view finds out by itself who calls.
    """
    leaf = exchange.leaf
    if leaf is not None and leaf.open and asks_session(exchange):
        registry.engine.pass_lists(exchange.context, partial(_session_user, request))
    try:
        registry.engine.decide(exchange)
    except (OperationalError, InterfaceError) as error:  # a rule that asks SQL
        if not exchange.spares(meaning(error)):
            raise
    except ObjectDoesNotExist as error:  # a rule that reads the caller's row, which is gone
        meant = refusal_of(error)
        if meant is None or not exchange.spares(meant):
            raise
    principal = exchange.principal
    exchange.context.principal = principal
    adopt(request, principal, exchange.entry, leaf)
    # By the setting, for a subscriber or in a test. Where nobody wants them, this look is all that they cost.
    if not events.quiet:
        record_success(exchange)
