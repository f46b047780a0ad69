"""Grants on single objects, as django-guardian keeps them: for the user, for its groups, and for nobody else."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission as Row
from guardian.shortcuts import assign_perm

from stockade.core.errors import ConfigurationError
from stockade.core.principal import ANONYMOUS, Kind, Principal
from stockade.policy import Granted, Owner, Permission, Role
from tests.policy import world
from tests.policy.test_agreement import disagreement
from tests.policy.world import user_principal
from tests.policy_app.models import Doc, Project, Report

pytestmark = pytest.mark.django_db

CHANGE = Granted("policy_app.change_doc")


@pytest.fixture
def users() -> list[Any]:
    return world.populate(random.Random(5), docs=10)


def test_a_grant_admits_the_user_and_the_group_it_names_to_that_object_only(users: list[Any]) -> None:
    ann, bob, cy = users
    group = Group.objects.create(name="Editors")
    bob.groups.add(group)
    first, second, hidden = Doc.every.exclude(title="hidden")[:3]
    Doc.every.filter(pk=hidden.pk).update(title="hidden")
    for doc in (first, hidden):
        assign_perm("change_doc", ann, doc)
    assign_perm("change_doc", group, second)
    assign_perm("delete_doc", cy, first)
    for user, granted in [(ann, {first.pk, hidden.pk}), (bob, {second.pk}), (cy, set())]:
        principal = user_principal(user)
        assert set(Doc.every.filter(CHANGE.filter(principal)).values_list("pk", flat=True)) == granted
        for policy in (CHANGE, ~CHANGE, CHANGE & Owner("author") | ~CHANGE & Role("Admins")):
            assert disagreement(policy, principal) is None
    service = Principal(Kind.SERVICE, str(ann.pk), ann)
    for stranger in (ANONYMOUS, service, Principal(Kind.USER, str(ann.pk))):
        assert not CHANGE.check(stranger, first)
        assert not Doc.every.filter(CHANGE.filter(stranger)).exists()


def test_a_grant_for_the_whole_model_is_another_thing_and_an_inactive_user_has_none(users: list[Any]) -> None:
    ann, bob, _ = users
    doc = Doc.every.first()
    assert doc is not None
    ann.user_permissions.add(Row.objects.get(codename="change_doc"))
    assert not CHANGE.check(user_principal(ann), doc)
    assert Permission("policy_app.change_doc").check(user_principal(ann))
    assign_perm("change_doc", bob, doc)
    bob.is_active = False
    assert not CHANGE.check(user_principal(bob), doc)


def test_a_superuser_is_granted_everything_without_a_query(
    users: list[Any], django_assert_num_queries: Any
) -> None:
    root = user_principal(users[0], superuser=True)
    with django_assert_num_queries(0):
        assert CHANGE.admits(root) is True


def test_keys_of_every_kind_are_told_apart(users: list[Any]) -> None:
    ann = users[0]
    project = Project.objects.first()
    report = Report.every.exclude(title="hidden").first()
    assert project is not None
    assert report is not None
    assign_perm("change_project", ann, project)
    assign_perm("change_report", ann, report)
    for policy, model, one in [
        (Granted("policy_app.change_project"), Project.objects, project),
        (Granted("policy_app.change_report"), Report.every, report),
    ]:
        found = model.filter(policy.filter(user_principal(ann)))
        assert [row.pk for row in found] == [one.pk]
        assert [row.pk for row in model.all() if policy.check(user_principal(ann), row)] == [one.pk]


def test_a_permission_that_does_not_exist_grants_nothing_and_says_so(users: list[Any]) -> None:
    doc = Doc.every.first()
    for name in ("policy_app.chnge_doc", "policy_app.change_project"):
        with pytest.raises(ConfigurationError, match="E048"):
            Granted(name).check(user_principal(users[0]), doc)


def test_without_guardian_the_start_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    with monkeypatch.context() as patch:
        for name in [name for name in sys.modules if name.split(".")[0] == "guardian"]:
            patch.delitem(sys.modules, name)
        patch.setitem(sys.modules, "guardian", None)
        with pytest.raises(ConfigurationError, match=r"E047.*Install django-stockade\[guardian\]"):
            CHANGE.validate(Doc)
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "guardian"]
    with pytest.raises(ConfigurationError, match="E047"):
        CHANGE.validate(Doc)


def test_a_generic_relation_is_refused_because_no_query_can_follow_it(users: list[Any]) -> None:
    from guardian.models import UserObjectPermission

    with pytest.raises(ConfigurationError, match=r"E044.*generic relation"):
        Owner("content_object").validate(UserObjectPermission)
    Owner("user").validate(UserObjectPermission)
