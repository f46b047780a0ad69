"""The filter holds wherever a queryset takes a condition, and no queryset can be bent to get around it."""

from __future__ import annotations

import copy
import pickle
import random
from typing import Any

import pytest
from django.db import transaction
from django.db.models import (
    BooleanField,
    Case,
    Count,
    Exists,
    F,
    OuterRef,
    Prefetch,
    Q,
    Subquery,
    Value,
    When,
)

from stockade.core.errors import ConfigurationError
from stockade.core.principal import ANONYMOUS, Kind, Principal
from stockade.policy import Nobody, Owner, Policy, Public, Role, Undecidable
from tests.policy import world
from tests.policy.world import user_principal
from tests.policy_app.models import Doc, DocProxy, Note, Project, Report

pytestmark = pytest.mark.django_db

POLICIES: list[Policy] = [
    Owner("author"),
    Owner("editors") | Public(where=Q(published=True)),
    ~Owner("project__owner") & ~Public(where=Q(notes__stars__gt=0)),
    Owner("reviewer") | Owner("cover__painter") | Owner("parent__author"),
    Public(),
    Nobody(),
]


@pytest.fixture
def users() -> list[Any]:
    return world.populate(random.Random(3), docs=20)


@pytest.fixture
def ann(users: list[Any]) -> Principal:
    return user_principal(users[0], roles=["Editors"])


def admitted(policy: Policy, principal: Principal, objects: Any = None) -> set[Any]:
    return {
        doc.pk for doc in (Doc.every.all() if objects is None else objects) if policy.check(principal, doc)
    }


def keys(queryset: Any) -> list[Any]:
    return sorted(queryset.values_list("pk", flat=True))


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_it_holds_in_every_place_of_a_query(policy: Policy, ann: Principal) -> None:
    q, right = policy.filter(ann), sorted(admitted(policy, ann))
    every = Doc.every
    rest = sorted(set(keys(every)) - set(right))
    assert keys(every.filter(q)) == keys(every.filter(q).filter(policy.filter(ann))) == right
    assert keys(every.exclude(q)) == keys(every.filter(~q)) == rest
    assert keys(every.exclude(~q)) == keys(every.exclude(Q(~q))) == right
    assert keys(every.filter(q | Q(pk=None))) == keys(every.filter(Q(pk=None) | q)) == right
    assert keys(every.filter(q & Q(rank__gte=0))) == keys(every.filter(rank__gte=0).filter(q))
    assert keys(every.filter(q ^ Q(pk=None))) == right
    assert every.filter(q).count() == every.aggregate(n=Count("pk", filter=q))["n"] == len(right)
    assert every.filter(q).distinct().count() == len(right)
    assert [bool(doc.can) for doc in every.annotate(can=q).order_by("pk")] == [
        pk in right for pk in sorted(keys(every))
    ]
    case = Case(When(q, then=Value(True)), default=Value(False), output_field=BooleanField())
    assert keys(every.annotate(can=case).filter(can=True)) == right
    assert sorted(every.filter(pk__in=every.filter(q)).values_list("pk", flat=True)) == right
    assert keys(every.filter(Exists(every.filter(q, pk=OuterRef("pk"))))) == right
    assert keys(every.filter(q).union(every.filter(q), all=False)) == right
    assert list(every.filter(q).order_by("pk")[:3].values_list("pk", flat=True)) == right[:3]
    assert set(every.filter(pk__in=every.filter(q)[:3]).values_list("pk", flat=True)) <= set(right)
    assert len(
        every.filter(q).select_related("project__org", "author").prefetch_related("notes", "editors")
    ) == len(right)
    assert every.filter(q, notes__isnull=False).values("pk").distinct().count() == len(
        set(right) & set(every.filter(notes__isnull=False).values_list("pk", flat=True))
    )
    grouped = every.values("rank").annotate(n=Count("notes", distinct=True)).filter(q)
    assert set(grouped.values_list("rank", flat=True)) == set(
        every.filter(pk__in=right).values_list("rank", flat=True)
    )
    assert keys(every.filter(copy.deepcopy(q))) == right
    revived = Doc.every.all()
    revived.query = pickle.loads(pickle.dumps(every.filter(q).query))
    assert keys(revived) == right


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_it_holds_for_what_hangs_on_the_object(policy: Policy, ann: Principal) -> None:
    right = admitted(policy, ann)
    notes = Note.objects.filter(doc__in=Doc.every.filter(policy.filter(ann)))
    assert set(notes.values_list("doc_id", flat=True)) <= right
    projects = Project.objects.prefetch_related(
        Prefetch("docs", Doc.every.filter(policy.filter(ann)), "seen")
    )
    assert {doc.pk for project in projects for doc in project.seen} == {
        doc.pk for doc in Doc.every.filter(pk__in=right, project__isnull=False)
    }
    first = Doc.every.filter(policy.filter(ann), project=OuterRef("pk")).order_by("pk").values("pk")[:1]
    for project in Project.objects.annotate(first=Subquery(first)):
        own = sorted(doc.pk for doc in Doc.every.filter(pk__in=right, project=project))
        assert project.first == (own[0] if own else None)


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_it_holds_for_inherited_tables_and_proxies(policy: Policy, ann: Principal) -> None:
    for model in (Report, DocProxy):
        every = model.every
        assert set(keys(every.filter(policy.filter(ann)))) == admitted(policy, ann, every.all())
        assert set(keys(every.exclude(policy.filter(ann)))) == set(keys(every)) - admitted(
            policy, ann, every.all()
        )


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_updates_and_deletes_touch_only_what_is_admitted(policy: Policy, ann: Principal) -> None:
    right = admitted(policy, ann)
    assert Doc.every.filter(policy.filter(ann)).update(ceiling=77) == len(right)
    assert set(Doc.every.filter(ceiling=77).values_list("pk", flat=True)) == right
    reports = set(Report.every.filter(policy.filter(ann)).values_list("pk", flat=True))
    Report.every.filter(policy.filter(ann)).update(day="2030-01-01")
    assert set(Report.every.filter(day="2030-01-01").values_list("pk", flat=True)) == reports
    Note.objects.filter(doc__in=Doc.every.filter(policy.filter(ann))).delete()
    assert not Note.objects.filter(doc_id__in=right).exists()


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_it_adds_no_join_so_rows_can_be_locked_and_none_comes_twice(policy: Policy, ann: Principal) -> None:
    queryset = Doc.every.filter(policy.filter(ann))
    assert [alias for alias, times in queryset.query.alias_refcount.items() if times] in (
        [],
        ["policy_app_doc"],
    )
    with transaction.atomic():
        assert len(queryset.select_for_update()) == len(admitted(policy, ann))
        assert len(Report.every.filter(policy.filter(ann)).select_for_update()) == len(
            admitted(policy, ann, Report.every.all())
        )


def test_an_open_rule_stays_open_in_an_or_and_closed_under_not(users: list[Any]) -> None:
    total = Doc.every.count()
    everyone, nobody = Public().filter(ANONYMOUS), Nobody().filter(ANONYMOUS)
    assert Doc.every.filter(everyone | Q(rank=1)).count() == total
    assert Doc.every.filter(~everyone).count() == Doc.every.exclude(everyone).count() == 0
    assert Doc.every.filter(nobody & Q(rank=1)).count() == 0
    assert Doc.every.filter(~nobody).count() == total


def test_what_is_settled_by_the_caller_is_not_asked_of_the_database(
    users: list[Any], django_assert_num_queries: Any
) -> None:
    policy = Owner("author") & Role("Editors")
    with django_assert_num_queries(0):
        assert list(Doc.every.filter(policy.filter(ANONYMOUS))) == []
        assert list(Doc.every.filter(Nobody().filter(ANONYMOUS))) == []
    assert "WHERE" not in str(Doc.every.filter(Public().filter(ANONYMOUS)).query)


def test_an_annotation_that_takes_a_fields_name_cannot_pose_as_the_field(
    users: list[Any], ann: Principal
) -> None:
    mine = Owner("author").filter(ann)
    for posing in ({"author": Value(ann.user.pk)}, {"author_id": Value(ann.user.pk)}, {"pk": Value(1)}):
        with pytest.raises(ConfigurationError, match=r"E051.*hides a field"):
            list(Doc.every.values("title").annotate(**posing).filter(mine))
    assert (
        Doc.every.values("title").annotate(n=Count("notes")).filter(mine).count()
        <= Doc.every.filter(mine).count()
    )


def test_a_relation_that_the_queryset_has_narrowed_is_still_asked_about_whole(users: list[Any]) -> None:
    """The user's own join on editors must not become the policy's: one row of it is not all there are."""
    bob = user_principal(users[1])
    wanted = {doc.pk for doc in Doc.every.filter(editors=users[0]) if Owner("editors").check(bob, doc)}
    assert wanted
    narrowed = Doc.every.filter(editors=users[0]).filter(Owner("editors").filter(bob))
    assert set(narrowed.values_list("pk", flat=True)) == wanted


# --- loaded, changed and unsaved objects ---


def test_a_loaded_object_is_decided_without_a_query_and_a_related_row_by_one(
    users: list[Any], ann: Principal, django_assert_num_queries: Any
) -> None:
    doc = Doc.every.select_related("project__org").filter(project__org__isnull=False).first()
    free = Owner("author") & Public(where=Q(published=True, rank__in=[1, 2]) | ~Q(title="a")) | Owner(
        "project__org__owner"
    )
    with django_assert_num_queries(0):
        free.check(ann, doc)
    with django_assert_num_queries(1):
        (Owner("editors") | Owner("notes__by")).check(ann, doc)
    deferred = Doc.every.defer("author").get(pk=doc.pk)
    with django_assert_num_queries(1):
        Owner("author").check(ann, deferred)


def test_a_related_object_of_another_row_does_not_vouch_for_this_one(
    users: list[Any], ann: Principal
) -> None:
    mine = Project.objects.create(owner=ann.user)
    others = Project.objects.create(owner=users[1])
    doc = Doc.every.create(keeper=users[1], project=others)
    doc._state.fields_cache["project"] = mine  # what a careless serializer, or a forged form, leaves behind
    assert not Owner("project__owner").check(ann, doc)


def test_before_saving_python_answers_where_it_can_and_nothing_is_guessed(
    users: list[Any], ann: Principal
) -> None:
    new = Doc(keeper=users[1], author=ann.user)
    assert Owner("author").foresee(ann, new) is True
    assert Owner("author").check(ann, new) is True
    assert Owner("keeper").foresee(ann, new) is False
    assert Owner("editors").foresee(ann, new) is None
    assert Role("Admins").foresee(ann, new) is False
    with pytest.raises(Undecidable, match="not stored"):
        Owner("editors").check(ann, new)
    new.author_id = F("keeper_id")  # not a value yet
    assert Owner("author").foresee(ann, new) is None


def test_a_new_state_is_judged_by_what_is_stored_not_by_what_the_object_says(
    users: list[Any], ann: Principal, django_assert_num_queries: Any
) -> None:
    stolen = Doc.every.create(keeper=users[1], author=users[1])
    stolen.author_id = ann.user.pk
    stolen.save(update_fields=["title"])  # the author was not written
    assert Owner("author").check(ann, stolen)
    assert not Owner("author").check_new(ann, stolen)
    given_away = Doc.every.create(keeper=users[1], author=ann.user)
    Doc.every.filter(pk=given_away.pk).update(author=users[1])
    assert not Owner("author").check_new(ann, given_away)
    hidden = Doc.every.create(keeper=users[1], author=ann.user, title="hidden")
    with django_assert_num_queries(1):
        assert Owner("author").check_new(ann, hidden)
    with django_assert_num_queries(0):
        assert not (Owner("author") & Role("Admins")).check_new(ann, hidden)
    assert not Owner("author").check_new(ann, Doc(keeper=users[1], author=ann.user))


async def test_an_async_view_may_ask_about_what_only_the_database_knows(db: None) -> None:
    from django.contrib.auth import get_user_model

    user = await get_user_model().objects.acreate(username="zoe")
    zoe = user_principal(user, roles=["Editors"])
    doc = await Doc.every.acreate(keeper=user, author=user)
    await doc.editors.aadd(user)
    assert await Owner("author").acheck(zoe, doc)
    assert await Owner("editors").acheck(zoe, doc)
    assert not await Owner("editors").acheck(ANONYMOUS, doc)
    assert await Role("Editors").acheck(zoe)
    assert not await Owner("author").acheck(zoe)
    assert len([doc async for doc in Doc.every.filter(Owner("editors").filter(zoe))]) == 1


def test_a_user_that_is_only_a_key_owns_what_the_key_owns(users: list[Any]) -> None:
    class TokenUser:
        """As a stateless token makes it: no row, and a key that came out of a claim as text."""

        pk = str(users[0].pk)

    stateless, bare = Principal(Kind.USER, "x", TokenUser()), Principal(Kind.USER, str(users[0].pk))
    for path in ("author", "editors", "reviewer", "project__owner", "owner_number", "owner_text"):
        assert (
            admitted(Owner(path), stateless)
            == admitted(Owner(path), bare)
            == admitted(Owner(path), user_principal(users[0]))
        )
