"""What a caller may not see is not to be had by way of what refers to it, neither read nor written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from tests.pipeline.conftest import *  # noqa: F403 - the same project, users and tokens
from tests.policy_app.models import Doc, Note

NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def related_views(project: Any) -> None:
    project.ROOT_URLCONF = "tests.drf.related_views"


@pytest.fixture
def hushed(bob: User) -> Doc:
    return Doc.every.create(title="hush", author=bob, keeper=bob, published=False)


@pytest.fixture
def told(bob: User, hushed: Doc) -> Doc:
    return Doc.every.create(title="told", author=bob, keeper=bob, published=True, parent=hushed)


def test_a_note_on_a_hidden_document_tells_nothing_of_it(
    hushed: Doc, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    Note.objects.create(doc=hushed, text="seen", by=bob)
    response = client_of(alice).get("/notes/")
    assert b"hush" not in response.content
    assert str(hushed.pk).encode() not in response.content
    (note,) = response.json()
    assert note.pop("id")
    assert note == {
        "text": "seen", "doc": None, "slug": None, "text_of": None, "nested": None, "further": "nothing",
        "by_name": "bob",
    }  # fmt: skip
    (note,) = client_of(bob).get("/notes/").json()
    assert note["doc"] == str(hushed.pk)
    assert note["nested"] == {"id": str(hushed.pk), "title": "hush"}
    assert (note["slug"], note["text_of"], note["dotted"]) == ("hush", "hush", "hush")


def test_a_source_that_leads_on_from_what_is_seen_stops_at_what_is_hidden(
    told: Doc, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    Note.objects.create(doc=told)
    client = client_of(alice)
    (note,) = client.get("/notes/").json()
    assert (note["slug"], note["dotted"], note["further"]) == ("told", "told", "nothing")
    assert client_of(bob).get("/notes/").json()[0]["further"] == "hush"
    told.parent = None
    told.save()
    assert client.get("/notes/").json() == [note]  # what is hidden looks like what is not there


def test_hidden_members_are_missing_from_relations_to_many(
    told: Doc, hushed: Doc, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    child = Doc.every.create(title="hush too", author=bob, keeper=bob, published=False, parent=told)
    (family,) = client_of(alice).get("/families/").json()
    assert family == {"id": str(told.pk), "children": [], "nested": [], "parent": None}
    own = client_of(bob).get(f"/families/{told.pk}/").json()
    assert own["children"] == [str(child.pk)]
    assert own["nested"] == [{"id": str(child.pk), "title": "hush too"}]
    assert own["parent"] == str(hushed.pk)


def test_no_way_round_a_relations_field_leads_to_hidden_members(
    told: Doc, alice: User, bob: User, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = property(lambda doc: doc.children(manager="every").order_by("pk")[:3])
    monkeypatch.setattr(Doc, "few_children", few, raising=False)
    kid = Doc.every.create(title="hush too", author=bob, keeper=bob, published=False, parent=told)
    seen = {"id": str(kid.pk), "title": "hush too"}
    found = client_of(bob).get(f"/odd_families/{told.pk}/").json()
    assert found == {
        "id": str(told.pk), "listed": ["hush too"], "number": 1, "first": "hush too", "nested_first": seen,
        "fetched": [seen], "few": [seen],
    }  # fmt: skip
    found = client_of(alice).get(f"/odd_families/{told.pk}/").json()
    assert found == {
        "id": str(told.pk), "listed": [], "number": 0, "first": "nothing", "nested_first": None, "fetched": [],
        "few": [],
    }  # fmt: skip


@pytest.mark.parametrize("field", ["docs", "by_name"])
def test_within_a_list_or_a_map_it_is_the_same(
    field: str, hushed: Doc, told: Doc, alice: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)

    def answer(doc: str) -> tuple[int, str]:
        body = {"docs": [doc]} if field == "docs" else {"by_name": {"a": [doc]}}
        response = client.post("/bundles/", body, content_type="application/json")
        return response.status_code, response.content.decode().replace(doc, "ONE")

    hidden, missing, there = (
        (str(hushed.pk), NOWHERE, str(told.pk)) if field == "docs" else ("hush", "missing", "told")
    )
    assert answer(hidden) == answer(missing)
    assert answer(missing)[0] == 400
    assert answer(there)[0] == 201


def test_to_refer_to_what_is_hidden_is_to_refer_to_nothing(
    hushed: Doc, told: Doc, alice: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)

    def answer(doc: object) -> tuple[int, str]:
        response = client.post("/notes/", {"text": "x", "doc": str(doc)}, content_type="application/json")
        return response.status_code, response.content.decode().replace(str(doc), "ID")

    assert answer(hushed.pk) == answer(NOWHERE)
    assert answer(NOWHERE)[0] == 400
    assert answer(told.pk)[0] == 201


def test_a_page_for_people_offers_nothing_hidden(
    hushed: Doc, told: Doc, alice: User, client_of: Callable[..., Client]
) -> None:
    response = client_of(alice).get("/notes/", headers={"accept": "text/html"})
    assert str(told.pk).encode() in response.content
    assert str(hushed.pk).encode() not in response.content


def test_one_of_many_written_at_once_that_is_not_hers_undoes_them_all(
    told: Doc, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)
    mine, theirs = ({"text": "x", "doc": str(told.pk), "by": user.pk} for user in (alice, bob))
    response = client.post("/own_notes/", [mine, theirs], content_type="application/json")
    assert response.status_code == 403
    assert not Note.objects.exists()
    assert client.post("/own_notes/", [mine, mine], content_type="application/json").status_code == 201


def test_a_schema_is_generated_without_asking_who_calls() -> None:
    GENERATOR_STATS.reset()
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    assert not GENERATOR_STATS._error_cache
    note = schema["components"]["schemas"]["Note"]["properties"]
    assert {"doc", "slug", "nested", "dotted"} <= note.keys()
