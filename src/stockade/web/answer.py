"""What every answer carries: security headers, the request id, and where limits were charged their state."""

from __future__ import annotations

from collections.abc import ValuesView

from django.http import HttpRequest, HttpResponseBase
from django.http.response import ResponseHeaders

from stockade.core.context import RequestContext
from stockade.edge.headers import Store
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


def _secure(registry: Registry, request: HttpRequest) -> bool:
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
    if registry.silent(context):  # nothing is refused, and so nothing is changed
        return
    store: Store = response.headers._store  # noqa: SLF001
    content_type = store.get("content-type")
    page = content_type is not None and content_type[1].startswith("text/html")
    merged = {**registry.stores[_secure(registry, request), page], **store}
    merged["x-request-id"] = ("X-Request-ID", context.id)
    if exchange is not None and exchange.verdict is not None:
        _, charges, policy, form = exchange.plan
        if policy:
            merged["ratelimit-policy"] = ("RateLimit-Policy", policy)
            merged["ratelimit"] = ("RateLimit", limits.fill(form, charges, exchange.verdict))
    response.headers = Headers(merged)
