"""Before any other middleware: plain HTTP is turned away, a preflight is answered, a page gets its nonce."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve

from stockade.conf import load
from stockade.core.context import RequestContext
from stockade.core.errors import ConfigurationError, PlainHttp
from stockade.edge import csp
from stockade.pipeline.record import record
from stockade.pipeline.registry import Registry
from stockade.pipeline.reporting import spare
from stockade.schemes.conf import JWTSettings
from stockade.web.answer import secure
from stockade.web.observing import NO_VIEW
from stockade.web.page import is_preferred
from stockade.web.problem import respond


def knock(registry: Registry, request: HttpRequest, context: RequestContext) -> HttpResponseBase | None:
    """The answer to a request that goes no further; None for one that does."""
    if registry.scheme_by_header:
        _settle_scheme(request.META)
    if registry.headers.nonces:
        request._csp_nonce = csp.new_nonce()  # type: ignore[attr-defined]  # noqa: SLF001 - as Django 6 calls it
    if registry.plain_http is not None and not secure(registry, request):
        answer = _turn_away(registry, request, context)
        if answer is not None:
            return answer
    return registry.cors.preflight(request) if registry.cors is not None else None


def _settle_scheme(meta: dict[str, Any]) -> None:
    """Take no request for HTTPS of which two proxies, or a client and a proxy that appends, say different things.

    Django reads the first of several, which is the client's own where a proxy appends.
    """
    name = settings.SECURE_PROXY_SSL_HEADER[0]  # type: ignore[index]  # it is set: `scheme_by_header`
    said = meta.get(name)
    if said is not None and "," in said and len({one.strip() for one in said.split(",")}) > 1:
        meta[name] = ""


def _turn_away(registry: Registry, request: HttpRequest, context: RequestContext) -> HttpResponseBase | None:
    """What a request over plain HTTP gets; None for probes, which load balancers send past the proxy, and exempt paths.

    The URL is resolved here already: what other middlewares would answer must not come before this.
    """
    plain = registry.plain_http
    assert plain is not None  # noqa: S101 - asked before
    if plain.spares(request.path):
        return None
    match = _match(request)
    view, rest, mode = NO_VIEW, False, registry.mode(match)
    if match is not None:
        rest = getattr(match.func, "cls", None) is not None
        context.route = match.route
        try:
            declared = registry.declared(match.func, match)
        except ConfigurationError:  # told of when its own turn comes
            pass
        else:
            if declared.probe:
                return None
            view, mode = declared.name, declared.mode
    context.mode = mode
    refusal = PlainHttp(_shows_credential(registry, request))
    if spare(mode, view, request.method or "", refusal):
        return None
    # Over plain HTTP a browser says only what it accepts: Fetch Metadata is for trustworthy addresses.
    person = not rest and is_preferred(request.META.get("HTTP_ACCEPT", ""))
    page = plain.redirect(request) if person else None
    if page is not None and not refusal.exposed:
        return page
    record(None, refusal)
    return page or respond(registry, refusal)


def _match(request: HttpRequest) -> ResolverMatch | None:
    try:
        return resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return None


def _shows_credential(registry: Registry, request: HttpRequest) -> bool:
    """Whether somebody on the way may have got hold of a credential: in a header or in a cookie."""
    meta: dict[str, Any] = request.META
    others = registry.engine.others
    if "HTTP_AUTHORIZATION" in meta or "HTTP_X_API_KEY" in meta or not others.headers.isdisjoint(meta):
        return True
    if "HTTP_COOKIE" not in meta:
        return False
    named = {settings.SESSION_COOKIE_NAME, load(JWTSettings).refresh_cookie, *others.cookies}
    return not named.isdisjoint(request.COOKIES)
