"""The middleware: first in MIDDLEWARE, so that no view and no other middleware slips past."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import ObjectDoesNotExist
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponseBase

from stockade.core.context import RequestContext, current as current_context
from stockade.core.errors import BadRequest, NotVisible, Refusal, Unavailable, Undecided
from stockade.core.mode import ENFORCE
from stockade.pipeline import registry as registries
from stockade.pipeline.asking import NeedsThread
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.leaf import OTHER
from stockade.pipeline.mediation import undecided
from stockade.pipeline.record import record, told
from stockade.pipeline.registry import Registry
from stockade.pipeline.reporting import spare
from stockade.pipeline.start import refuse_to_start
from stockade.schemes.backend import ATTRIBUTE, settle
from stockade.schemes.hiding import hide
from stockade.truth.change import UNTOLD
from stockade.web.answer import finish
from stockade.web.body import bound_asgi
from stockade.web.content_type import install
from stockade.web.door import knock
from stockade.web.failures import Failure, is_to_be_told
from stockade.web.login_page import login_page
from stockade.web.observing import NO_VIEW, answered, look
from stockade.web.problem import respond
from stockade.web.run import admit, asks_session, begin, identify, meaning, open_context, settle_tenant
from stockade.web.translate import refusal_of

View = Callable[..., Any]


class Middleware:
    """Find, verify, gate, policy for every request; headers and events for every answer.

    Steps 1 to 4 run in `process_view`, where the view is known; what never reaches a view is answered in `__call__`.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.asynchronous = iscoroutinefunction(get_response)
        if self.asynchronous:
            # Django looks at both: a sync process_view of an async handler would run in a thread each time.
            markcoroutinefunction(self)
            self.process_view: Callable[..., Any] = self._process_view_async
        else:
            self.process_view = self._process_view
        registries.serve()
        refuse_to_start()
        if registries.peek() is not None:
            install()
            bound_asgi()

    # -- around everything -------------------------------------------------------------------------------------

    def __call__(self, request: HttpRequest) -> Any:
        """Answer a request; a coroutine where the handler is async."""
        if self.asynchronous:
            return self._call_async(request)
        registry = registries.current()
        if registry is None:
            return answered(request, self.get_response(request))
        context = open_context(registry, request)
        try:
            response = knock(registry, request, context) if registry.guards_door else None
            if response is None:
                response = self.get_response(request)
            return self._close(registry, request, context, response)
        finally:
            current_context.set(None)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        registry = registries.current()
        if registry is None:
            return answered(request, await self.get_response(request))
        context = open_context(registry, request)
        response = knock(registry, request, context) if registry.guards_door else None
        if response is None:
            response = await self.get_response(request)
        try:
            return self._close(registry, request, context, response)
        except NeedsThread:
            return await sync_to_async(self._close)(registry, request, context, response)

    def _close(
        self, registry: Registry, request: HttpRequest, context: RequestContext, response: HttpResponseBase
    ) -> HttpResponseBase:
        exchange: Exchange | None = request.__dict__.get("stockade")
        if exchange is None:
            if request.resolver_match is None:
                response = self._unresolved(registry, request, context, response)
        elif response.status_code >= 400:
            if not exchange.recorded and getattr(response, "exception", False):
                told(exchange, response.status_code)
            told_so = response.status_code != 500 or registry.silent(context)
            if not told_so and is_to_be_told(request, exchange, response):
                response = respond(registry, Failure())
        elif exchange.mediator is not None and undecided(exchange, response):
            response = self._unless_spared(registry, exchange, Undecided(reason="undecided"), response)
        elif (
            exchange.leaf is not None
            and exchange.leaf.method not in (request.method, OTHER)
            and not exchange.legacy
        ):
            # A process_view after ours has made it another request than the one that was decided about.
            response = self._unless_spared(registry, exchange, Undecided(reason="method_changed"), response)
        if context.untold and response.status_code < 500:
            response = self._refuse(registry, None, Unavailable(UNTOLD, reason="untold"))
        if ATTRIBUTE in request.__dict__:
            settle(request, None if registry.silent(context) else response)
        finish(registry, request, exchange, context, response)
        return response

    def _unresolved(
        self,
        registry: Registry,
        request: HttpRequest,
        context: RequestContext,
        response: HttpResponseBase,
    ) -> HttpResponseBase:
        """No URL fits: bans, limits and the query string are looked at all the same; a 404 is a problem document.

        What another middleware has answered in our place (a redirect, a static file) is not for the banned either.
        """
        from django.conf import settings

        exchange = None
        try:
            if response.status_code != 404:
                registry.engine.pass_lists(context)
                return response
            registry.engine.turn_away(context)
            malformed = self._malformed(registry, context)
            if malformed is not None and registry.settings.modes.general.input:
                raise malformed
            registry.engine.pass_gate(exchange := Exchange(context, None))
            if malformed is not None:
                raise malformed
        except (Refusal, OperationalError, InterfaceError) as error:
            refusal = meaning(error)
            if spare(registry.settings.modes.general, NO_VIEW, request.method or "", refusal):
                return response
            return self._refuse(registry, exchange, refusal)
        as_it_is = settings.DEBUG or registry.settings.modes.general is not ENFORCE
        return response if as_it_is else respond(registry, NotVisible())

    @staticmethod
    def _malformed(registry: Registry, context: RequestContext) -> BadRequest | None:
        try:
            registry.engine.finder.refuse_query(context.meta.get("QUERY_STRING") or "")
        except BadRequest as refusal:
            return refusal
        return None

    # -- before the view ---------------------------------------------------------------------------------------

    def _process_view(
        self, request: HttpRequest, view: View, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        registry = registries.current()
        if registry is None:
            look(request, view)
            return None
        exchange = None
        try:
            try:
                exchange = begin(registry, request, view)
                if exchange is None:
                    return None
                identify(registry.engine, exchange)
            except Exception as error:
                hide(error)  # its frames held the credential
                raise
            admit(registry, request, exchange)
        except Refusal as refusal:
            return self._turn_away(registry, request, view, exchange, refusal)
        except ObjectDoesNotExist as error:  # a rule that reads the caller's row, which is gone
            if (meant := refusal_of(error)) is None:
                raise
            return self._refuse(registry, exchange, meant)
        except (OperationalError, InterfaceError):
            # SQL is the truth: while it is away nobody can be told apart, and nobody is let in.
            return self._refuse(registry, exchange, Unavailable(reason="database"))
        return None

    async def _process_view_async(
        self, request: HttpRequest, view: View, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        registry = registries.current()
        if registry is None:
            look(request, view)
            return None
        exchange = None
        engine = registry.engine
        try:
            try:
                # Only what may ask SQL leaves the event loop; the gate's call is shorter than a thread's switch.
                try:
                    if not engine.remembers(settle_tenant(registry, request)):
                        raise NeedsThread
                    exchange = begin(registry, request, view)
                except NeedsThread:
                    exchange = await sync_to_async(begin)(registry, request, view)
                if exchange is None:
                    return None
                try:
                    if exchange.key and exchange.entry is None:
                        await sync_to_async(engine.verify)(exchange)
                    try:
                        if engine.remote:
                            moved = await engine.pass_gate_async(exchange)
                        else:
                            moved = engine.pass_gate(exchange)
                    except NeedsThread:
                        moved = await sync_to_async(engine.pass_gate)(exchange)
                    if moved:
                        await sync_to_async(engine.reload)(exchange)
                except (Refusal, OperationalError, InterfaceError) as error:
                    await sync_to_async(engine.go_on)(exchange, meaning(error))
            except Exception as error:
                hide(error)  # its frames held the credential
                raise
            leaf = exchange.leaf
            queries = leaf is not None and leaf.rule is not None and leaf.rule.may_query
            if queries or asks_session(exchange):
                await sync_to_async(admit)(registry, request, exchange)
            else:
                try:
                    admit(registry, request, exchange)
                except NeedsThread:  # another thread has read the first ban of a user just now
                    await sync_to_async(admit)(registry, request, exchange)
        except Refusal as refusal:
            return self._turn_away(registry, request, view, exchange, refusal)
        except ObjectDoesNotExist as error:  # a rule that reads the caller's row, which is gone
            if (meant := refusal_of(error)) is None:
                raise
            return self._refuse(registry, exchange, meant)
        except (OperationalError, InterfaceError):
            # SQL is the truth: while it is away nobody can be told apart, and nobody is let in.
            return self._refuse(registry, exchange, Unavailable(reason="database"))
        return None

    # -- refusals ----------------------------------------------------------------------------------------------

    @staticmethod
    def _refuse(registry: Registry, exchange: Exchange | None, refusal: Refusal) -> HttpResponseBase:
        record(exchange, refusal)
        return respond(registry, refusal)

    def _turn_away(
        self,
        registry: Registry,
        request: HttpRequest,
        view: View,
        exchange: Exchange | None,
        refusal: Refusal,
    ) -> HttpResponseBase:
        """Refuse before the view has run; a page that sends its visitors to log in still does."""
        exchange = exchange or request.__dict__.get("stockade")
        answer = self._refuse(registry, exchange, refusal)
        page = login_page(request, view, refusal)
        if page is not None and exchange is not None:
            exchange.mediator = None  # the redirect is ours: there is nothing to decide about
        return page or answer

    def _unless_spared(
        self, registry: Registry, exchange: Exchange, refusal: Refusal, response: HttpResponseBase
    ) -> HttpResponseBase:
        """`response`, if the view's mode has the refusal only recorded."""
        return response if exchange.spares(refusal) else self._refuse(registry, exchange, refusal)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """A refusal that a view raised, and that DRF's own handler passes on; and data that no database takes."""
        registry = registries.current()
        if registry is None:
            return None
        exchange: Exchange | None = request.__dict__.get("stockade")
        refusal: Refusal | None = None
        if exchange is None:  # a view that EXEMPT leaves alone
            refusal = exception if isinstance(exception, Refusal) else None
        elif exchange.mediator is not None and isinstance(exception, Http404):
            if exchange.open:
                return None
            # Django's page would tell what is missing from what is hidden.
            refusal = NotVisible(reason="not_found")
        else:
            refusal = refusal_of(exception)
        if (
            refusal is not exception
            and refusal is not None
            and exchange is not None
            and exchange.spares(refusal)
        ):
            return None  # Django answers it as it would without us
        return self._refuse(registry, exchange, refusal) if refusal is not None else None
