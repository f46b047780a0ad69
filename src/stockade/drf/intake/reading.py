"""Reads the bodies of DRF views as ``MODE["input"]`` says, whichever parsers and serializers a project has.

DRF has no place of its own where all bodies pass: a view that names its parsers escapes DEFAULT_PARSER_CLASSES, and a
serializer that a view makes by itself escapes every mixin of views. So two methods of DRF's are wrapped, once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.http import QueryDict
from django.http.request import RawPostDataException
from django.utils.datastructures import MultiValueDict
from rest_framework import serializers
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Empty, Request

from stockade import conf
from stockade.core.context import current
from stockade.core.errors import BadRequest, BodyTooLong, UnsupportedMediaType
from stockade.drf.intake.judging import codes, objections
from stockade.drf.parsers import CheckedJSONParser, StrictJSONParser, longest
from stockade.drf.refused import Refused
from stockade.pipeline.conf import InputSettings
from stockade.pipeline.exchange import Exchange
from stockade.web.body import length_of


def install() -> None:
    """Wrap both; once more changes nothing."""
    _wrap(Request, "_load_data_and_files", _load)
    _wrap(serializers.Serializer, "to_internal_value", _take)


def _wrap(owner: type[Any], name: str, wrapper: Callable[..., Any]) -> None:
    stock = getattr(owner, name)
    if getattr(stock, "stockade", False):
        return

    @functools.wraps(stock)
    def wrapped(self: Any, *args: Any) -> Any:
        return wrapper(stock, self, *args)

    wrapped.stockade = True  # type: ignore[attr-defined]
    setattr(owner, name, wrapped)


def _exchange(request: Any) -> Exchange | None:
    """Of a request that we judge; None without a STOCKADE setting, and of views that EXEMPT leaves alone."""
    return getattr(getattr(request, "_request", None), "stockade", None)


def _load(stock: Callable[[Any], None], request: Any) -> None:
    """Read the body within its bounds, JSON by our parser, and remember whose it is."""
    exchange = _exchange(request) if request._data is Empty else None
    if exchange is None:
        stock(request)
        return
    try:
        _require_bounded(request, exchange)
        _require_known(request, exchange)
    except Refused:
        # As DRF does it where a parser fails: whoever renders the answer asks again.
        request._data = request._full_data = QueryDict("")
        request._files = MultiValueDict()
        raise
    request.parsers = [_strict(parser) for parser in request.parsers]
    stock(request)
    context = current.get()
    if context is not None:
        context.read = request


def _strict(parser: Any) -> Any:
    if type(parser) is JSONParser:
        return StrictJSONParser()
    return CheckedJSONParser(parser) if isinstance(parser, JSONParser) else parser


def _require_bounded(request: Any, exchange: Exchange) -> None:
    length = length_of(request._request)
    upload = (request.content_type or "").lower().startswith(MultiPartParser.media_type)
    most = conf.load(InputSettings).max_upload if upload else longest(request.parser_context)
    if upload and isinstance(own := getattr(request.parser_context.get("view"), "max_body", None), int):
        most = own
    if length > most and not exchange.spares(refusal := BodyTooLong(most)):
        raise Refused(refusal)


def _require_known(request: Any, exchange: Exchange) -> None:
    """415 with what is taken instead. DRF itself refuses, and says only what is not."""
    try:
        if request.stream is None or request.negotiator.select_parser(request, request.parsers) is not None:
            return
    except RawPostDataException:  # a middleware has read the form: DRF takes what that has found
        return
    taken = tuple(dict.fromkeys(parser.media_type for parser in request.parsers))
    if not exchange.spares(refusal := UnsupportedMediaType(taken)):
        raise Refused(refusal)


def _take(stock: Callable[[Any, Any], Any], serializer: Any, data: Any) -> Any:
    """Validate what a client has sent, and nothing that the serializer would pass over."""
    context = current.get()
    if context is not None and context.read is not None and not getattr(serializer, "strictly", False):
        request = context.read
        exchange = _exchange(request)
        if exchange is not None and _is_whole(serializer, request):
            wrong = objections(serializer, data)
            if wrong:
                code = codes(wrong)
                if not exchange.spares(BadRequest(code=code)):
                    raise serializers.ValidationError(wrong, code=code)
    return stock(serializer, data)


def _is_whole(serializer: Any, request: Any) -> bool:
    """Whether it reads what the client has sent as a whole: not a part, and nothing that the view has put together."""
    root = serializer.root
    if getattr(root, "initial_data", None) is not request.__dict__.get("_full_data"):
        return False
    return serializer is root or (serializer.parent is root and isinstance(root, serializers.ListSerializer))
