"""Views are asked without a database and without harm: what they do about it is their business, and tells nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from stockade.drf.survey import access, probe
from tests.drf.survey.asking import at, facts, listed, project
from tests.drf.survey.common import Rest


class Counts(BasePermission):
    """Anyone may while there are few; it writes, too."""

    def has_permission(self, request: Request, view: Any) -> bool:
        Group.objects.create(name="made by a permission")
        return User.objects.count() < 100


class Fails(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        raise RuntimeError("no request like this was expected")


class Open(Rest):
    def get(self, request: Request) -> Response:
        return Response()


class Counted(Open):
    permission_classes = [Counts]


class Failing(Open):
    permission_classes = [Fails]


class Unmade(Open):
    def __init__(self, **kwargs: Any) -> None:
        raise RuntimeError


class Looped(Open):
    """Its methods call each other."""

    def get(self, request: Request, pk: int) -> Response:
        return self.again(request, pk)

    def again(self, request: Request, pk: int) -> Response:
        return self.get(request, pk)


@pytest.mark.django_db
def test_nothing_is_read_or_written_and_the_database_works_afterwards(settings: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        found = facts(settings, listed(Counted))
    assert len(queries) == 0
    assert "anyone-reads" not in found, "who gets in cannot be told"
    assert not Group.objects.filter(name="made by a permission").exists()
    assert "cursor" not in vars(connection)


@pytest.mark.parametrize("view", [Failing, Unmade])
def test_a_view_that_fails_tells_nothing_and_stops_nothing(view: Any, settings: Any) -> None:
    found = facts(settings, listed(view))
    assert "anyone-reads" not in found
    assert "undeclared" in found


def test_methods_that_call_each_other_end(settings: Any) -> None:
    assert "undeclared" in facts(settings, at(Looped))


def test_an_object_that_is_not_there_cannot_be_looked_at() -> None:
    thing = probe.Untouchable()
    for look in (lambda: thing.owner, lambda: thing == 1, lambda: bool(thing), lambda: str(thing.pk)):
        with pytest.raises(probe.Touched):
            look()


def test_a_look_that_fails_is_told_and_keeps_nothing_else_back(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(view: Any) -> Any:
        raise KeyError("x")

    monkeypatch.setattr("stockade.drf.survey.OF_A_VIEW", (access.undeclared, broken))
    found = project(settings, listed(Open))
    assert found.untold == ["tests.drf.survey.test_probe.Open: broken: KeyError"]
    assert [fact.kind for fact in found.facts] == ["undeclared"]
