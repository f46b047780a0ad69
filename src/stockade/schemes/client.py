"""Where a request comes from, as sessions, logins and limits write it down."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stockade.core.address import UNKNOWN
from stockade.core.context import RequestContext, current

if TYPE_CHECKING:
    from django.http import HttpRequest


class Client(NamedTuple):
    """The other side.

    Args:
        address: as the trusted proxies say, cut to the column's length.
        user_agent: its own words, cut to 200 characters.
    """

    address: str
    user_agent: str


def of(request: HttpRequest | None = None) -> Client:
    """The client of the request at hand, or of `request` where there is none."""
    context = current.get()
    if context is None:
        if request is None:
            return Client("", "")
        context = RequestContext("", request.META, str(request.META.get("REMOTE_ADDR") or UNKNOWN))
    # A NUL or a lone surrogate in a header must not become a database error.
    agent = context.user_agent.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    return Client(context.address[:64], agent)
