"""A get_queryset of the view's own: told where it narrows by nobody, passed over where it may look at the caller."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import models
from django.db.models import Count, F, Q
from django.shortcuts import get_object_or_404
from django.test.utils import isolate_apps
from django.utils import timezone
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from tests.drf.survey.asking import facts, routed
from tests.drf.survey.common import Docs, IsOwner
from tests.drf.survey.test_access import asks
from tests.policy_app.models import Doc, Project

CATALOGUE = {"locked": False}
current: list[Any] = []


def of_the_caller() -> Any:
    return current[-1]


def only_mine(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapper(self: Any) -> Any:
        return method(self).filter(author=self.request.user)

    return wrapper


# --- blind ---


class Joined(Docs):
    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("author").order_by("-created")


class Asked(Docs):
    """Another customer's number in the query, and another customer's rows."""

    def get_queryset(self) -> Any:
        rows = Doc.every.all()
        wanted = self.request.query_params.get("author")
        if wanted is not None:
            rows = rows.filter(Q(author_id=wanted) | Q(title__icontains=wanted.strip()))
        return rows


class Nested(Docs):
    def get_queryset(self) -> Any:
        return Doc.every.filter(parent_id=self.kwargs["parent"])


class ByAction(Docs):
    def get_queryset(self) -> Any:
        """Counted in lists alone."""
        rows = Doc.every.filter(**CATALOGUE, created__lte=timezone.now(), day__gte=date(2020, 1, 1))
        if self.action == "list" and self.request.method == "GET":
            rows = rows.annotate(count=Count("children")).annotate(highest=models.Max("rank"))
        return rows


class ByItsOwnName(Docs):
    def get_queryset(self) -> Any:
        request = self.request
        return Doc.every.filter(rank=request.query_params.get("rank"))


class InSteps(Docs):
    def get_queryset(self) -> Any:
        return self.joined().filter(parent=get_object_or_404(Doc, pk=self.kwargs["parent"]))

    def joined(self) -> Any:
        return self.queryset.prefetch_related("children")


class LeakingJoined(Joined):
    permission_classes = [IsAuthenticated, IsOwner]


# --- not blind, or not surely ---


class ByAuth(Docs):
    def get_queryset(self) -> Any:
        return Doc.every.filter(author__in=self.request.auth["authors"])  # type: ignore[index]


class ByCaller(Docs):
    def get_queryset(self) -> Any:
        request = self.request
        return Doc.every.filter(author=request.user.pk)


class ByMiddleware(Docs):
    def get_queryset(self) -> Any:
        return Doc.every.filter(project=self.request.project)  # type: ignore[attr-defined]


class HandedOn(Docs):
    def get_queryset(self) -> Any:
        return Doc.every.filter(pk__in=list(map(str, [self.request])))


class ByManagersMethod(Docs):
    def get_queryset(self) -> Any:
        return Doc.every.mine()  # type: ignore[attr-defined]


class ByManagersRows(Docs):
    def get_queryset(self) -> Any:
        return Doc.objects.all()


class ByContext(Docs):
    def get_queryset(self) -> Any:
        return Doc.every.filter(author=of_the_caller())


class ByContextList(Docs):
    def get_queryset(self) -> Any:
        return Doc.every.filter(author=current[-1].user)


class ByStep(Docs):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.author = request.user

    def get_queryset(self) -> Any:
        return Doc.every.filter(author=self.author)  # type: ignore[misc]


class ByMethod(Docs):
    def get_queryset(self) -> Any:
        return Doc.every.filter(project__in=self.projects())

    def projects(self) -> Any:
        return self.request.user.projects.all()  # type: ignore[union-attr]


class BySecret(Docs):
    def get_queryset(self) -> Any:
        return Doc.every.filter(title=self.kwargs["token"])


class BySecretField(Docs):
    def get_queryset(self) -> Any:
        return Doc.every.annotate(secret=F("owner_text")).filter(secret=self.kwargs["parent"])


class Decorated(Docs):
    @only_mine
    def get_queryset(self) -> Any:
        return Doc.every.all()


class Imports(Docs):
    def get_queryset(self) -> Any:
        from tests.drf.survey.test_blind import of_the_caller as who

        return Doc.every.filter(author=who())


class OwnedJoined(LeakingJoined):
    def filter_queryset(self, queryset: Any) -> Any:
        return queryset.filter(author=self.request.user)


@pytest.mark.parametrize(
    ("kind", "patterns", "expected"),
    [
        *asks(
            "object-unchecked",
            found={
                "joins": routed(Joined),
                "the query": routed(Asked),
                "the URL": routed(Nested),
                "the action": routed(ByAction),
                "its own steps": routed(InSteps),
                "the request under a name": routed(ByItsOwnName),
            },
            missed={
                "the caller": routed(ByCaller),
                "the token's claims": routed(ByAuth),
                "what a middleware has set": routed(ByMiddleware),
                "the request, handed on": routed(HandedOn),
                "a method of the manager": routed(ByManagersMethod),
                "a manager with rows of its own": routed(ByManagersRows),
                "a function": routed(ByContext),
                "something of the module": routed(ByContextList),
                "what initial has set": routed(ByStep),
                "a method that asks": routed(ByMethod),
                "a secret in the URL": routed(BySecret),
                "a column of secrets": routed(BySecretField),
                "a decorator": routed(Decorated),
                "an import within": routed(Imports),
                "an object check": routed(LeakingJoined),
            },
        ),
        *asks(
            "list-leaks",
            found={"joins": routed(LeakingJoined)},
            missed={"no object check": routed(Joined), "filter_queryset": routed(OwnedJoined)},
        ),
    ],
)
def test_a_get_queryset_is_told_where_it_narrows_by_nobody(
    kind: str, patterns: Any, expected: bool, settings: Any
) -> None:
    assert (kind in facts(settings, patterns)) is expected


@isolate_apps("tests.policy_app")
def test_what_hangs_below_somebodys_object_is_his(settings: Any) -> None:
    class Page(models.Model):
        doc = models.ForeignKey(Project, models.CASCADE, related_name="+")
        objects = models.Manager["Page"]()

        class Meta:
            app_label = "policy_app"

        def __str__(self) -> str:
            return "a page"

    class Pages(Docs):
        queryset: Any = Page.objects.all()  # type: ignore[misc]

    assert 'Owner("doc__owner")' in facts(settings, routed(Pages))["object-unchecked"].write
