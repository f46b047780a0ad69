"""How long a body may be, before anything of it is read; also where it comes in chunks, and under ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from tempfile import SpooledTemporaryFile
from typing import Any

from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpRequest

from stockade import conf
from stockade.core.errors import BodyTooLong, LengthRequired, Refusal
from stockade.pipeline import registry as registries
from stockade.pipeline.conf import InputSettings

TOO_LONG = "stockade_too_long"  # on the file of an ASGI body: the rest of it was thrown away
Receive = Callable[[], Awaitable[dict[str, Any]]]


def length_of(request: HttpRequest) -> int:
    """What Content-Length says, in bytes, as Django and DRF read it; 0 where it says nothing that they read.

    Not more strictly: to them ``+9`` and ``1_0`` are numbers, and lax servers hand those over.
    """
    try:
        return max(int(request.META.get("CONTENT_LENGTH") or 0), 0)
    except ValueError:
        return 0


def require_whole(request: HttpRequest) -> None:
    """Refuse a request of whose body a part was thrown away, whatever the mode: half a body is no body.

    Raises:
        BodyTooLong: so it is.
    """
    if getattr(request.__dict__.get("_stream"), TOO_LONG, False):
        raise BodyTooLong(conf.load(InputSettings).max_upload)


def objection(request: HttpRequest) -> Refusal | None:
    """Why the body of a request is not taken; None where it is.

    Under WSGI Django reads as much as Content-Length says, and so nothing of a chunked body: to a view it would look
    like an empty one. Under ASGI it has been read whole, but DRF too goes by Content-Length: it is told. Over HTTP/2 no
    header need say that there is a body (RFC 9113 section 8.1.1).
    """
    meta = request.META
    said = meta.get("CONTENT_LENGTH")
    most = conf.load(InputSettings).max_upload
    if isinstance(request, ASGIRequest):
        body: Any = request.__dict__.get("_stream")
        if not said and hasattr(body, "tell"):
            at = body.tell()
            if length := body.seek(0, 2):
                meta["CONTENT_LENGTH"] = str(length)
            body.seek(at)
    elif not said and "HTTP_TRANSFER_ENCODING" in meta:
        return LengthRequired()
    return BodyTooLong(most) if said and length_of(request) > most else None


def bound_asgi() -> None:
    """Have Django under ASGI keep no more of a body than is taken; once.

    It reads the whole body into memory and then a file, before any middleware. The rest is received and thrown away:
    a server takes no answer for final before it has handed the body over.
    """
    original = ASGIHandler.read_body
    if hasattr(original, TOO_LONG):
        return

    async def read_body(self: ASGIHandler, receive: Receive) -> Any:
        registry = registries.current()
        if registry is None or not registry.settings.modes.general.input:
            return await original(self, receive)
        return await _bounded(self, original, receive, conf.load(InputSettings).max_upload)

    setattr(read_body, TOO_LONG, original)
    ASGIHandler.read_body = read_body  # type: ignore[assignment,method-assign]


async def _bounded(
    handler: ASGIHandler, original: Callable[..., Awaitable[Any]], receive: Receive, most: int
) -> Any:
    seen = 0

    async def bounded() -> dict[str, Any]:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > most:
                return {**message, "body": b""}
        return message

    file: SpooledTemporaryFile[bytes] = await original(handler, bounded)
    if seen > most:
        setattr(file, TOO_LONG, True)
    return file
