"""What is not clean JSON, or not clean text, is refused before anything else reads it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from django.test import Client
from rest_framework.exceptions import ParseError

from stockade.drf.parsers import StrictJSONParser
from tests.pipeline.conftest import *  # noqa: F403 - the same project, users and tokens


def parse(body: bytes, charset: str = "utf-8") -> object:
    return StrictJSONParser().parse(BytesIO(body), "application/json", {"encoding": charset})


def test_clean_json_is_read() -> None:
    body = '{"a": [1, 2.5, true, null, "é \\ud83d\\ude00 \U0001f600 \\\\ud800"]}'.encode()
    assert parse(body) == {"a": [1, 2.5, True, None, "é \U0001f600 \U0001f600 \\ud800"]}


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\uDFFF"', '{"\\uD83D": 1}', '["a", "\\udc00\\ud800"]'])
def test_half_a_surrogate_pair_is_refused(text: str) -> None:
    with pytest.raises(ParseError, match="surrogate"):
        parse(text.encode())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a": 1, "a": 2}', "twice"), (b'{"a": {"b": 1, "b": 1}}', "twice"), (b"[NaN]", "NaN"),
        (b"[-Infinity]", "NaN"), (b"\xff", "UTF-8"), (b"[" * 200_000, "nested"), (b"{'a': 1}", "JSON parse error"),
        (b"", "JSON parse error"), (b'\xef\xbb\xbf{"a": 1}', "JSON parse error"),
    ],
)  # fmt: skip
def test_what_is_not_clean_is_refused_with_a_reason(body: bytes, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse(body)


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "nonsense", "idna"])
def test_json_is_utf_8(charset: str) -> None:
    with pytest.raises(ParseError, match="UTF-8"):
        parse(b"{}", charset)


def test_a_null_in_the_query_is_refused(anonymous: Client, configure: Callable[..., None]) -> None:
    for query in ("x=%00", "x=a%00b&y=1", "%00=1"):
        response = anonymous.get(f"/public/?{query}")
        assert (response.status_code, response.json()["code"]) == (400, "null_character")
