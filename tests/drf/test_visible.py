"""A field is seen and written by those whom its serializer names, and by nobody else on any way that DRF has."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import User
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers
from rest_framework.generics import GenericAPIView

from stockade.core.errors import ConfigurationError
from stockade.core.principal import Kind, Principal
from stockade.drf.declaring import findings_of
from stockade.drf.filters import hidden_of
from stockade.drf.serializers import StrictModelSerializer, StrictSerializer
from stockade.drf.visible import fields_for
from stockade.pipeline.start import findings
from stockade.policy import Role
from tests.drf.field_views import PAYROLL, StaffSerializer
from tests.pipeline.conftest import *  # noqa: F403 - the same project, users and tokens
from tests.policy_app.models import Doc


@pytest.fixture(autouse=True)
def field_views(project: Any) -> None:
    project.ROOT_URLCONF = "tests.drf.field_views"


@pytest.fixture
def hr(make_user: Callable[..., User], client_of: Callable[..., Client]) -> Client:
    return client_of(make_user("harriet", "hr"))


@pytest.fixture
def nosy(bob: User, client_of: Callable[..., Client]) -> Client:
    return client_of(bob)


@pytest.fixture
def doc(alice: User) -> Doc:
    return Doc.every.create(
        title="plain", rank=77, ceiling=99, owner_text="hush", owner_number=5, author=alice, keeper=alice
    )


def send(client: Client, method: str, path: str, body: Any) -> Any:
    return getattr(client, method)(path, body, content_type="application/json")


def test_a_field_leaves_for_those_alone_who_may_see_it(hr: Client, nosy: Client, doc: Doc) -> None:
    for path in ("/staff/", f"/staff/{doc.pk}/", "/by_hand/"):
        seen = nosy.get(path)
        assert seen.status_code == 200
        assert b"title" in seen.content
        assert not any(word in seen.content for word in (b"rank", b"ceiling", b":77,", b"hush", b"owner_"))
    found = hr.get(f"/staff/{doc.pk}/").json()
    assert (found["rank"], found["ceiling"], found["owner_text"], found["owner_number"]) == (
        77,
        99,
        "hush",
        5,
    )


def test_a_field_goes_by_the_object_where_its_rule_does(
    doc: Doc, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    Doc.every.create(title="other", owner_text="bobs", author=bob, keeper=bob)
    by_title = {one["title"]: one for one in client_of(alice).get("/staff/").json()["results"]}
    assert by_title["plain"]["owner_text"] == "hush"
    assert "owner_text" not in by_title["other"]
    patched = send(client_of(alice), "patch", f"/staff/{doc.pk}/", {"owner_text": "mine"})
    assert (patched.status_code, patched.json()["owner_text"]) == (200, "mine")
    refused = send(client_of(bob), "patch", f"/staff/{doc.pk}/", {"owner_text": "stolen"})
    assert refused.status_code == 400
    doc.refresh_from_db()
    assert doc.owner_text == "mine"


def test_what_may_not_be_seen_may_not_be_written_and_looks_unknown(
    hr: Client, nosy: Client, doc: Doc
) -> None:
    refused = send(nosy, "patch", f"/staff/{doc.pk}/", {"rank": 1})
    unknown = send(nosy, "patch", f"/staff/{doc.pk}/", {"wage": 1})
    assert refused.status_code == unknown.status_code == 400
    assert refused.content.replace(b"rank", b"wage") == unknown.content
    doc.refresh_from_db()
    assert doc.rank == 77
    assert send(hr, "patch", f"/staff/{doc.pk}/", {"rank": 1}).json()["rank"] == 1


def test_what_is_seen_is_not_written_by_those_whom_writable_leaves_out(
    hr: Client, nosy: Client, doc: Doc
) -> None:
    refused = send(nosy, "patch", f"/staff/{doc.pk}/", {"locked": True})
    assert (refused.status_code, refused.json()["errors"]) == (
        400,
        {"locked": ["This field is set by the server."]},
    )
    assert nosy.get(f"/staff/{doc.pk}/").json()["locked"] is False
    assert send(hr, "patch", f"/staff/{doc.pk}/", {"locked": True}).json()["locked"] is True


def test_what_writable_names_is_written_without_being_seen(nosy: Client, doc: Doc) -> None:
    answer = send(nosy, "patch", f"/staff/{doc.pk}/", {"owner_number": 8})
    assert answer.status_code == 200
    assert "owner_number" not in answer.json()
    doc.refresh_from_db()
    assert doc.owner_number == 8


def test_a_list_is_not_ordered_filtered_or_searched_by_what_is_hidden(
    hr: Client, nosy: Client, doc: Doc, alice: User
) -> None:
    Doc.every.create(title="zz", rank=1, author=alice, keeper=alice)

    def titles(client: Client, query: str) -> list[str]:
        return [one["title"] for one in client.get(f"/staff/?{query}").json()["results"]]

    assert titles(hr, "ordering=rank") != titles(hr, "ordering=-rank")
    assert titles(nosy, "ordering=rank") == titles(nosy, "ordering=-rank")
    assert titles(hr, "rank=77") == ["plain"]
    assert nosy.get("/staff/?rank=77").status_code == nosy.get("/staff/?rank=78").status_code == 400
    assert titles(hr, "search=hush") == ["plain"]
    assert titles(nosy, "search=hush") == []
    assert titles(nosy, "search=plain") == ["plain"]


def test_pages_for_people_and_options_show_no_hidden_field(hr: Client, nosy: Client, doc: Doc) -> None:
    for client, shown in ((hr, True), (nosy, False)):
        page = client.get(f"/staff/{doc.pk}/", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert (b"ceiling" in page.content) is shown
        options = client.options(f"/staff/{doc.pk}/").json()
        assert ("rank" in options["actions"]["PUT"]) is shown


class NeedySerializer(StrictModelSerializer):
    class Meta:
        model = Doc
        fields = ("title", "rank")
        extra_kwargs = {"rank": {"required": True, "allow_null": False}}
        visible = {"rank": Role("hr")}


def test_to_make_what_needs_a_field_that_is_not_ones_own_is_forbidden_and_no_failure(
    nosy: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.drf.field_views.Staff.serializer_class", NeedySerializer)
    assert send(nosy, "post", "/staff/", {"title": "x"}).status_code == 403


def test_without_a_caller_a_serializer_gives_what_everyone_may_have(doc: Doc) -> None:
    assert "rank" not in StaffSerializer(doc).data
    with fields_for(None):
        assert StaffSerializer(doc).data["rank"] == 77
    with fields_for(Principal(Kind.USER, "1", roles=frozenset({"hr"}))):
        assert StaffSerializer(doc).data["rank"] == 77


def test_a_view_without_a_serializer_hides_nothing_and_does_not_fail() -> None:
    """As one that only fetches an object and does something to it."""

    class Bare(GenericAPIView[Doc]):
        queryset = Doc.every.all()

    assert hidden_of(Bare()) == frozenset()


def test_a_misspelt_field_leaves_none_open() -> None:
    class Typo(StrictSerializer):
        salary = serializers.IntegerField()

        class Meta:
            visible = {"salry": Role("hr")}

    with pytest.raises(ConfigurationError, match="salry"):
        _ = Typo().fields


def test_policies_that_only_report_hide_nothing(
    nosy: Client, doc: Doc, configure: Callable[..., None], log: Callable[[], list[Any]]
) -> None:
    configure(MODE={"policies": "report"})
    assert nosy.get(f"/staff/{doc.pk}/").json()["rank"] == 77
    assert any(record.reason == "field_not_visible" for record in log())


def test_the_document_says_who_sees_a_field_and_promises_it_to_nobody() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    staff = schema["components"]["schemas"]["Staff"]
    rank = staff["properties"]["rank"]
    assert rank["description"] == f"Seen by {PAYROLL.describe()}."
    assert "Written by" in staff["properties"]["locked"]["description"]
    assert not {"rank", "ceiling", "owner_text"} & set(staff.get("required", ()))


def test_a_document_for_one_caller_has_only_the_fields_of_his(
    project: Any, hr: Client, nosy: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SpectacularAPIView, "serve_public", False)
    for client, shown in ((hr, True), (nosy, False)):
        document = client.get("/schema/?format=json").json()
        assert ("rank" in document["components"]["schemas"]["Staff"]["properties"]) is shown


def test_rules_that_nothing_asks_or_that_are_of_no_field_stop_the_start() -> None:
    def made(base: type[Any], rules: Any) -> type[Any]:
        meta = type("Meta", (), {"model": Doc, "fields": ("title", "rank"), "visible": rules})
        return type("Made", (base,), {"Meta": meta})

    def found(cls: type[Any]) -> list[str]:
        return [finding.id for finding in findings_of(cls) if finding.stops]

    assert found(made(serializers.ModelSerializer, {"rank": Role("hr")})) == ["stockade.E239"]
    assert found(made(serializers.ModelSerializer, {"rank": "of somebody else's"})) == []
    assert found(made(StrictModelSerializer, {"rnak": Role("hr")})) == ["stockade.E237"]
    assert found(made(StrictModelSerializer, {"rank": "hr"})) == ["stockade.E236"]
    assert found(made(StrictModelSerializer, {"rank": Role("hr"), "title, rank": Role("hr")})) == [
        "stockade.E236"
    ]
    assert found(StaffSerializer) == []


def test_two_starts_at_once_leave_nobody_silent() -> None:
    """As of two handlers that threads make: logging stayed off for good, if the first to begin was the first to end."""
    begun, ended = threading.Event(), threading.Event()

    class Slow(StrictModelSerializer):
        class Meta:
            model = Doc
            fields = ("title",)
            visible: ClassVar = {"title": Role("hr")}

        def get_fields(self) -> Any:
            if threading.current_thread() is second:
                begun.set()
                assert ended.wait(30)
            else:
                second.start()
                assert begun.wait(30)
            return super().get_fields()

    second = threading.Thread(target=lambda: list(findings_of(Slow)))
    before = logging.root.manager.disable
    try:
        assert list(findings_of(Slow)) == []
        ended.set()
        second.join(30)
        assert logging.root.manager.disable == before
    finally:
        ended.set()
        logging.disable(before)


def test_the_start_looks_at_every_serializer(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[type[Any]] = []
    monkeypatch.setattr("stockade.drf.declaring.findings_of", lambda cls: seen.append(cls) or [])
    findings()
    assert StaffSerializer in seen
