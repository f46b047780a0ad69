"""Remembered content negotiation answers as DRF's does, first and later, and a flood of headers does not fill it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import Http404
from rest_framework.exceptions import APIException
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from stockade.drf import negotiation
from stockade.drf.negotiation import LONGEST, MOST, RememberedNegotiation


class Sheet(BaseRenderer):
    """A renderer with a parameter in its media type."""

    media_type = "text/csv;header=present"
    format = "csv"


SETS: list[list[type[BaseRenderer]]] = [
    [JSONRenderer],
    [JSONRenderer, BrowsableAPIRenderer],
    [BrowsableAPIRenderer, JSONRenderer],
    [Sheet, JSONRenderer],
]
RANGES = [
    "application/json",
    "application/json; indent=4",
    "application/*",
    "*/*",
    "*/*; q=0.8",
    "text/html",
    "text/html;level=1",
    "text/csv",
    "text/csv;header=present",
    "image/png",
    "",
    "garbage",
    "a/b;" + "x" * 400,
]


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    negotiation._chosen.clear()
    yield
    negotiation._chosen.clear()


def asked(accept: str | None, query: str = "") -> Request:
    headers = {} if accept is None else {"HTTP_ACCEPT": accept}
    return Request(APIRequestFactory().get(f"/?{query}", **headers))


def chosen(
    asking: DefaultContentNegotiation,
    kinds: list[type[BaseRenderer]],
    accept: str | None,
    query: str,
    suffix: str | None,
) -> Any:
    """The class of the renderer and the media type, or what is raised."""
    try:
        renderer, media_type = asking.select_renderer(
            asked(accept, query), [kind() for kind in kinds], suffix
        )
    except (APIException, Http404) as error:
        return type(error)
    return type(renderer), media_type


def test_it_chooses_as_drf_does_before_and_after_it_remembers() -> None:
    draw = random.Random(3)
    outcomes = set()
    remembered = 0
    for _ in range(3000):
        accept = None if draw.random() < 0.1 else ",".join(draw.sample(RANGES, draw.randint(1, 4)))
        query = draw.choice(["", "", "page=2", "format=json", "format=csv", "format=", "page=2&format=api"])
        suffix = draw.choice([None, None, None, "json", "csv", "nothing"])
        kinds = draw.choice(SETS)
        expected = chosen(DefaultContentNegotiation(), kinds, accept, query, suffix)
        outcomes.add(expected)
        for _ in range(2):
            assert chosen(RememberedNegotiation(), kinds, accept, query, suffix) == expected
        remembered = max(remembered, len(negotiation._chosen))
    assert len(outcomes) > 8
    assert 50 < remembered <= MOST


def test_what_was_chosen_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = SETS[1]
    first = chosen(RememberedNegotiation(), kinds, "text/html", "", None)
    monkeypatch.setattr(DefaultContentNegotiation, "select_renderer", None)
    assert chosen(RememberedNegotiation(), kinds, "text/html", "page=3", None) == first


def test_the_renderer_is_the_request_s_own() -> None:
    """Views give renderers state: one of another request must not come back."""
    for _ in range(2):
        made = [JSONRenderer(), BrowsableAPIRenderer()]
        found, _ = RememberedNegotiation().select_renderer(asked("text/html"), made)
        assert found is made[1]


def test_a_flood_of_different_headers_is_not_kept() -> None:
    for at in range(5 * MOST):
        chosen(RememberedNegotiation(), SETS[0], f"application/json;v={at}", "", None)
    assert len(negotiation._chosen) <= MOST
    longest = "application/json;v=" + "9" * LONGEST
    negotiation._chosen.clear()
    chosen(RememberedNegotiation(), SETS[0], longest, "", None)
    assert not negotiation._chosen
