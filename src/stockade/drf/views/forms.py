"""Forms as the token views take them: fields of text, no file, and no longer than a credential can be.

That each field stands once is asked where the fields are read (`stockade.drf.intake`): of a multipart form that a
middleware has read before, DRF asks no parser.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from typing import IO, Any, NoReturn
from urllib.parse import parse_qsl

from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.utils.mediatypes import media_type_matches

from stockade.core.errors import BadRequest, BodyTooLong

MAX_BODY = 65_536  # bytes: a password of 4,096 characters, each escaped as a surrogate pair, and room
_MAX_FIELDS = 20
_LONGEST_TYPE = 256  # characters of a content type; DRF looks at no longer one
_TOO_MANY = "The form has too many fields."
_NO_FILES = "Files are not taken here."


def bounded(stream: IO[bytes]) -> bytes:
    """The body.

    Raises:
        BodyTooLong: it is longer than MAX_BODY.
    """
    body = stream.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise BodyTooLong(MAX_BODY)
    return body


def is_json(request: Request) -> bool:
    """Whether the body is JSON, which a page sends to another origin only after a preflight (Fetch, section 2.2.2)."""
    said = request.content_type or ""
    return len(said) <= _LONGEST_TYPE and media_type_matches("application/json", said)


class BoundedFormParser(BaseParser):
    """``application/x-www-form-urlencoded``, in UTF-8."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> QueryDict:
        """The fields.

        Raises:
            ParseError, BadRequest: it is no clean form; what is told quotes nothing of it.
        """
        _require_utf_8(_http(parser_context))
        text = _text(bounded(stream))
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
        except UnicodeDecodeError:
            raise ParseError("The form is not valid UTF-8.") from None
        except ValueError:
            raise ParseError(_TOO_MANY) from None
        found = QueryDict(mutable=True)
        for name, value in pairs:
            found.appendlist(name, value)
        return found


class BoundedMultiPartParser(BaseParser):
    """``multipart/form-data`` without files, in UTF-8 (RFC 7578)."""

    media_type = "multipart/form-data"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> QueryDict:
        """The fields.

        Raises:
            ParseError, BadRequest: it is no clean form; what is told quotes nothing of it.
        """
        request = _http(parser_context)
        _require_utf_8(request)
        body = bounded(stream)
        _text(body)
        boundary = (request.content_params or {}).get("boundary", "")
        if not body.rstrip().endswith(f"--{boundary}--".encode("ascii", "replace")):
            raise ParseError("The form has no end.")  # Django takes what has come
        # The length of what was read, as servers that take a chunked body have none for it.
        meta = {**request.META, "CONTENT_LENGTH": str(len(body))}
        try:
            found, _ = MultiPartParser(meta, BytesIO(body), [_NoFiles()], "utf-8").parse()
        except MultiPartParserError:
            raise ParseError("The form is no multipart form.") from None
        if len(found) > _MAX_FIELDS:
            raise ParseError(_TOO_MANY)
        return found


class _NoFiles(FileUploadHandler):
    """Takes none, instead of leaving them out in silence."""

    def new_file(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise BadRequest(_NO_FILES, code="parse_error")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Nothing: there is no file."""

    def file_complete(self, file_size: int) -> None:
        """Nothing: there is no file."""


def _http(parser_context: Mapping[str, Any] | None) -> HttpRequest:
    found: HttpRequest = (parser_context or {})["request"]._request  # noqa: SLF001 - DRF's documented way
    return found


def _require_utf_8(request: HttpRequest) -> None:
    """By what the header says: Django takes a charset that it does not know for its own."""
    with suppress(LookupError):
        if codecs.lookup((request.content_params or {}).get("charset", "utf-8")).name == "utf-8":
            return
    raise ParseError("Forms are taken in UTF-8.")


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise ParseError("The form is not valid UTF-8.") from None
