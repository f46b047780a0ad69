"""What a caller may not see is not found out by the order, the search, the filters or the pages of a list."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import django_filters
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import path
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import serializers
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.generics import ListAPIView

from stockade.drf import related
from stockade.drf.mixins import PolicyMixin
from stockade.drf.pagination import BoundedCursorPagination
from stockade.drf.serializers import StrictModelSerializer
from stockade.policy import Authenticated, Role
from tests.drf.field_views import StaffSerializer
from tests.pipeline.conftest import *  # noqa: F403 - the same project, users and tokens
from tests.policy_app.models import Doc, Note


class Staff(PolicyMixin, ListAPIView[Doc]):
    queryset = Doc.every.order_by("title")
    serializer_class = StaffSerializer
    policy = Authenticated()


class Wages(django_filters.FilterSet):
    wage = django_filters.RangeFilter(field_name="rank")
    rank = django_filters.RangeFilter()
    o = django_filters.OrderingFilter(fields=(("rank", "by_wage"), ("title", "by_title")))
    title_like = django_filters.CharFilter(field_name="title", lookup_expr="contains")


class Ranges(Staff):
    filter_backends = [DjangoFilterBackend]
    filterset_class = Wages


class Made(DjangoFilterBackend):
    """As a project has it that makes its filters by itself."""

    def get_filterset_class(self, view: Any, queryset: Any = None) -> Any:
        return Wages


class MadeRanges(Staff):
    filter_backends = [Made]


class ByDefault(Staff):
    """DRF then lists what it finds in the serializer."""

    filter_backends = [OrderingFilter]


class Everything(OrderingFilter):
    ordering_fields = "__all__"


class ByFilter(Staff):
    filter_backends = [Everything]


class RenamedSerializer(StrictModelSerializer):
    class Meta:
        model = Doc
        fields = ("title", "pay", "writer")
        extra_kwargs = {"pay": {"source": "rank", "read_only": True}}
        visible = {"pay, writer": Role("hr")}

    writer = serializers.PrimaryKeyRelatedField(source="author", read_only=True)


class Renamed(Staff):
    serializer_class = RenamedSerializer
    filter_backends = [OrderingFilter]
    ordering_fields = ["rank", "author_id", "author__username"]


class NoteSerializer(StrictModelSerializer):
    doc = StaffSerializer()

    class Meta:
        model = Note
        fields = ("text", "doc")


class Notes(PolicyMixin, ListAPIView[Note]):
    queryset = Note.objects.order_by("text")
    serializer_class = NoteSerializer
    policy = Authenticated()
    filter_backends = [DjangoFilterBackend, OrderingFilter, SearchFilter]
    filterset_fields = ["doc__rank"]
    ordering_fields = ["doc__rank"]
    search_fields = ["text", "doc__owner_text"]


class ByRank(BoundedCursorPagination):
    page_size = 1
    ordering = "rank"


class Cursors(Staff):
    pagination_class = ByRank


class ByTitle(ByRank):
    ordering = "title"


urlpatterns = [
    path("ranges/", Ranges.as_view()),
    path("made/", MadeRanges.as_view()),
    path("default/", ByDefault.as_view()),
    path("filter/", ByFilter.as_view()),
    path("renamed/", Renamed.as_view()),
    path("notes/", Notes.as_view()),
    path("cursors/", Cursors.as_view()),
    path("titles/", Cursors.as_view(pagination_class=ByTitle)),
]


@pytest.fixture(autouse=True)
def list_views(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project.ROOT_URLCONF = "tests.drf.test_hidden_lists"
    monkeypatch.setattr(related, "_visible", {})  # what the views of other tests say of the same model


@pytest.fixture
def hr(make_user: Callable[..., User], client_of: Callable[..., Client]) -> Client:
    return client_of(make_user("harriet", "hr"))


@pytest.fixture
def nosy(bob: User, client_of: Callable[..., Client]) -> Client:
    return client_of(bob)


@pytest.fixture(autouse=True)
def docs(alice: User, bob: User) -> None:
    for title, rank, text, author in (
        ("a", 77, "moss", alice),
        ("b", 1, "wood", bob),
        ("c", 5, "fern", alice),
    ):
        doc = Doc.every.create(title=title, rank=rank, owner_text=text, author=author, keeper=bob)
        Note.objects.create(doc=doc, text=title)


def titles(client: Client, address: str) -> str:
    found = client.get(address).json()
    rows = found if isinstance(found, list) else found["results"]
    return "".join(one.get("title") or one["text"] for one in rows)


@pytest.mark.parametrize("view", ["ranges", "made"])
@pytest.mark.parametrize("name", ["wage_min", "wage_max", "rank_min"])
def test_a_range_of_what_is_hidden_tells_no_value_by_halves(
    hr: Client, nosy: Client, view: str, name: str
) -> None:
    assert titles(hr, f"/{view}/?{name}=50") in ("a", "bc")
    answer = nosy.get(f"/{view}/?{name}=50")
    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        {name: ["This parameter is not known here."]},
    )
    assert titles(nosy, f"/{view}/?title_like=b") == "b"


def test_an_order_of_django_filter_by_what_is_hidden_is_refused_whatever_it_is_called(
    hr: Client, nosy: Client
) -> None:
    assert (titles(hr, "/ranges/?o=by_wage"), titles(hr, "/ranges/?o=-by_wage")) == ("bca", "acb")
    for order in ("by_wage", "-by_wage", "by_title,by_wage", "by_title,%20-by_wage"):
        assert nosy.get(f"/ranges/?o={order}").status_code == 400
    assert titles(nosy, "/ranges/?o=-by_title") == "cba"


@pytest.mark.parametrize(
    ("view", "term"),
    [("default", "owner_text"), ("filter", "owner_text"), ("filter", "rank"), ("filter", "owner_number")],
)
def test_no_order_that_nobody_has_listed_shows_what_is_hidden(nosy: Client, view: str, term: str) -> None:
    Doc.every.filter(title="b").update(owner_number=9)
    assert {titles(nosy, f"/{view}/?ordering={sign}{term}") for sign in ("", "-")} == {"abc"}


def test_an_order_that_is_not_hidden_is_taken_as_ever(hr: Client, nosy: Client) -> None:
    assert titles(nosy, "/default/?ordering=-title") == "cba"
    assert titles(hr, "/default/?ordering=owner_text") == "cab"
    assert titles(hr, "/filter/?ordering=rank") == "bca"


@pytest.mark.parametrize("term", ["rank", "author_id", "author__username"])
def test_what_is_hidden_under_another_name_is_no_order_either(hr: Client, nosy: Client, term: str) -> None:
    assert len({titles(hr, f"/renamed/?ordering={sign}{term}") for sign in ("", "-")}) == 2
    assert {titles(nosy, f"/renamed/?ordering={sign}{term}") for sign in ("", "-")} == {"abc"}


def test_what_a_nested_serializer_hides_is_not_told_by_the_list_around_it(hr: Client, nosy: Client) -> None:
    assert titles(hr, "/notes/?ordering=doc__rank") == "bca"
    assert titles(nosy, "/notes/?ordering=doc__rank") == titles(nosy, "/notes/?ordering=-doc__rank") == "abc"
    assert titles(hr, "/notes/?search=moss") == "a"
    assert titles(nosy, "/notes/?search=moss") == ""
    assert titles(hr, "/notes/?doc__rank=77") == "a"
    assert nosy.get("/notes/?doc__rank=77").status_code == nosy.get("/notes/?doc__rank=78").status_code == 400


def _cursor(link: str) -> str:
    return b64decode(parse_qs(urlsplit(link).query)["cursor"][0]).decode()


def test_a_cursor_holds_nothing_hidden_and_filters_by_nothing_hidden(hr: Client, nosy: Client) -> None:
    assert _cursor(hr.get("/cursors/").json()["next"]) == "p=1"
    assert _cursor(nosy.get("/cursors/").json()["next"]) != "p=1"
    seen, address = [], "/cursors/"
    for _ in range(3):
        page = nosy.get(address).json()
        seen += [one["title"] for one in page["results"]]
        address = page["next"]
    assert (sorted(seen), address) == (["a", "b", "c"], None)
    forged = quote(b64encode(b"p=50").decode())
    assert titles(hr, f"/cursors/?cursor={forged}") == "a"
    assert nosy.get(f"/cursors/?cursor={forged}").status_code == 404  # 50 is no key
    assert _cursor(nosy.get("/titles/").json()["next"]) == "p=a"


@pytest.mark.parametrize("position", ["abc", "", "%00", "nan", "1e400", "[]", "%ff", "9" * 5000])
def test_a_forged_cursor_is_no_failure_of_the_server(hr: Client, position: str) -> None:
    forged = quote(b64encode(f"p={position}".encode()).decode())
    answer = hr.get(f"/cursors/?cursor={forged}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
