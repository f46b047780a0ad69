"""A message from an HTTP request: its body is bounded before it is read, and digested while it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final
from urllib.parse import unquote

from django.http import HttpRequest
from django.http.request import RawPostDataException, UnreadablePostError
from django.utils.asyncio import async_unsafe

from stockade.core.context import current
from stockade.core.errors import BadRequest, BodyTooLong, InvalidSignature
from stockade.policy.proven import HEARS, UNHEARD
from stockade.schemes import attempts
from stockade.webhooks import by_url, once, shown
from stockade.webhooks.conf import Source, source_named
from stockade.webhooks.message import Message
from stockade.webhooks.verifying import Check

# Bytes. In smaller ones a body of 1 MB is copied twice, which costs a third of its HMAC.
PIECE: Final = 1 << 20


def take(request: HttpRequest, source: Source) -> Message:
    """The message in a request. The body can be read from the request afterwards as ever.

    What does not hold is counted as a wrong credential is (`failed_auth`), but afterwards: what holds is always taken.
    Anybody can have a vendor send to us from its own addresses what does not hold, and the vendor's real messages, of
    which few are sent again, must not be refused for that.

    Raises:
        InvalidSignature: it is not signed by the source, or at another time.
        BodyTooLong: for the source. BadRequest: the body has ended too soon.
        TooMany, Unavailable: see `attempts.failed`.
    """
    try:
        return read(request, source)
    except InvalidSignature as error:
        if error.reason not in attempts.HONEST:
            context = current.get()
            attempts.failed(context.address if context is not None else request.META.get("REMOTE_ADDR", ""))
        raise


def read(request: HttpRequest, source: Source) -> Message:
    """`take`, without counting what does not hold."""
    check = Check(source, shown.of_meta(source.preset, request.META), _target(request, source))
    return check.finish(_body(request, source, check))


@contextmanager
def receive(request: HttpRequest, source: str) -> Iterator[Message]:
    """Verify a message within a view, and work on it in the block. If that raises, the message may be sent again.

    So it may if the view then answers with something else than 2xx, or raises: a transaction that ends with the view
    may have undone the work.

    For views that learn only while they run whom a message is from; elsewhere `Signed` in the policy is better.

    Args:
        request: Django's, or DRF's.
        source: a name in WEBHOOKS.

    Raises:
        Refusal: it does not hold, or has come before (`AlreadyDone` is answered with 200). The middleware and DRF's
            exception handler answer it.
        SynchronousOnlyOperation: in a coroutine.
        ConfigurationError: E282, WEBHOOKS has no such source.
    """
    http = getattr(request, "_request", request)
    message, turn = _begun(http, source_named(source))
    state = http.__dict__
    # Where no middleware will see the answer, as in a test that calls a view, the end of the block has to do.
    seen = "stockade_context" in state and UNHEARD not in state
    if seen:
        state[HEARS] = turn.answered
    try:
        yield message
    except BaseException:
        state.pop(HEARS, None)
        turn.close(False)
        raise
    if not seen:
        turn.close(True)


@async_unsafe(
    "Take a message in a coroutine by @signed or a policy: here its event loop would wait for the state."
)
def _begun(request: HttpRequest, source: Source) -> tuple[Message, once.Turn]:
    message = take(request, source)
    return message, once.begin(source, message)


def _target(request: HttpRequest, source: Source) -> by_url.Target | None:
    if not source.preset.by_url:
        return None
    return by_url.Target(source.url + _as_written(request), request.META.get("CONTENT_TYPE", ""))


def _as_written(request: HttpRequest) -> str:
    """Path and query as the sender has written them, if the server tells that of the path; else as Django writes it."""
    ours, _, query = request.get_full_path().partition("?")
    scope: Any = getattr(request, "scope", None)
    if scope is not None:
        raw = (scope.get("raw_path") or b"").decode("latin-1")
    else:  # gunicorn and others; no header can be called so
        raw = str(request.META.get("RAW_URI") or request.META.get("REQUEST_URI") or "")
    path = raw.partition("?")[0]
    if not path.startswith("/") or unquote(path) != request.path:
        path = ours
    given = str(request.META.get("QUERY_STRING", ""))
    query = given if given.isascii() else query
    return f"{path}?{query}" if query else path


def _body(request: HttpRequest, source: Source, check: Check) -> bytes:
    state = request.__dict__
    most = source.max_body
    if "_body" in state:
        body: bytes = request.body
        if len(body) > most:
            raise BodyTooLong(most)
        return body
    said = str(request.META.get("CONTENT_LENGTH") or "")
    length = int(said) if said.isascii() and said.isdecimal() and len(said) < 20 else 0
    if length > most:
        raise BodyTooLong(most)
    if state.get("_read_started"):
        # A middleware has read a form: what it was made of is gone.
        raise InvalidSignature(source.name, "body_was_read")
    body = _digested(request, check, length, most)
    if len(body) < length:
        raise BadRequest("The body is shorter than its Content-Length.", code="incomplete_body")
    _give_back(state, body)
    return body


def _digested(request: HttpRequest, check: Check, length: int, most: int) -> bytes:
    try:
        first = request.read(min(PIECE, most + 1))
        if len(first) == length or not first:
            return first  # as nearly every message: it is digested in one go
        buffer = BytesIO()
        piece, seen = first, 0
        while piece:
            seen += len(piece)
            if seen > most:  # it came in chunks, without a length
                raise BodyTooLong(most)
            check.update(piece)
            buffer.write(piece)
            piece = request.read(min(PIECE, most + 1 - seen))
    except (UnreadablePostError, RawPostDataException):
        raise BadRequest("The body could not be read.", code="incomplete_body") from None
    return buffer.getvalue()  # CPython's BytesIO hands its own buffer over: no second copy


def _give_back(state: dict[str, Any], body: bytes) -> None:
    """As `HttpRequest.body` leaves it, for Django and for DRF's parsers."""
    state["_body"] = body
    state["_stream"] = BytesIO(body)
