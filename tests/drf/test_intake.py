"""What a client sends is what a serializer takes, or it is refused, in words that say what to write."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.db.models import TextChoices
from django.test import Client, RequestFactory
from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request

from stockade import observe
from stockade.drf.pagination import BoundedPageNumberPagination
from stockade.drf.parsers import StrictJSONParser
from stockade.drf.serializers import StrictSerializer
from tests.drf.test_parsers import parse
from tests.pipeline.conftest import *  # noqa: F403 - the same project, users and tokens
from tests.policy_app.models import Doc, Note

JSON = "application/json"


@pytest.fixture(autouse=True)
def field_views(project: Any) -> None:
    project.ROOT_URLCONF = "tests.drf.field_views"


@pytest.fixture
def client(alice: User, client_of: Callable[..., Client]) -> Client:
    return client_of(alice)


# --- types ------------------------------------------------------------------------------------------------------------


class Size(TextChoices):
    SMALL = "1"
    LARGE = "2"


class Inner(serializers.Serializer[Any]):
    street = serializers.CharField()


class Everything(StrictSerializer):
    text = serializers.CharField(required=False, allow_null=True)
    mail = serializers.EmailField(required=False)
    whole = serializers.IntegerField(required=False)
    number = serializers.FloatField(required=False)
    money = serializers.DecimalField(max_digits=6, decimal_places=2, required=False)
    flag = serializers.BooleanField(required=False)
    id = serializers.UUIDField(required=False)
    day = serializers.DateField(required=False)
    span = serializers.DurationField(required=False)
    kind = serializers.ChoiceField(["a", "b"], required=False)
    level = serializers.ChoiceField([1, 2], required=False)
    size = serializers.ChoiceField(Size.choices, required=False)
    kinds = serializers.MultipleChoiceField(choices=["a", "b"], required=False)
    words = serializers.ListField(child=serializers.CharField(), required=False)
    map = serializers.DictField(child=serializers.IntegerField(), required=False)
    any = serializers.JSONField(required=False)
    inner = Inner(required=False)
    inners = Inner(many=True, required=False)
    made = serializers.CharField(read_only=True)


RIGHT = {
    "text": "1", "mail": "a@example.com", "whole": 1, "number": 1, "money": "1.50", "flag": False,
    "id": "00000000-0000-4000-8000-000000000000", "day": "2026-01-01", "span": "00:01:00", "kind": "a", "level": 1,
    "size": "1",
    "kinds": ["a"], "words": ["a"], "map": {"a": 1}, "any": [{}], "inner": {"street": "x"},
    "inners": [{"street": "x"}],
}  # fmt: skip
WRONG = [
    ("text", 1, "a string"), ("text", 1.5, "a string"), ("mail", 7, "a string"), ("whole", "1", "a whole number"),
    ("whole", True, "a whole number"), ("whole", 1.5, "a whole number"), ("whole", 1e300, "a whole number"),
    ("number", "1.5", "a number"),
    ("number", True, "a number"), ("money", True, "a number"), ("flag", 1, "true or false"),
    ("flag", "yes", "true or false"), ("flag", "false", "true or false"), ("id", 7, "a string"),
    ("day", 20260101, "a string"), ("span", 60, "a string"), ("kind", 1, "a string"), ("level", "1", "a whole number"),
    ("level", True, "a whole number"), ("size", 1, "a string"), ("kinds", "a", "a list"), ("words", "a", "a list"),
    ("words", [1], "a string"),
    ("map", [], "an object"), ("map", {"a": "1"}, "a whole number"), ("inner", [], "an object"),
    ("inner", {"street": 1}, "a string"), ("inner", {"street": "x", "is_admin": True}, "not known"),
    ("inners", {}, "a list"), ("inners", [{"street": "x", "y": 1}], "not known"), ("made", "x", "set by the server"),
    ("unknown", None, "not known"),
]  # fmt: skip


def test_what_is_of_the_right_type_is_taken() -> None:
    serializer = Everything(data=RIGHT)
    assert serializer.is_valid(), serializer.errors
    assert Everything(data={"text": None}).is_valid()


def test_a_whole_number_may_be_written_with_a_point() -> None:
    serializer = Everything(data={"whole": 12963.0})
    assert serializer.is_valid(), serializer.errors
    assert serializer.validated_data["whole"] == 12963
    assert isinstance(serializer.validated_data["whole"], int)


@pytest.mark.parametrize(
    ("model", "many", "value", "says"),
    [
        (Note, False, "1", "a whole number"), (Note, False, True, "a whole number"),
        (Note, True, ["1"], "a whole number"), (Note, True, 1, "a list"),
        (Doc, False, 1, "a string"), (Doc, True, [1], "a string"),
    ],
)  # fmt: skip
def test_a_key_has_the_type_that_the_document_says(model: Any, many: bool, value: Any, says: str) -> None:
    """`"2"` for the key 2, or `true` for 1: whoever compares before it is stored compares something else."""

    class Refers(StrictSerializer):
        other = serializers.PrimaryKeyRelatedField(queryset=model._default_manager.all(), many=many)

    serializer = Refers(data={"other": value})
    assert not serializer.is_valid()
    assert f"Write {says}" in json.dumps(serializer.errors)


@pytest.mark.parametrize(("name", "value", "says"), WRONG)
def test_a_value_of_another_type_is_not_made_to_fit(name: str, value: Any, says: str) -> None:
    serializer = Everything(data={**RIGHT, name: value})
    assert not serializer.is_valid()
    assert list(serializer.errors) == [name]
    assert says in json.dumps(serializer.errors[name])


def test_forms_have_strings_alone_and_are_read_as_such(client: Client) -> None:
    answer = client.post("/stock/", {"title": "x", "rank": "7", "csrfmiddlewaretoken": "y"})
    assert (answer.status_code, answer.json()["rank"]) == (201, 7)


def test_a_form_with_a_name_twice_is_refused(client: Client) -> None:
    answer = client.post("/stock/", "title=a&title=b", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert "twice" in answer.content.decode()
    assert not Doc.every.exists()


# --- by MODE, for serializers that know nothing of us ----------------------------------------------------------------

SLOPPY = [
    {"title": "x", "is_staff": True}, {"title": "x", "id": "00000000-0000-4000-8000-000000000000", "ident": 1},
    {"title": 7}, {"title": "x", "rank": "7"}, {"title": "x", "locked": "yes"},
]  # fmt: skip


@pytest.mark.parametrize("body", SLOPPY, ids=repr)
def test_a_stock_serializer_takes_nothing_that_it_would_pass_over(client: Client, body: Any) -> None:
    for path in ("/stock/", "/by_hand/"):
        answer = client.post(path, body, content_type=JSON)
        assert (answer.status_code, answer["content-type"]) == (400, "application/problem+json")
        assert answer.json()["errors"]
    assert not Doc.every.exists()


@pytest.mark.parametrize("body", SLOPPY, ids=repr)
def test_where_input_only_reports_it_is_taken_as_before_and_counted(
    client: Client, body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[tuple[str, str]] = []
    monkeypatch.setattr(observe, "note", lambda view, method, kind, reason: noted.append((kind, reason)))
    answer = client.post("/reported/", body, content_type=JSON)
    assert answer.status_code == 201
    unknown = "ident" in body or "is_staff" in body
    assert noted == [("input", "unexpected_field" if unknown else "wrong_type")]


def test_a_serializer_may_say_that_it_takes_what_it_does_not_know(client: Client) -> None:
    assert client.post("/lax/", {"title": "x", "other": 1}, content_type=JSON).status_code == 201


@pytest.mark.parametrize(
    "body",
    ['{"a": 1, "a": 2}', '{"a": NaN}', '{"a": "\\ud800"}', '{"a": 1e999}', "[" * 50 + "]" * 50, "x" * 3000],
)
def test_a_parser_that_a_project_derives_from_drfs_is_given_clean_json_alone(
    client: Client, configure: Callable[..., None], body: str
) -> None:
    configure(INPUT={"MAX_BODY": 2000})
    camel = "application/vnd.stock+json"
    assert client.post("/camel/", '{"aName": {"b": 1}}', content_type=camel).json() == {"a_name": {"b": 1}}
    assert client.post("/camel/", body, content_type=camel).status_code in (400, 413)
    if body.startswith('{"a": 1,'):
        assert client.post("/reported_camel/", body, content_type=camel).json() == {"a": 2}


def test_what_a_view_has_put_together_is_its_own_business(client: Client) -> None:
    assert client.post("/put_together/", {"title": "x"}, content_type=JSON).status_code == 200


class Stamped(StrictSerializer):
    by = serializers.HiddenField(default="the server")
    text = serializers.CharField()


def test_what_a_hidden_field_holds_is_the_servers_and_refused_of_a_client() -> None:
    serializer = Stamped(data={"text": "x", "by": "me"})
    assert not serializer.is_valid()
    assert serializer.errors == {"by": ["This field is set by the server."]}
    assert Stamped(data={"text": "x"}).is_valid()


def test_many_at_once_are_looked_at_one_by_one() -> None:
    serializer = Everything(data=[RIGHT, {"whole": "1"}], many=True)
    assert not serializer.is_valid()
    assert "Write a whole number, not a string." in json.dumps(serializer.errors)


# --- bounds -----------------------------------------------------------------------------------------------------------


def bounded(configure: Callable[..., None]) -> None:
    configure(INPUT={"MAX_DEPTH": 4, "MAX_STRING": 20, "MAX_ITEMS": 5, "MAX_BODY": 400, "MAX_UPLOAD": 2000})


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([[[[[1]]]]], "at most 4 levels"), ({"a": {"a": {"a": {"a": {}}}}}, "at most 4 levels"),
        (["x" * 21], "at most 20"), ({"x" * 21: 1}, "at most 20"), ([1] * 6, "at most 5"),
        (dict.fromkeys("abcdef", 1), "at most 5"),
        ([[[["x" * 21]]]], "at most 20"), ([10**400], "out of range"), ([10**5000], "out of range"), (["\0"], "NUL"),
        ({"a\0": 1}, "NUL"),
    ],
)  # fmt: skip
def test_a_body_beyond_a_bound_is_refused_with_the_bound(
    value: Any, says: str, configure: Callable[..., None]
) -> None:
    bounded(configure)
    text = json.dumps(value) if "5000" not in says and value != [10**5000] else "[1" + "0" * 5000 + "]"
    with pytest.raises(ParseError, match=says):
        StrictJSONParser().parse(BytesIO(text.encode()), JSON, {"view": type("View", (), {"max_body": 9999})})


def test_a_body_at_its_bounds_is_read(configure: Callable[..., None]) -> None:
    bounded(configure)
    for value in ([[[["x" * 20]]]], [1] * 5, dict.fromkeys("abcde", 1)):
        assert parse(json.dumps(value).encode()) == value


def test_a_number_that_no_float_holds_is_no_failure_of_the_server(client: Client) -> None:
    class View:
        max_body = 10_000

    with pytest.raises(ParseError, match="out of range"):
        StrictJSONParser().parse(BytesIO(b'{"number": 1' + b"0" * 400 + b"}"), JSON, {"view": View})
    answer = client.post("/stock/", '{"rank": 1' + "0" * 400 + "}", content_type=JSON)
    assert answer.status_code == 400


@pytest.mark.parametrize("content_type", [JSON, "application/x-www-form-urlencoded"])
def test_a_body_that_is_too_long_is_refused_before_it_is_read(
    client: Client, configure: Callable[..., None], content_type: str
) -> None:
    bounded(configure)
    body = '{"title": "' + "x" * 500 + '"}' if content_type == JSON else "title=" + "x" * 500
    answer = client.post("/stock/", body, content_type=content_type)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_long")
    assert "400 bytes" in answer.json()["detail"]


@pytest.mark.parametrize("length", ["+3000", " 3000", "3_000", "0" * 30 + "3000"])
def test_a_length_that_django_reads_is_bounded_however_it_is_written(
    client: Client, configure: Callable[..., None], length: str
) -> None:
    bounded(configure)
    answer = client.generic("POST", "/stock/", b"{}", content_type=JSON, CONTENT_LENGTH=length)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_long")


def test_a_view_has_its_own_bound(client: Client) -> None:
    assert client.post("/small/", {"title": "x"}, content_type=JSON).status_code == 201
    answer = client.post("/small/", {"title": "x" * 60}, content_type=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_long")


def test_no_upload_is_longer_than_any_body_may_be(client: Client, configure: Callable[..., None]) -> None:
    bounded(configure)
    answer = client.post("/stock/", {"title": "x" * 3000})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_long")


def test_a_stream_longer_than_it_said_is_not_read_on(configure: Callable[..., None]) -> None:
    """Content-Length is the client's word: what the parser reads it counts itself."""
    bounded(configure)
    read: list[int] = []

    class Endless:
        def read(self, size: int = -1) -> bytes:
            read.append(size)
            return b" " * size

    with pytest.raises(Exception, match="413"):
        StrictJSONParser().parse(Endless(), JSON, {})  # type: ignore[arg-type]
    assert read == [401]


def test_a_chunked_body_that_wsgi_would_drop_is_refused(client: Client) -> None:
    answer = client.generic(
        "POST", "/stock/", b"", content_type=JSON, HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH=""
    )
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")
    assert "Content-Length" in answer.json()["detail"]


@pytest.mark.parametrize("content_type", ["text/xml", "text/plain", "application/x-python-pickle", ""])
def test_another_content_type_is_told_what_is_taken(client: Client, content_type: str) -> None:
    answer = client.generic("POST", "/stock/", b"<a/>", content_type=content_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert JSON in answer.json()["detail"]
    assert answer["accept"].split(", ")[0] == JSON


# --- ASGI -------------------------------------------------------------------------------------------------------------


def call(
    path: str, pieces: list[bytes], headers: dict[str, str], kept: list[Any] | None = None
) -> tuple[int, bytes]:
    """What an ASGI server gets for a body in pieces."""
    waiting: Iterator[dict[str, Any]] = iter(
        [
            {"type": "http.request", "body": piece, "more_body": at < len(pieces) - 1}
            for at, piece in enumerate(pieces)
        ]
    )
    sent: list[dict[str, Any]] = []

    async def main() -> None:
        gone = asyncio.Event()

        async def receive() -> dict[str, Any]:
            message = next(waiting, None)
            if message is None:
                await gone.wait()
                return {"type": "http.disconnect"}
            return message

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
            "root_path": "", "scheme": "http", "http_version": "1.1", "server": ("testserver", 80),
            "client": ("127.0.0.1", 1), "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        }  # fmt: skip
        await get_asgi_application()(scope, receive, send)

    asyncio.run(main())
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.django_db(transaction=True)
def test_under_asgi_a_body_without_a_length_is_bounded_too(configure: Callable[..., None]) -> None:
    bounded(configure)
    chunked = {"host": "testserver", "content-type": JSON, "transfer-encoding": "chunked"}
    assert call("/echo/", [b'{"a":', b" 1}"], chunked) == (200, b'{"a":1}')
    status, body = call("/echo/", [b'{"a": "' + b" " * 1500, b" " * 1500, b'"}'], chunked)
    assert (status, json.loads(body)["code"]) == (413, "body_too_long")


@pytest.mark.django_db(transaction=True)
def test_under_asgi_a_body_that_no_header_tells_of_is_no_empty_one(configure: Callable[..., None]) -> None:
    """As over HTTP/2, where its end is the end of the stream."""
    bounded(configure)
    untold = {"host": "testserver", "content-type": JSON}
    assert call("/echo/", [b'{"a":', b" 1}"], untold) == (200, b'{"a":1}')
    status, body = call("/echo/", [b'{"a": "' + b" " * 1500, b" " * 1500, b'"}'], untold)
    assert (status, json.loads(body)["code"]) == (413, "body_too_long")


@pytest.mark.django_db(transaction=True)
def test_under_asgi_no_more_is_kept_than_is_taken(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded(configure)
    written: list[int] = []
    from tempfile import SpooledTemporaryFile

    stock = SpooledTemporaryFile.write

    def write(self: Any, piece: bytes) -> int:
        written.append(len(piece))
        return stock(self, piece)

    monkeypatch.setattr(SpooledTemporaryFile, "write", write)
    headers = {"host": "testserver", "content-type": JSON, "content-length": "3"}  # a lie
    status, _ = call("/echo/", [b"x" * 1000] * 50, headers)
    assert status == 413
    assert sum(written) <= 2000


@pytest.mark.django_db(transaction=True)
def test_under_asgi_half_a_body_that_reads_well_is_no_body(configure: Callable[..., None]) -> None:
    configure(INPUT={"MAX_BODY": 5000, "MAX_UPLOAD": 2000})
    chunked = {"host": "testserver", "content-type": JSON, "transfer-encoding": "chunked"}
    pieces = [b'{"pay": 1}' + b" " * 1500, b" " * 1500, b'{"pay": 0}']
    assert call("/echo/", pieces, chunked)[0] == 413


# --- what comes back --------------------------------------------------------------------------------------------------


def test_html_in_json_is_no_html(anonymous: Client) -> None:
    body = {"a": "</script><script>alert(1)</script>&\u2028\u2029", "<b>": 1}
    answer = anonymous.post("/echo/", body, content_type=JSON)
    assert answer.json() == body
    assert not any(sign in answer.content.decode() for sign in "<>&\u2028\u2029")


def test_an_error_that_quotes_what_was_sent_is_no_html_and_no_failure(anonymous: Client) -> None:
    answer = anonymous.get("/quoting/")
    assert (answer.status_code, answer["content-type"]) == (400, "application/problem+json")
    assert answer.json()["errors"] == {"non_field_errors": ["<script>alert(1)</script>\ud800 is none."]}
    assert b"<" not in answer.content


def test_rows_that_no_serializer_has_chosen_fields_of_do_not_leave(
    anonymous: Client, alice: User, configure: Callable[..., None]
) -> None:
    from tests.policy_app.models import Note

    Note.objects.create(doc=Doc.every.create(title="t", author=alice, keeper=alice), text="hush")
    answer = anonymous.get("/dump/")
    assert (answer.status_code, answer.json()["code"]) == (500, "undeclared_output")
    assert b"hush" not in answer.content
    configure(MODE={"policies": "report"})
    assert b"hush" in anonymous.get("/dump/").content


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/*;q=0.1, */*"])
def test_an_error_of_an_api_tells_nothing_of_the_server(
    anonymous: Client, project: Any, debug: bool, accept: str
) -> None:
    project.DEBUG = debug
    answer = anonymous.get("/broken/", headers={"accept": accept})
    assert (answer.status_code, answer["content-type"]) == (500, "application/problem+json")
    told = answer.content.decode()
    assert not any(
        word in told for word in ("SELECT", "/srv", "Traceback", "RuntimeError", ".py", "site-packages")
    )


def test_whoever_debugs_in_a_browser_sees_djangos_page(anonymous: Client, project: Any) -> None:
    project.DEBUG = True
    assert b"RuntimeError" in anonymous.get("/broken/", headers={"accept": "text/html"}).content
    project.DEBUG = False
    assert b"RuntimeError" not in anonymous.get("/broken/", headers={"accept": "text/html"}).content


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "limit=21",
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=1e9",
        "offset=101",
        "offset=-1",
        "limit=" + "9" * 5000,
    ],
)
def test_a_page_beyond_its_bounds_is_refused_with_the_bounds(anonymous: Client, query: str) -> None:
    answer = anonymous.get(f"/sliced/?{query}")
    assert answer.status_code == 400
    assert "Write a whole number from" in answer.content.decode()


def test_a_page_within_its_bounds_is_given(client: Client, anonymous: Client) -> None:
    assert anonymous.get("/sliced/?limit=20&offset=100").status_code == 200
    assert client.get("/staff/?page_size=50").status_code == 200
    assert client.get("/staff/?page_size=51").status_code == 400


def test_a_paginator_may_cut_a_page_instead() -> None:
    class Cutting(BoundedPageNumberPagination):
        max_page_size = 50
        clamp = True

    def size(said: str) -> int | None:
        return Cutting().get_page_size(Request(RequestFactory().get("/", {"page_size": said})))

    assert [size("7"), size("51"), size("9" * 5000)] == [7, 50, 50]
    for said in ("0", "-1", "x", "\u0663", ""):
        with pytest.raises(ValidationError):
            size(said)


@pytest.mark.parametrize(
    "said", ["page=", "page=0", "page=-1", "page=x", "page=1.0", "page=1&page=2", "page=\u0663"]
)
def test_a_page_that_is_no_number_is_refused(client: Client, said: str) -> None:
    answer = client.get(f"/staff/?{said}")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["page"])


def test_the_last_page_has_a_word_and_what_is_beyond_it_is_not_there(client: Client) -> None:
    assert client.get("/staff/?page=last").status_code == 200
    for page in ("2", "9" * 40):
        assert client.get(f"/staff/?page={page}").status_code == 404


def test_an_order_that_is_not_listed_is_refused_with_the_list(client: Client) -> None:
    assert client.get("/stock/?ordering=-title,rank").status_code == 200
    for term in ("author__password", "title,keeper", "created"):
        answer = client.get(f"/stock/?ordering={term}")
        assert answer.status_code == 400
        assert "Order by one of: title, rank." in answer.content.decode()
