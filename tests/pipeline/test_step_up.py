"""A login that is too old or too weak, over HTTP: what the client is told, and what a stranger does not learn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import clear_url_caches, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet

import stockade
from stockade import observe
from stockade.core import clock
from stockade.demo.articles.models import Article
from stockade.drf.mixins import PolicyMixin
from stockade.pipeline import start
from stockade.policy import Assurance, Authenticated, Fresh, Owner, Public, Role
from stockade.schemes.opaque import create_key, create_token
from stockade.schemes.opaque.login import obtain as obtain_token
from stockade.testing import as_principal
from stockade.web import protect
from tests.pipeline import urls
from tests.pipeline.views import ArticleSerializer, visible

PASSWORD = "correct horse battery"
MISSING = "00000000-0000-4000-8000-000000000000"


@protect(policy=Fresh("5m"))
def fresh(request: HttpRequest) -> HttpResponse:
    return HttpResponse("secret")


@protect(policy={"GET": Authenticated(), "POST": Assurance("mfa") & Fresh("10m")})
async def strong(request: HttpRequest) -> HttpResponse:
    return HttpResponse("secret")


class Api(APIView):
    policy = {"GET": Authenticated(), "DELETE": Fresh("5m")}

    def get(self, request: Request) -> Response:
        credential: Any = request.auth
        return Response({"amr": sorted(credential.amr)})

    def delete(self, request: Request) -> Response:
        return Response(status=204)


class Guarded(PolicyMixin, ModelViewSet[Article]):
    """Who may see an article may delete it if it is hers, and she has just logged in."""

    queryset = Article.objects.order_by("created_at", "pk")
    serializer_class = ArticleSerializer
    visible = visible
    policy = {"list, retrieve": visible, "destroy": Owner("author") & Fresh("5m")}


class Sealed(PolicyMixin, ModelViewSet[Article]):
    """Nothing is there for whoever has not just logged in."""

    queryset = Article.objects.order_by("created_at", "pk")
    serializer_class = ArticleSerializer
    policy = Owner("author") & Fresh("5m")


router = SimpleRouter()
router.register("guarded", Guarded, basename="guarded")
router.register("sealed", Sealed, basename="sealed")


@pytest.fixture(autouse=True)
def views(project: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    own = [path("fresh/", fresh), path("strong/", strong), path("api-view/", Api.as_view()), *router.urls]
    monkeypatch.setattr(urls, "urlpatterns", [*urls.urlpatterns, *own])
    clear_url_caches()
    yield
    clear_url_caches()


@pytest.fixture
def draft(bob: User) -> Article:
    return Article.objects.create(title="Bob's draft", body="secret", author=bob, published=False)


@pytest.fixture
def article(bob: User) -> Article:
    return Article.objects.create(title="Bob's article", body="open", author=bob, published=True)


def bearer(user: User, **how: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {stockade.issue(user, **how).access}"}


def asked(response: Any) -> dict[str, str]:
    """The parameters of the Bearer challenge."""
    assert response.status_code == 401
    challenge = response.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer ")
    return dict(re.findall(r'(\w+)="([^"]*)"', challenge))


def test_the_challenge_is_the_one_of_rfc_9470(alice: User, anonymous: Client) -> None:
    response = anonymous.get("/fresh/", headers=bearer(alice, auth_time=clock.now() - 301))
    assert asked(response) == {
        "realm": "api",
        "error": "insufficient_user_authentication",
        "error_description": "A login that is at most 300 seconds old is required.",
        "max_age": "300",
    }
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["code"], body["max_age"]) == (401, "insufficient_user_authentication", 300)
    assert "acr_values" not in body


def test_levels_are_asked_for_in_async_views_too(alice: User, anonymous: Client) -> None:
    response = anonymous.post("/strong/", headers=bearer(alice, amr=["pwd"], auth_time=clock.now() - 3600))
    found = asked(response)
    assert (found["acr_values"], found["max_age"]) == ("mfa", "600")
    assert response.json()["acr_values"] == "mfa"
    assert anonymous.post("/strong/", headers=bearer(alice, amr=["pwd", "otp"])).content == b"secret"
    assert anonymous.get("/strong/", headers=bearer(alice)).content == b"secret"


@pytest.mark.django_db(transaction=True)
async def test_under_asgi_the_answer_is_the_same(alice: User) -> None:
    from asgiref.sync import sync_to_async

    headers = await sync_to_async(bearer)(alice, auth_time=clock.now() - 301)
    response = await AsyncClient(raise_request_exception=False).get("/fresh/", headers=headers)
    assert asked(response)["max_age"] == "300"


def test_with_drfs_error_shape_the_challenge_stays(
    configure: Callable[..., None], alice: User, anonymous: Client
) -> None:
    configure(ERRORS="drf")
    for method, url in (("get", "/fresh/"), ("delete", "/api-view/")):
        response = getattr(anonymous, method)(url, headers=bearer(alice, auth_time=clock.now() - 301))
        assert asked(response)["error"] == "insufficient_user_authentication"
        assert set(response.json()) == {"detail", "code"}


def test_without_bearer_tokens_another_challenge_carries_it(
    configure: Callable[..., None], alice: User, anonymous: Client
) -> None:
    configure(SCHEMES=["token"])
    token = create_token(alice).token
    response = anonymous.get("/fresh/", headers={"authorization": f"Token {token}"})
    assert response.headers["WWW-Authenticate"].startswith('Token realm="api", error="insufficient_user')


def test_a_stolen_access_token_of_an_old_login_stays_old(alice: User, anonymous: Client) -> None:
    """However new the token is: the session was refreshed a second ago, its user logged in an hour ago."""
    pair = anonymous.post("/api/token/", {"username": "alice", "password": PASSWORD}).json()
    assert anonymous.get("/fresh/", headers={"authorization": f"Bearer {pair['access']}"}).status_code == 200
    clock.shift(3600)
    pair = anonymous.post("/api/token/refresh/", {"refresh": pair["refresh"]}).json()
    response = anonymous.get("/fresh/", headers={"authorization": f"Bearer {pair['access']}"})
    assert asked(response)["max_age"] == "300"


def test_a_remembered_credential_grows_old(alice: User, anonymous: Client) -> None:
    """What a worker keeps of a caller is not what the policy said of him."""
    headers = bearer(alice, auth_time=clock.now() - 290)
    assert anonymous.get("/fresh/", headers=headers).status_code == 200
    clock.shift(20)
    assert anonymous.get("/fresh/", headers=headers).status_code == 401


def test_a_new_login_gets_in(alice: User, anonymous: Client) -> None:
    assert anonymous.get("/fresh/", headers=bearer(alice)).content == b"secret"
    pair = anonymous.post("/api/token/", {"username": "alice", "password": PASSWORD}).json()
    headers = {"authorization": f"Bearer {pair['access']}"}
    assert anonymous.get("/fresh/", headers=headers).content == b"secret"
    assert "mfa" in asked(anonymous.post("/strong/", headers=headers))["acr_values"]
    assert anonymous.get("/api-view/", headers=headers).json()["amr"] == ["pwd"]


def test_tokens_and_keys_are_as_old_as_what_was_proven_for_them(
    configure: Callable[..., None], alice: User, anonymous: Client
) -> None:
    configure(SCHEMES=["token", "api_key"])
    given = obtain_token("alice", PASSWORD).made.token
    named = create_token(alice).token
    key = create_key("robot", owner=alice).token
    assert anonymous.get("/fresh/", headers={"authorization": f"Token {given}"}).status_code == 200
    assert anonymous.get("/fresh/", headers={"authorization": f"Token {named}"}).status_code == 401
    # Nobody is there who could log in: it is told that it may not, not to try again.
    assert anonymous.get("/fresh/", headers={"x-api-key": key}).status_code == 403
    clock.shift(301)
    assert anonymous.get("/fresh/", headers={"authorization": f"Token {given}"}).status_code == 401


# -- what a stranger learns -------------------------------------------------------------------------------------------


def test_what_may_not_be_seen_does_not_exist_before_anybody_is_asked_to_log_in(
    draft: Article, article: Article, alice: User, bob: User, anonymous: Client
) -> None:
    old = clock.now() - 3600
    hers, his = bearer(alice, auth_time=old), bearer(bob, auth_time=old)
    assert anonymous.delete(f"/guarded/{draft.pk}/", headers=hers).status_code == 404
    assert anonymous.delete(f"/guarded/{MISSING}/", headers=hers).status_code == 404
    assert (
        anonymous.delete(f"/guarded/{article.pk}/", headers=hers).status_code == 403
    )  # seen, and never hers
    assert asked(anonymous.delete(f"/guarded/{draft.pk}/", headers=his))["max_age"] == "300"
    assert Article.objects.count() == 2
    assert anonymous.delete(f"/guarded/{draft.pk}/", headers=bearer(bob)).status_code == 204


def test_where_nothing_is_seen_before_a_login_everything_answers_alike(
    draft: Article, alice: User, bob: User, anonymous: Client
) -> None:
    """One's own, another's and what there is not: no difference to learn from, and no empty list that is a lie."""
    for user in (alice, bob):
        headers = bearer(user, auth_time=clock.now() - 3600)
        for method in ("get", "delete", "patch"):
            answers = [
                getattr(anonymous, method)(url, headers=headers)
                for url in (f"/sealed/{draft.pk}/", f"/sealed/{MISSING}/")
            ]
            assert [asked(one)["max_age"] for one in answers] == ["300", "300"]
            assert answers[0].json() == answers[1].json()
        assert asked(anonymous.get("/sealed/", headers=headers))["max_age"] == "300"
    assert anonymous.get(f"/sealed/{draft.pk}/", headers=bearer(bob)).status_code == 200
    assert anonymous.get(f"/sealed/{draft.pk}/", headers=bearer(alice)).status_code == 404
    assert len(anonymous.get("/sealed/", headers=bearer(bob)).json()) == 1


# -- the log, and other modes -----------------------------------------------------------------------------------------


def test_the_log_tells_of_it_once_and_not_as_of_an_attack(
    alice: User, anonymous: Client, log: Callable[[], list[Any]]
) -> None:
    headers = bearer(alice, amr=["pwd"], auth_time=clock.now() - 3600)
    before = len(log())
    anonymous.post("/strong/", headers=headers)
    (found,) = log()[before:]
    assert found.event.name == "STEP_UP_REQUIRED"
    assert found.subject == str(alice.pk)
    assert (found.details["acr_values"], found.details["max_age"]) == ("mfa", 600)
    assert found.reason == "insufficient_user_authentication"


def test_where_policies_only_report_it_is_counted_and_let_through(
    configure: Callable[..., None], alice: User, anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(MODE={"policies": "report"})
    counted: list[tuple[str, ...]] = []
    monkeypatch.setattr(observe, "note", lambda *what: counted.append(what))
    headers = bearer(alice, auth_time=clock.now() - 3600)
    assert anonymous.get("/fresh/", headers=headers).content == b"secret"
    assert ("policies", "insufficient_user_authentication") in [one[2:] for one in counted]


def test_a_level_that_nobody_has_declared_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for rule in (~Assurance("mfaa"), Public() | Assurance("mfaa"), Role("Editors") & Assurance("mfaa")):
        monkeypatch.setattr(urls, "urlpatterns", [path("odd/", protect(policy=rule)(plain))])
        clear_url_caches()
        (found,) = [found for found in start.findings() if found.id == "stockade.E053"]
        assert found.stops
        assert "'mfaa'" in found.message
        assert "phishing_resistant" in found.hint


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


# -- in a project's own tests -----------------------------------------------------------------------------------------


def test_a_test_says_how_and_when_its_user_has_logged_in(alice: User) -> None:
    client = Client()
    with as_principal(alice):
        assert client.get("/fresh/").status_code == 200
    with as_principal(alice, auth_time=clock.now() - 301):
        assert client.get("/fresh/").status_code == 401
    with as_principal(alice, amr=["pwd", "otp"]):
        assert client.post("/strong/").status_code == 200
    with as_principal(alice, acr="mfa"):
        assert client.post("/strong/").status_code == 200
    with as_principal(alice, scheme="api_key"):
        assert client.get("/fresh/").status_code == 403
    with as_principal(service="robot"):
        assert client.get("/fresh/").status_code == 403
