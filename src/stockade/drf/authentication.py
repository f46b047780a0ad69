"""The DRF authenticator: reads what the middleware found, or without the middleware walks the same way itself."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from stockade.core.principal import Principal
from stockade.drf import before
from stockade.pipeline import registry as registries
from stockade.pipeline.delegated import Delegate
from stockade.pipeline.exchange import Exchange
from stockade.policy.proven import UNHEARD
from stockade.schemes.hiding import hide
from stockade.schemes.users import renewed
from stockade.web.decorators import CALLED
from stockade.web.run import admit, begin, identify, open_context


def exchange_of(request: Request) -> Exchange | None:
    """The exchange of a DRF request; walks steps 1 to 4 now if no middleware has.

    So it is where a view is called without URL and middleware, with a request of APIRequestFactory.

    Raises:
        Refusal: any of the steps says no.
    """
    http = request._request  # noqa: SLF001 - DRF's only handle on the HttpRequest
    found: Exchange | None = http.__dict__.get("stockade")
    if found is not None:
        return found
    registry = registries.current()
    match = http.resolver_match
    if registry is None:
        return None
    target: Any = match.func if match is not None else _called(request)
    if target is None:
        return None
    if "stockade_context" not in http.__dict__:
        open_context(registry, http)
        http.__dict__[UNHEARD] = True
    try:
        exchange = begin(registry, http, target)
        if exchange is None:
            return None
        if match is None:
            exchange.delegated = registry.declared(target)
        identify(registry.engine, exchange)
    except Exception as error:
        hide(error)  # its frames held the credential
        raise
    admit(registry, http, exchange)
    return exchange


def _called(request: Request) -> Any:
    """The view that `request` was made for and that is running: a schema generator only makes both."""
    marked = request._request.__dict__.get(CALLED)  # noqa: SLF001
    if marked is not None:
        return marked
    view = (request.parser_context or {}).get("view")
    return (
        None if view is None or "headers" not in vars(view) else Delegate.of(view)
    )  # set by APIView.dispatch


class StockadeAuthentication(BaseAuthentication):
    """Every enabled scheme at once, for DEFAULT_AUTHENTICATION_CLASSES."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The caller, or None for an anonymous one; whom the authenticators of before know where they are to judge.

        Raises:
            Refusal: see `exchange_of`; DRF's exception handler renders it.
        """
        exchange = exchange_of(request)
        if exchange is not None and exchange.principal.is_authenticated:
            if exchange.entry is not None and (given := exchange.entry.given) is not None:
                return given.user, given.auth
            principal: Principal = exchange.principal
            # A worker keeps the principal: each request gets an instance of its own. A service is no user: what reads
            # `request.user.pk` meets AnonymousUser, as it does behind the middleware.
            user = AnonymousUser() if principal.user is None else renewed(principal.user)
            return user, principal.credential
        if before.open_to(request, exchange):
            for authenticator in self._before():
                found = authenticator.authenticate(request)
                if found is not None:
                    return found
        return None

    @staticmethod
    def _before() -> list[BaseAuthentication]:
        known = before.classes("DEFAULT_AUTHENTICATION_CLASSES")
        return [one() for one in known if not issubclass(one, StockadeAuthentication)]

    def authenticate_header(self, request: Request) -> str:
        """The challenges of the enabled schemes (RFC 9110 section 11.6.1), or of the first authenticator of before."""
        registry = registries.current()
        exchange = request._request.__dict__.get("stockade")  # noqa: SLF001
        if before.open_to(request, exchange) and (known := self._before()):
            return known[0].authenticate_header(request) or ""
        return ", ".join(registry.challenges) if registry is not None else "Bearer"
