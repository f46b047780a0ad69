"""What is known of the request at hand, for events emitted far from it."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from stockade.core.address import UNKNOWN
from stockade.core.mode import Mode


class RequestContext:
    """The request as events name it. Cheap to make: what is rarely read is computed when asked.

    Args:
        id: the request id, as in X-Request-ID.
        meta: request.META.
        address: the client's address, when already known; see `core.address.TrustedProxies.client`.
    """

    __slots__ = ("address", "id", "meta", "mode", "principal", "read", "route", "tenant", "untold")

    def __init__(self, id: str, meta: Mapping[str, Any], address: str = "") -> None:
        self.id = id
        self.meta = meta
        self.address = address or UNKNOWN
        self.route = ""  # the URL pattern's name or path, never the path itself: it may hold what is private
        self.tenant = ""  # whose users are meant, see `core.tenant`; found in step 1
        self.mode: Mode | None = None  # of its view, once that is known
        self.principal: Any = None  # core.principal.Principal once known
        self.read: Any = None  # DRF's request, once its body was read
        self.untold = (
            False  # whether a change was committed and the state could not be told: then it is no success
        )

    @property
    def method(self) -> str:
        """The HTTP method, cut to a sane length."""
        return str(self.meta.get("REQUEST_METHOD", ""))[:16]

    @property
    def user_agent(self) -> str:
        """The client's own words about itself, cut to 200 characters."""
        return str(self.meta.get("HTTP_USER_AGENT", ""))[:200]


current: ContextVar[RequestContext | None] = ContextVar("stockade_request", default=None)
