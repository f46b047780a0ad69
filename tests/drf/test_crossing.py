"""A list tells nothing of hidden objects that its own refer to: not by filters, orders, searches or their forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django_filters
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import path
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.generics import ListAPIView

from stockade.drf import related
from stockade.drf.mixins import PolicyMixin
from stockade.policy import Authenticated, Owner, Public
from tests.drf import related_views
from tests.drf.related_views import DocSerializer, FamilySerializer, NoteSerializer, seen
from tests.pipeline.conftest import *  # noqa: F403 - the same project, users and tokens
from tests.policy_app.models import Doc, Note

NOWHERE = "00000000-0000-4000-8000-000000000000"


class Notes(PolicyMixin, ListAPIView[Note]):
    queryset = Note.objects.order_by("text")
    serializer_class = NoteSerializer
    policy = Authenticated()
    filter_backends = [DjangoFilterBackend, OrderingFilter, SearchFilter]
    filterset_fields = {
        "doc": ["exact", "in"],
        "doc__title": ["exact", "startswith"],
        "doc__parent__title": ["exact"],
        "text": ["exact"],
    }
    ordering_fields = ["doc__title", "text", "doc"]
    search_fields = ["text", "doc__title"]


class Searched(Notes):
    search_fields = ["^doc__title"]


class Orders(django_filters.FilterSet):
    o = django_filters.OrderingFilter(fields=(("doc__title", "by"),))
    said = django_filters.CharFilter(field_name="doc__title", exclude=True)
    value = django_filters.AllValuesFilter(field_name="doc__title")


class Ordered(Notes):
    filterset_class = Orders


class Everything(Notes):
    ordering_fields = "__all__"


class Titles(django_filters.FilterSet):
    title = django_filters.AllValuesFilter()


class Families(PolicyMixin, ListAPIView[Doc]):
    queryset = Doc.every.order_by("title")
    serializer_class = FamilySerializer
    policy = seen
    filter_backends = [DjangoFilterBackend]
    filterset_fields = {"children__title": ["exact"], "children": ["exact"]}


class Values(Families):
    serializer_class = DocSerializer
    filterset_class = Titles


urlpatterns = [
    path("notes/", Notes.as_view()),
    path("searched/", Searched.as_view()),
    path("ordered/", Ordered.as_view()),
    path("everything/", Everything.as_view()),
    path("families/", Families.as_view()),
    path("values/", Values.as_view()),
]


@pytest.fixture(autouse=True)
def crossing_views(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project.ROOT_URLCONF = __name__
    project.INSTALLED_APPS = [*project.INSTALLED_APPS, "django_filters"]  # its forms
    monkeypatch.setattr(related, "_visible", {})
    related.declare_visible(Doc, related_views.seen)


@pytest.fixture
def docs(bob: User) -> dict[str, Doc]:
    """One that is open, with a parent and a child that are not."""
    hush = Doc.every.create(title="hush", author=bob, keeper=bob, published=False)
    told = Doc.every.create(title="told", author=bob, keeper=bob, published=True, parent=hush)
    late = Doc.every.create(title="late", author=bob, keeper=bob, published=True)
    kid = Doc.every.create(title="kid", author=bob, keeper=bob, published=False, parent=told)
    for text, doc in (("1", hush), ("2", told), ("3", late)):
        Note.objects.create(doc=doc, text=text, by=bob)
    return {"hush": hush, "told": told, "kid": kid}


@pytest.fixture
def nosy(alice: User, client_of: Callable[..., Client]) -> Client:
    return client_of(alice)


@pytest.fixture
def author(bob: User, client_of: Callable[..., Client]) -> Client:
    return client_of(bob)


def texts(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return "".join(one["text"] for one in answer.json())


def test_a_list_is_not_filtered_by_what_a_hidden_object_says(
    docs: dict[str, Doc], nosy: Client, author: Client
) -> None:
    for query in ("doc__title=hush", "doc__title__startswith=h"):
        assert texts(author, f"/notes/?{query}") == "1"
        assert texts(nosy, f"/notes/?{query}") == ""
    assert texts(author, "/notes/?doc__parent__title=hush") == "2"
    assert texts(nosy, "/notes/?doc__parent__title=hush") == ""
    assert texts(nosy, "/notes/?doc__title=told") == texts(author, "/notes/?doc__title=told") == "2"
    assert texts(nosy, "/notes/?text=1") == "1"
    # Whether it says so or not, the answer is the same.
    assert texts(nosy, "/ordered/?said=hush") == texts(nosy, "/ordered/?said=hunt") == "23"


def test_a_list_is_not_filtered_by_a_hidden_member(
    docs: dict[str, Doc], nosy: Client, author: Client
) -> None:
    told = str(docs["told"].pk)
    assert [one["id"] for one in author.get("/families/?children__title=kid").json()] == [told]
    assert nosy.get("/families/?children__title=kid").json() == []
    hidden = nosy.get(f"/families/?children={docs['kid'].pk}")
    missing = nosy.get(f"/families/?children={NOWHERE}")
    assert hidden.status_code == missing.status_code == 400
    assert hidden.content.replace(str(docs["kid"].pk).encode(), NOWHERE.encode()) == missing.content


def test_a_search_finds_nothing_by_what_a_hidden_object_says(
    docs: dict[str, Doc], nosy: Client, author: Client
) -> None:
    assert texts(author, "/notes/?search=hush") == "1"
    assert texts(nosy, "/notes/?search=hush") == texts(nosy, "/searched/?search=hush") == ""
    assert texts(nosy, "/notes/?search=told") == texts(nosy, "/searched/?search=to") == "2"
    assert texts(nosy, "/notes/?search=1") == "1"  # by its own text
    assert texts(nosy, "/notes/?search=2,told") == "2"


@pytest.mark.parametrize(
    "address",
    ["/notes/?ordering=doc__title", "/notes/?ordering=doc", "/everything/?ordering=doc"],
    ids=["listed", "key", "everything"],
)
def test_a_list_is_not_ordered_by_what_hidden_objects_say(
    docs: dict[str, Doc], nosy: Client, address: str
) -> None:
    assert texts(nosy, address) == texts(nosy, address.replace("=", "=-")) == "123"
    assert texts(nosy, "/notes/?ordering=-text") == texts(nosy, "/everything/?ordering=-text") == "321"


def test_an_order_of_django_filter_leaves_hidden_objects_out(
    docs: dict[str, Doc], nosy: Client, author: Client
) -> None:
    assert texts(author, "/ordered/?o=by") == "132"
    assert texts(nosy, "/ordered/?o=by") == "32"


def test_a_key_of_a_hidden_object_is_a_key_of_none(
    docs: dict[str, Doc], nosy: Client, author: Client
) -> None:
    hidden, missing = nosy.get(f"/notes/?doc={docs['hush'].pk}"), nosy.get(f"/notes/?doc={NOWHERE}")
    assert (hidden.status_code, hidden.content) == (400, missing.content)
    assert texts(author, f"/notes/?doc={docs['hush'].pk}") == "1"
    assert texts(nosy, f"/notes/?doc={docs['told'].pk}") == "2"


def test_the_form_of_a_filter_offers_nothing_hidden(
    docs: dict[str, Doc], nosy: Client, author: Client
) -> None:
    for address in ("/notes/", "/ordered/", "/values/"):
        for client, shown in ((author, True), (nosy, False)):
            page = client.get(address, headers={"accept": "text/html"}).content
            assert b"told" in page
            assert (b"hush" in page) is shown


def test_what_everybody_may_see_is_filtered_as_ever(docs: dict[str, Doc], nosy: Client) -> None:
    related.declare_visible(Doc, Public() | Owner("author"))
    assert texts(nosy, "/notes/?doc__title=hush") == texts(nosy, "/notes/?search=hush") == "1"
    assert texts(nosy, "/notes/?ordering=doc__title") == "132"
