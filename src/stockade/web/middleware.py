"""The middleware: first in MIDDLEWARE, so that no view and no other middleware slips past."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import ObjectDoesNotExist
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponseBase

from stockade.core.context import current as current_context
from stockade.core.errors import NotVisible, Refusal, Unavailable
from stockade.pipeline import registry as registries
from stockade.pipeline.asking import NeedsThread
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.start import refuse_to_start
from stockade.policy.proven import HEARS, heard
from stockade.schemes.hiding import hide
from stockade.web.body import bound_asgi
from stockade.web.closing import close
from stockade.web.content_type import install
from stockade.web.door import knock
from stockade.web.observing import answered, look
from stockade.web.refusing import View, refuse, turn_away
from stockade.web.run import admit, asks_session, begin, identify, meaning, open_context, settle_tenant
from stockade.web.translate import refusal_of
from stockade.web.uncut import may_be_signed, to_its_end


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
            return close(registry, request, context, response)
        except BaseException:  # the server ends what takes too long: no answer leaves
            heard(request, 500)
            raise
        finally:
            current_context.set(None)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        registry = registries.current()
        if registry is None:
            return answered(request, await self.get_response(request))
        context = open_context(registry, request)
        try:
            response = knock(registry, request, context) if registry.guards_door else None
            if response is None:
                if registry.signatures and may_be_signed(registry, request):
                    return await to_its_end(registry, request, context, self.get_response(request))
                response = await self.get_response(request)
            try:
                if HEARS in request.__dict__:  # the state is asked
                    raise NeedsThread
                return close(registry, request, context, response)
            except NeedsThread:
                return await sync_to_async(close)(registry, request, context, response)
        finally:
            current_context.set(None)  # asgiref hands an async caller's context variables on to a sync one

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
            return turn_away(registry, request, view, exchange, refusal)
        except ObjectDoesNotExist as error:  # a rule that reads the caller's row, which is gone
            if (meant := refusal_of(error)) is None:
                raise
            return refuse(registry, exchange, meant)
        except (OperationalError, InterfaceError):
            # SQL is the truth: while it is away nobody can be told apart, and nobody is let in.
            return refuse(registry, exchange, Unavailable(reason="database"))
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
                    if exchange.http is not None:
                        await sync_to_async(engine.look_at_request)(exchange)
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
            return turn_away(registry, request, view, exchange, refusal)
        except ObjectDoesNotExist as error:  # a rule that reads the caller's row, which is gone
            if (meant := refusal_of(error)) is None:
                raise
            return refuse(registry, exchange, meant)
        except (OperationalError, InterfaceError):
            # SQL is the truth: while it is away nobody can be told apart, and nobody is let in.
            return refuse(registry, exchange, Unavailable(reason="database"))
        return None

    # -- refusals ----------------------------------------------------------------------------------------------

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
        return refuse(registry, exchange, refusal) if refusal is not None else None
