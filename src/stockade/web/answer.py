"""What every answer carries: security headers, the request id, and where limits were charged their state."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from stockade.core.context import RequestContext
from stockade.edge.headers import Store
from stockade.gate import headers as limits
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.registry import Registry


def finish(
    registry: Registry,
    request: HttpRequest,
    exchange: Exchange | None,
    context: RequestContext,
    response: HttpResponseBase,
) -> None:
    """Complete `response` in place. What the view has set itself is kept.

    Works on the store of `django.http.ResponseHeaders` (lower-case name to (name, value)): one merge instead of ten
    assignments, which would check and convert each value again (see `stockade.edge.headers`).
    """
    headers = response.headers
    store: Store = headers._store  # noqa: SLF001
    content_type = store.get("content-type")
    page = content_type is not None and content_type[1].startswith("text/html")
    merged = {**registry.stores[request.is_secure(), page], **store}
    merged["x-request-id"] = ("X-Request-ID", context.id)
    if exchange is not None and exchange.verdict is not None:
        _, charges, policy, form = exchange.plan
        if charges:
            merged["ratelimit-policy"] = ("RateLimit-Policy", policy)
            merged["ratelimit"] = ("RateLimit", limits.fill(form, charges, exchange.verdict))
    headers._store = merged  # noqa: SLF001
