"""Without the middleware DRF's own hooks walk the same way: authentication, policy, limits, mediation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.decorators import api_view
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate

import stockade
from stockade.core.errors import Undecided
from stockade.demo.articles.models import Article
from stockade.policy import Owner, Role
from stockade.web import protect
from tests.pipeline import views
from tests.pipeline.conftest import *  # noqa: F403 - the same project, users and tokens
from tests.pipeline.conftest import MIDDLEWARE


@pytest.fixture(autouse=True)
def alone(project: Any) -> None:
    project.MIDDLEWARE = MIDDLEWARE[1:]


def test_a_token_opens_a_view_and_its_absence_does_not(
    alice: User, client_of: Callable[..., Client], anonymous: Client
) -> None:
    assert client_of(alice).get("/editors/").status_code == 200
    refused = anonymous.get("/editors/")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_wrong_token_is_refused(anonymous: Client) -> None:
    assert anonymous.get("/editors/", headers={"authorization": "Bearer nonsense"}).status_code == 401


def test_the_policy_is_asked(carol: User, client_of: Callable[..., Client]) -> None:
    assert client_of(carol).get("/editors/").status_code == 403


def test_an_undeclared_action_is_refused(anonymous: Client) -> None:
    assert anonymous.get("/half/").status_code == 200
    # Its own permission_classes replace ours, so that only the middleware can refuse it; the authenticator does.
    assert anonymous.get("/half/extra/").status_code == 403


def test_limits_are_charged_once(anonymous: Client) -> None:
    assert [anonymous.get("/scoped/").status_code for _ in range(3)] == [200, 200, 429]


def test_drafts_do_not_exist_and_nothing_leaves_or_stays_without_a_decision(
    alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    draft = Article.objects.create(title="Bob's draft", body="secret", author=bob)
    past = client_of(bob).get(f"/articles/{draft.pk}/forgetful/")
    assert past.status_code == 500
    assert b"draft" not in past.content
    assert client_of(alice).get(f"/articles/{draft.pk}/").status_code == 404
    assert client_of(bob).post(f"/articles/{draft.pk}/forgetful/").status_code == 500
    draft.refresh_from_db()
    assert draft.title == "Bob's draft"


# -- views called directly, as unit tests do ---------------------------------------------------------------------------


def call(view: Any, method: str = "get", user: Any = None, headers: Any = None, **kwargs: Any) -> Any:
    request = getattr(APIRequestFactory(), method)("/anywhere/", **kwargs.pop("body", {}), headers=headers)
    if user is not None:
        force_authenticate(request, user)
    return view(request, **kwargs)


def test_a_view_called_with_a_request_of_the_factory_has_its_policy(alice: User, carol: User) -> None:
    view = views.EditorsOnly.as_view()
    assert call(view).status_code == 401
    assert call(view, user=carol).status_code == 403
    assert call(view, user=alice).status_code == 200
    assert call(view, headers={"authorization": f"Bearer {stockade.issue(alice).access}"}).status_code == 200
    assert call(view, headers={"authorization": "Bearer nonsense"}).status_code == 401
    assert (
        call(views.UndeclaredAPIView.as_view()).status_code == 403
    )  # though all that is its own says AllowAny


@protect(policy={"GET": Role("Editors"), "POST": Owner("author")})
@api_view(["GET", "POST"])
def protected(request: Any, pk: int = 0) -> Response:
    if pk:
        article = Article.objects.get(pk=pk)
        if "ask" in request.data:
            request.stockade.authorize(article)
        Article.objects.filter(pk=pk).update(title="Changed")
    return Response({"user": request.user.get_username()})


def test_a_function_of_drf_called_directly_has_the_policy_that_protect_gave_it(
    alice: User, bob: User, carol: User
) -> None:
    assert call(protected).status_code == 401
    assert call(protected, user=carol).status_code == 403
    assert call(protected, user=alice).data == {"user": "alice"}
    draft = Article.objects.create(title="Bob's draft", body="secret", author=bob)
    asking = {"body": {"data": {"ask": 1}, "format": "json"}, "pk": draft.pk}
    assert call(protected, "post", alice, **asking).status_code in (403, 404)
    with pytest.raises(Undecided):
        call(protected, "post", bob, pk=draft.pk)
    draft.refresh_from_db()
    assert draft.title == "Bob's draft"
    assert call(protected, "post", bob, **asking).status_code == 200
    draft.refresh_from_db()
    assert draft.title == "Changed"


def test_so_it_is_with_objects(alice: User, bob: User) -> None:
    draft = Article.objects.create(title="Bob's draft", body="secret", author=bob)
    detail = views.Articles.as_view({"get": "retrieve", "delete": "destroy"})
    listed = call(views.Articles.as_view({"get": "list"}), user=alice)
    assert (listed.status_code, listed.data) == (200, [])
    assert call(detail, user=alice, pk=draft.pk).status_code == 404
    assert call(detail, "delete", user=alice, pk=draft.pk).status_code == 404
    assert call(detail, user=bob, pk=draft.pk).data["title"] == "Bob's draft"
    theirs = {"body": {"data": {"title": "x", "body": "y", "author": bob.pk}, "format": "json"}}
    assert call(views.Articles.as_view({"post": "create"}), "post", alice, **theirs).status_code == 403
    assert call(detail, "options", user=bob, pk=draft.pk).status_code == 200
