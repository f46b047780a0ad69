"""How a body is read: bounded before, digested meanwhile, and in memory once."""

from __future__ import annotations

import tracemalloc
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest

from stockade.core.errors import BadRequest, BodyTooLong, InvalidSignature
from stockade.webhooks import receiving
from stockade.webhooks.conf import source_named
from tests.webhooks.senders import Sent, message

MB = 1_048_576


class Wire(BytesIO):
    """A connection that counts what was taken from it, and makes what it hands out anew, as a server does."""

    def __init__(self, size: int, tail: bytes = b"") -> None:
        super().__init__(tail)
        self.left, self.taken = size, 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert 0 <= size <= receiving.PIECE
        given = min(size, self.left)
        self.left -= given
        self.taken += given
        return b"x" * given


def request(sent: Sent, wire: Any, length: int | str | None) -> WSGIRequest:
    meta = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in sent.headers.items()}
    if length is not None:
        meta["CONTENT_LENGTH"] = str(length)
    return WSGIRequest(
        {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "CONTENT_TYPE": "text/plain", "wsgi.input": wire, **meta}
    )


def test_a_body_is_in_memory_once(source: Any) -> None:
    """Twenty megabytes take twenty, not forty: neither pieces beside the whole, nor a copy for the digest."""
    source("github", MAX_BODY=32 * MB)
    size = 20 * MB
    body = b"x" * size
    sent = message("github", body=body)
    del body
    sent_small = Sent("github", b"", sent.headers)
    del sent
    made = request(sent_small, Wire(size), size)
    tracemalloc.start()
    try:
        found = receiving.read(made, source_named("github"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found.body) == size
    assert made.body is found.body
    assert peak < 1.3 * size


@pytest.mark.parametrize("length", [MB + 1, 10**12, "9" * 19])
def test_nothing_is_read_of_what_is_too_long(length: Any, source: Any) -> None:
    source("github", MAX_BODY=MB)
    wire = Wire(10**9)
    with pytest.raises(BodyTooLong):
        receiving.read(request(message("github"), wire, length), source_named("github"))
    assert wire.taken == 0


def test_nothing_is_read_of_what_is_too_old() -> None:
    wire = Wire(100)
    with pytest.raises(InvalidSignature):
        receiving.read(request(message("standard", at=1), wire, 100), source_named("standard"))
    assert wire.taken == 0


def test_a_connection_that_ends_too_soon() -> None:
    for length in (101, 1000):
        with pytest.raises(BadRequest, match="incomplete_body"):
            receiving.read(request(message("github"), Wire(100), length), source_named("github"))


def test_a_connection_that_breaks() -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("gone")

    with pytest.raises(BadRequest, match="incomplete_body"):
        receiving.read(request(message("github"), Broken(), 100), source_named("github"))


@pytest.mark.parametrize("length", [None, "", "x", "-5", "1e3"])
def test_a_length_that_is_none_is_a_body_of_nothing(length: Any) -> None:
    """As Django reads it: what a sender has signed is not that."""
    wire = Wire(100)
    with pytest.raises(InvalidSignature):
        receiving.read(request(message("github"), wire, length), source_named("github"))
    assert wire.taken == 0


def test_a_form_that_a_middleware_has_read_is_not_taken(source: Any) -> None:
    """What it was made of is gone, and to put it together again would not be what was signed."""
    sent = message("github", body=b"--x--\r\n")
    made = request(sent, BytesIO(sent.body), len(sent.body))
    made.META["CONTENT_TYPE"] = "multipart/form-data; boundary=x"
    made.content_type = "multipart/form-data"
    _ = made.POST
    with pytest.raises(InvalidSignature) as caught:
        receiving.read(made, source_named("github"))
    assert caught.value.reason == "body_was_read"


def test_a_body_that_a_middleware_has_read_is_taken() -> None:
    sent = message("github")
    made = request(sent, BytesIO(sent.body), len(sent.body))
    _ = made.body
    assert receiving.read(made, source_named("github")).body == sent.body
