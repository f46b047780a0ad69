"""A JSON parser for which everything that is not clean JSON is a 400, never an error deeper in."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from io import BytesIO
from math import isinf
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.renderers import JSONRenderer

from stockade import conf
from stockade.core.errors import BadRequest, BodyTooLong
from stockade.pipeline import registry as registries
from stockade.pipeline.conf import InputSettings

_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")  # a NUL, or half a surrogate pair
_LONG_NUMBER = re.compile(r"[0-9]{309}")  # no float is as large; what computes with one fails


class StrictJSONParser(BaseParser):
    """JSON per RFC 8259 in UTF-8, within the bounds of ``STOCKADE["INPUT"]``.

    No duplicate names, NaN, infinity, numbers that no float holds, NUL characters or lone surrogates.
    """

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
            BodyTooLong: it is longer than is taken here.
        """
        most = longest(parser_context)
        body = stream.read(most + 1)
        try:
            if len(body) > most:
                raise BodyTooLong(most)
            value = self._strictly(body, parser_context)
        except ParseError as error:
            if not _spared(parser_context, BadRequest(str(error.detail), code="parse_error")):
                raise
        except BodyTooLong as error:
            if not _spared(parser_context, error):
                raise
            body += stream.read()
        else:
            return self.read(value, body, media_type, parser_context)
        return self.read_laxly(body, media_type, parser_context)

    def read(self, value: Any, body: bytes, media_type: str | None, parser_context: Any) -> Any:
        """What the view gets of a clean body: its value."""
        return value

    def read_laxly(self, body: bytes, media_type: str | None, parser_context: Any) -> Any:
        """What it gets of one that is not, where that is only recorded: what DRF makes of it."""
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
        except json.JSONDecodeError as error:
            # json's own messages quote nothing of the body but positions.
            raise ParseError(f"JSON parse error - {error}") from None
        except ValueError as error:
            # Python's words for a number of more than 4,300 digits are advice to whoever runs it.
            said = str(error) if isinstance(error, _Unclean) else "a number is out of range"
            raise ParseError(f"JSON parse error - {said}") from None
        bounds = conf.load(InputSettings)
        # Most bodies are so small that no bound can be exceeded: they are not looked through.
        if (
            text.count("{") + text.count("[") > bounds.max_depth
            or len(text) > bounds.max_string
            or text.count(",") >= bounds.max_items
            or _ESCAPED.search(text) is not None
            or _LONG_NUMBER.search(text) is not None
        ):
            _look_through(value, bounds)
        return value


class CheckedJSONParser(StrictJSONParser):
    """A parser that a project derives from DRF's, as for names in camel case: given clean bodies alone.

    Args:
        own: that parser.
    """

    def __init__(self, own: JSONParser) -> None:
        self._own = own
        self.media_type = own.media_type
        self.renderer_class = own.renderer_class

    def read(self, value: Any, body: bytes, media_type: str | None, parser_context: Any) -> Any:
        """What the project's parser makes of it."""
        return self._own.parse(BytesIO(body), media_type, parser_context)

    def read_laxly(self, body: bytes, media_type: str | None, parser_context: Any) -> Any:
        """The same."""
        return self._own.parse(BytesIO(body), media_type, parser_context)


def longest(parser_context: Mapping[str, Any] | None) -> int:
    """How many bytes of a body are taken: what the view says by `max_body`, else MAX_BODY."""
    said = getattr((parser_context or {}).get("view"), "max_body", None)
    return said if isinstance(said, int) else conf.load(InputSettings).max_body


def _look_through(value: Any, bounds: InputSettings) -> None:
    """Refuse what is too deep, long or many, or no text. Without recursion: it is as deep as the parser goes."""
    level = [value]
    for _ in range(bounds.max_depth):
        below: list[Any] = []
        for each in level:
            if isinstance(each, str):
                _text(each, bounds)
            elif isinstance(each, list | dict):
                if len(each) > bounds.max_items:
                    raise ParseError(f"A list or object has too many items. Send at most {bounds.max_items}.")
                if isinstance(each, dict):
                    below.extend(each)
                    below.extend(each.values())
                else:
                    below.extend(each)
            elif isinstance(each, int) and abs(each) >= _TOO_LARGE:
                raise ParseError("A number is out of range.")
        level = below
        if not level:
            return
    if any(isinstance(each, list | dict) for each in level):
        raise ParseError(f"The JSON is nested too deeply. Send at most {bounds.max_depth} levels.")
    for each in level:
        if isinstance(each, str):
            _text(each, bounds)


_TOO_LARGE = 10**308


def _text(text: str, bounds: InputSettings) -> None:
    if len(text) > bounds.max_string:
        raise ParseError(f"A string is too long. Send at most {bounds.max_string} characters.")
    if "\0" in text:
        raise ParseError("A string holds a NUL character, which no text has.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ParseError("The JSON holds half a surrogate pair, which is no character.") from None


def _spared(parser_context: Mapping[str, Any] | None, refusal: BadRequest) -> bool:
    """Whether the view's mode has bad input only recorded."""
    request = (parser_context or {}).get("request")
    exchange = getattr(getattr(request, "_request", None), "stockade", None)
    if exchange is None:
        return registries.current() is None  # without a STOCKADE setting nothing is refused
    return bool(exchange.spares(refusal))


class _Unclean(ValueError):
    """What is JSON to Python and to nobody else."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Unclean("a name stands twice in one object")
    return found


def _float(text: str) -> float:
    found = float(text)
    if isinf(found):  # 1e999: stored, it would break every answer that it is in
        raise _Unclean("a number is out of range")
    return found


def _constant(name: str) -> Any:
    raise _Unclean("NaN and Infinity are no JSON")
