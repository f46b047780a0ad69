"""A JSON parser for which everything that is not clean JSON is a 400, never an error deeper in."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from io import BytesIO
from math import isinf
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.renderers import JSONRenderer

from stockade.core.errors import BadRequest
from stockade.pipeline import registry as registries

_SURROGATE = "\\ud"


class StrictJSONParser(BaseParser):
    """JSON per RFC 8259 in UTF-8: no duplicate names, NaN, infinity, lone surrogates or nesting beyond the stack."""

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value that the body holds.

        Raises:
            ParseError: it is no clean JSON; the detail names what is wrong and quotes nothing.
        """
        body = stream.read()
        try:
            return self._strictly(body, parser_context)
        except ParseError as error:
            if not _spared(parser_context, str(error.detail)):
                raise
        return JSONParser().parse(BytesIO(body), media_type, parser_context)

    @staticmethod
    def _strictly(body: bytes, parser_context: Mapping[str, Any] | None) -> Any:
        encoding = (parser_context or {}).get("encoding") or "utf-8"
        try:
            if codecs.lookup(str(encoding)).name != "utf-8":
                raise ParseError("JSON is UTF-8 (RFC 8259 section 8.1).")
        except LookupError:
            raise ParseError("The charset is unknown; JSON is UTF-8 (RFC 8259 section 8.1).") from None
        try:
            text = body.decode("utf-8")
            value = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant, parse_float=_float)
        except UnicodeDecodeError:
            raise ParseError("The body is not valid UTF-8.") from None
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        except ValueError as error:
            # json's own messages quote nothing of the body but positions.
            raise ParseError(f"JSON parse error - {error}") from None
        if _SURROGATE in text or _SURROGATE.upper() in text or "\\uD" in text or "\\Ud" in text:
            try:
                json.dumps(value, ensure_ascii=False).encode("utf-8")
            except UnicodeEncodeError:
                raise ParseError("The JSON holds half a surrogate pair, which is no character.") from None
        return value


def _spared(parser_context: Mapping[str, Any] | None, detail: str) -> bool:
    """Whether the view's mode has bad input only recorded."""
    request = (parser_context or {}).get("request")
    exchange = getattr(getattr(request, "_request", None), "stockade", None)
    if exchange is None:
        return registries.current() is None  # without a STOCKADE setting nothing is refused
    return bool(exchange.spares(BadRequest(detail, code="parse_error")))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _float(text: str) -> float:
    found = float(text)
    if isinf(found):  # 1e999: stored, it would break every answer that it is in
        raise ValueError("a number is out of range")
    return found


def _constant(name: str) -> Any:
    raise ValueError("NaN and Infinity are no JSON")
