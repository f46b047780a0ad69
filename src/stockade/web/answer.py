"""What every answer carries: security headers, the request id, and where limits were charged their state."""

from __future__ import annotations

from collections.abc import ValuesView

from django.http import HttpRequest, HttpResponseBase
from django.http.response import ResponseHeaders

from stockade.core.context import RequestContext
from stockade.core.mode import ENFORCE
from stockade.edge.headers import PAGES, Store
from stockade.gate import headers as limits
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.registry import Registry


class Headers(ResponseHeaders):
    """`ResponseHeaders` whose items are its store's values, which are just those pairs.

    The mapping that Django derives from looks each name up again while it is read: half a microsecond a header, of
    which an answer has fifteen, for every server that reads `response.items()`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def items(self) -> ValuesView[tuple[str, str]]:  # type: ignore[override]  # iterates alike
        """Name and value of each header."""
        return self._store.values()


def secure(registry: Registry, request: HttpRequest) -> bool:
    """`request.is_secure()`, without its detour over settings where no proxy says so."""
    if registry.scheme_by_header:
        return request.is_secure()
    scheme: str = request._get_scheme()  # type: ignore[attr-defined]  # noqa: SLF001 - what `scheme` returns then
    return scheme == "https"


def finish(
    registry: Registry,
    request: HttpRequest,
    exchange: Exchange | None,
    context: RequestContext,
    response: HttpResponseBase,
) -> None:
    """Complete `response`. What the view has set itself is kept.

    Works on the store of `django.http.ResponseHeaders` (lower-case name to (name, value)): one merge instead of ten
    assignments, which would check and convert each value again (see `stockade.edge.headers`).
    """
    if registry.cors is not None:
        registry.cors.mark(request, response)
    mode = context.mode or registry.settings.modes.general
    guards = told = True
    if mode is not ENFORCE:
        guards, told = mode.edge, not mode.silent
        if not guards and not told:  # nothing is refused, and so nothing is changed
            return
    store: Store = response.headers._store  # noqa: SLF001
    if guards:
        content_type = store.get("content-type")
        if content_type is not None:
            page = content_type[1].startswith(PAGES)
        else:
            page = response.status_code == 304 and _awaits_page(request)
        merged = {**registry.headers.stores[secure(registry, request), page], **store}
        if (
            page
            or "x-frame-options" in store
            or response.cookies
            or "xframe_options_exempt" in response.__dict__
        ):
            registry.headers.fit(request, response, store, merged, page)
    else:
        merged = {**store}
    merged["x-request-id"] = ("X-Request-ID", context.id)
    if exchange is not None and told and (verdict := exchange.verdict) is not None:
        _, charges, policy, form = exchange.plan
        if policy:
            merged["ratelimit-policy"] = ("RateLimit-Policy", policy)
            merged["ratelimit"] = ("RateLimit", limits.fill(form, charges, verdict))
    response.headers = Headers(merged)


_RUN = frozenset({"document", "iframe", "frame", "worker", "sharedworker", "serviceworker"})


def _awaits_page(request: HttpRequest) -> bool:
    """Whether a 304, which has no Content-Type, is about a page: the browser says what it loads, or what it accepts.

    Its headers take the place of those that came with the stored answer (RFC 9111 section 3.2): the policy of data
    would forbid the page its scripts.
    """
    destination = request.META.get("HTTP_SEC_FETCH_DEST")
    if destination is not None:
        return destination in _RUN
    return "text/html" in request.META.get("HTTP_ACCEPT", "")
