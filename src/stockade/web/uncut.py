"""A signed message is worked on to its end, though its sender has hung up meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase

from stockade.core.context import RequestContext
from stockade.pipeline.registry import Registry
from stockade.policy.proven import HEARS, heard
from stockade.web.closing import close


def may_be_signed(registry: Registry, request: HttpRequest) -> bool:
    """Whether a request shows the signature's header of any source."""
    meta = request.META
    return any(name in meta for name in registry.signatures)


async def to_its_end(
    registry: Registry,
    request: HttpRequest,
    context: RequestContext,
    answering: Coroutine[Any, Any, HttpResponseBase],
) -> HttpResponseBase:
    """The answer to what may be a signed message, as it leaves.

    Under ASGI Django cancels what runs for a client that has hung up, and vendors do after seconds. A coroutine would
    stop in the middle. A synchronous view goes on in its thread, but nobody would hear that it has done the message,
    and the next try would have it done again. So once a message is taken the view runs to its end, as under WSGI. A
    second cancellation, as of a server that ends, cancels it all the same.

    Raises:
        CancelledError: the client has hung up.
    """
    task = asyncio.ensure_future(answering)
    try:
        try:
            response = await asyncio.shield(task)
        except asyncio.CancelledError:
            if HEARS not in request.__dict__:
                task.cancel()
            await sync_to_async(close)(registry, request, context, await task)
            raise
        return await sync_to_async(close)(registry, request, context, response)
    except BaseException:
        # In the thread of the view: behind it, if that still runs.
        await asyncio.shield(sync_to_async(heard)(request, 500))
        raise
