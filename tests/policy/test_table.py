"""The table of a view's rules: nothing that nobody declared is open, and no slip in a key opens anything."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Q

from stockade.core.errors import ConfigurationError, Forbidden, InsufficientScope, NotVisible, Unauthenticated
from stockade.core.principal import ANONYMOUS, Kind, Principal
from stockade.policy import (
    Authenticated,
    Mediator,
    Nobody,
    Owner,
    PolicyTable,
    Public,
    Role,
    Scope,
    Visibility,
    refusal_at_the_door,
)
from tests.policy.world import user_principal
from tests.policy_app.models import Doc

ACTIONS = ["list", "create", "retrieve", "update", "partial_update", "destroy", "publish"]
EDITOR = Principal(Kind.USER, "1", roles=frozenset({"Editors"}))
READ, WRITE = Public(), Role("Editors")


def table(declared: object, visible: object = None) -> PolicyTable:
    return PolicyTable(declared, view="Articles", actions=ACTIONS, visible=visible)


def test_an_action_that_nobody_declared_is_open_to_nobody() -> None:
    found = table({"list, retrieve": READ, "create": WRITE})
    assert found.lookup("GET", "list") is found.lookup("GET", "retrieve") is READ
    assert found.lookup("POST", "create") is WRITE
    for method, action in [
        ("PUT", "update"),
        ("POST", "publish"),
        ("DELETE", "destroy"),
        ("BREW", None),
        ("GET", None),
    ]:
        assert found.lookup(method, action) is None


def test_an_action_goes_before_a_method_and_a_method_before_the_rest() -> None:
    rest = Authenticated()
    found = table({"retrieve": READ, "GET, DELETE": WRITE, "*": rest})
    assert found.lookup("GET", "retrieve") is READ
    assert (
        found.lookup("GET", "list") is found.lookup("HEAD", "list") is found.lookup("DELETE", None) is WRITE
    )
    assert found.lookup("POST", "publish") is found.lookup("BREW", "odd") is rest
    assert table(WRITE).lookup("PUT", "update") is WRITE


def test_an_action_is_not_opened_by_the_method_of_another_one() -> None:
    assert table({"list": READ}).lookup("GET", "publish") is None


def test_options_tell_those_who_may_do_something_and_no_stranger() -> None:
    rule = table({"update": WRITE & Owner("author")}).lookup("OPTIONS", "metadata")
    assert rule is not None
    assert not rule.about_objects
    assert (rule.admits(EDITOR), rule.admits(ANONYMOUS)) == (True, False)
    assert repr(rule) == "Conceivable(Role('Editors') & Owner('author'))"
    assert rule.describe() == "for some object: a member of Editors and the object's author"
    assert isinstance(rule.refusal(ANONYMOUS), Unauthenticated)
    assert table({"OPTIONS": Nobody(), "list": READ}).lookup("OPTIONS", None).admits(EDITOR) is False  # type: ignore[union-attr]


def test_who_may_read_may_ask_what_there_is_though_the_rest_is_for_others() -> None:
    """`"*"` is for what the view does; OPTIONS only tells what that is."""
    rule = table({"list": Public(), "*": WRITE & Owner("author")}).lookup("OPTIONS", "metadata")
    assert rule is not None
    assert not rule.about_objects
    assert (rule.admits(EDITOR), rule.admits(ANONYMOUS)) == (True, True)
    shut = table({"list": READ, "*": Nobody()}).lookup("OPTIONS", "metadata")
    assert shut is not None
    assert shut.admits(ANONYMOUS) is READ.admits(ANONYMOUS)
    assert table({"list": Public(), "OPTIONS, *": Nobody()}).lookup("OPTIONS", None).admits(EDITOR) is False  # type: ignore[union-attr]


def test_an_options_that_does_something_is_among_the_rest() -> None:
    """A plain function answers it by its one body: what "the rest" may not be had by, OPTIONS is not either."""
    found = PolicyTable({"GET": Public(), "*": WRITE}, view="Articles", describes=False)
    assert found.lookup("OPTIONS", None) is WRITE


@pytest.mark.parametrize(
    ("declared", "error"),
    [
        ({"lisst": READ}, r"E041: Articles: policy has the key 'lisst'. It has: DELETE, GET"),
        ({"get": READ}, r"E041.*Write 'GET'"),
        ({"list,": READ}, "E041.*''"),
        ({"": READ}, "E041"),
        ({3: READ}, "E041.*'3'"),
        ({"list, retrieve": READ, "retrieve": WRITE}, "E043.*'retrieve' twice"),
        ({}, "E043.*Nobody"),
        ({"list": None}, r"E042.*policy\['list'\] is None.*Public\(\)"),
        ({"list": Authenticated}, r"E042.*Articles: policy\['list'\].*Write Authenticated\(...\)"),
        ({"list": Q(published=True)}, r"E042.*Write Public\(where="),
        ({"list": True}, "E042"),
        ("list", "E042"),
        (None, "E042"),
    ],
)
def test_a_slip_in_the_table_stops_the_start(declared: object, error: str) -> None:
    with pytest.raises(ConfigurationError, match=error):
        table(declared)


def test_what_may_be_seen_is_what_the_view_says_or_who_may_retrieve() -> None:
    assert table({"list": READ, "retrieve": WRITE}).visible is WRITE
    assert table({"list": READ, "create": WRITE}).visible is READ
    assert table(WRITE).visible is WRITE
    assert table({"create": WRITE}).visible is None
    found = table({"create": WRITE}, visible=READ)
    assert found.visible is READ
    assert list(found.rules()) == [WRITE, READ]


# --- first visible, then allowed ---


@pytest.fixture
def people(db: None, django_user_model: Any) -> tuple[Any, Any]:
    create = django_user_model.objects.create
    return create(username="ann"), create(username="bob")


VISIBLE = Public(where=Q(published=True)) | Owner("author")
UPDATE = Role("Editors") & Owner("author")


def test_what_may_not_be_seen_does_not_exist_and_what_may_be_seen_is_forbidden(
    people: tuple[Any, Any],
) -> None:
    ann, bob = people
    open_, draft = (Doc.every.create(keeper=bob, author=bob, published=value) for value in (True, False))
    mine = Doc.every.create(keeper=ann, author=ann)
    editor, viewer = user_principal(ann, roles=["Editors"]), user_principal(ann)
    rule = Visibility(VISIBLE, UPDATE)
    assert rule.about_objects
    assert rule.refusal(editor, mine) is None
    assert isinstance(rule.refusal(editor, draft), NotVisible)
    assert type(rule.refusal(editor, open_)) is Forbidden
    assert type(rule.refusal(viewer, mine)) is Forbidden
    assert isinstance(rule.refusal(ANONYMOUS, open_), Unauthenticated)
    assert isinstance(rule.refusal(ANONYMOUS, draft), NotVisible)  # not 401: that would say that it exists
    assert set(Doc.every.filter(rule.filter(editor))) == {open_, mine}
    assert set(Doc.every.filter(rule.listing(editor))) == {mine}
    assert rule.refusal_of_seen(editor, mine) is None
    assert type(rule.refusal_of_seen(editor, open_)) is Forbidden


def test_without_a_word_on_visibility_who_may_not_act_sees_nothing(people: tuple[Any, Any]) -> None:
    ann, bob = people
    theirs = Doc.every.create(keeper=bob, author=bob)
    for rule in (Visibility(None, UPDATE), Visibility(UPDATE, UPDATE)):
        editor = user_principal(ann, roles=["Editors"])
        assert isinstance(rule.refusal(editor, theirs), NotVisible)
        assert not Doc.every.filter(rule.filter(editor)).exists()
        assert not Doc.every.filter(rule.listing(editor)).exists()
        assert rule.refusal_of_seen(editor, theirs) is None  # it would not have been fetched


def test_a_write_that_ends_in_a_state_the_caller_may_not_write_is_refused(people: tuple[Any, Any]) -> None:
    ann, bob = people
    editor = user_principal(ann, roles=["Editors"])
    mine = Doc.every.create(keeper=ann, author=ann)
    rule = Visibility(VISIBLE, UPDATE)
    assert rule.refusal_of_new(editor, mine) is None
    mine.author = bob
    mine.save()
    assert type(rule.refusal_of_new(editor, mine)) is Forbidden


def test_the_door_is_shut_before_the_view_runs_and_names_no_object() -> None:
    visible, update = VISIBLE & Scope("docs:read"), UPDATE & Scope("docs:write")
    reader = Principal(Kind.USER, "1", roles=frozenset({"Editors"}), scopes=frozenset({"docs:read"}))
    writer = Principal(Kind.USER, "1", roles=frozenset({"Editors"}), scopes=frozenset({"docs:write"}))
    assert refusal_at_the_door(EDITOR, update, visible) is None
    assert isinstance(refusal_at_the_door(reader, update, visible), InsufficientScope)
    assert isinstance(refusal_at_the_door(writer, update, visible), InsufficientScope)
    assert refusal_at_the_door(writer, update) is None
    assert isinstance(refusal_at_the_door(ANONYMOUS, update, visible), Unauthenticated)
    assert refusal_at_the_door(ANONYMOUS, visible, visible) is None


# --- complete mediation ---


def test_a_view_that_asked_nothing_has_decided_nothing() -> None:
    silent, listing, detail = Mediator(), Mediator(), Mediator()
    listing.filtered(Doc)
    detail.asked(Doc())
    assert (silent.decided, listing.decided, detail.decided) == (False, True, True)
    assert (silent.named_object, listing.named_object, detail.named_object) == (False, False, True)
    assert Mediator(needed=False).decided
    assert Mediator(needed=False).named_object
    assert repr(listing) == "<Mediator needed=True asked=0 filtered=Doc>"
