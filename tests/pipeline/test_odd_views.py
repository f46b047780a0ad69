"""What people write by mistake, or past what is offered, opens nothing that a policy closes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.decorators import action
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet, ViewSet

import stockade
from stockade.core.errors import ConfigurationError
from stockade.demo.articles.models import Article
from stockade.drf.mixins import PolicyMixin
from stockade.pipeline.declared import read
from stockade.policy import Nobody, Owner, Public
from stockade.testing import as_principal
from stockade.web.problem import PROBLEM
from tests.pipeline.odd_views import Drafts


@pytest.fixture(autouse=True)
def odd_views(project: Any) -> None:
    project.ROOT_URLCONF = "tests.pipeline.odd_views"


@pytest.fixture
def draft(bob: User) -> Article:
    return Article.objects.create(title="Bob's draft", body="secret", author=bob)


@pytest.fixture
def article(bob: User) -> Article:
    return Article.objects.create(title="Bob's article", body="only for Bob", author=bob, published=True)


# -- declarations ------------------------------------------------------------------------------------------------------


def test_a_second_method_of_an_actions_url_has_its_own_rule(
    anonymous: Client, alice: User, client_of: Callable[..., Client]
) -> None:
    assert anonymous.get("/mapped/box/").status_code == 200
    assert anonymous.delete("/mapped/box/").status_code == 401
    assert client_of(alice).delete("/mapped/box/").status_code == 403


def test_two_policies_for_one_action_stop_the_start_instead_of_the_wider_one_winning() -> None:
    class Torn(PolicyMixin, ViewSet):
        policy = {"empty": Nobody(), "list": Public()}

        def list(self, request: Request) -> Response:
            return Response([])

        @action(detail=False, policy=Public())
        def box(self, request: Request) -> Response:
            return Response("box")

        @box.mapping.delete
        def empty(self, request: Request) -> Response:
            return Response("emptied")

    view = Torn.as_view({"get": "box", "delete": "empty"}, policy=Public())
    with pytest.raises(ConfigurationError, match=r"E214: .*Torn declares two policies for empty"):
        read(view, {})


@pytest.mark.parametrize("path", ["/shelf/", "/plain_shelf/"])
def test_who_may_read_may_ask_for_options_beside_a_rule_for_the_rest(path: str, anonymous: Client) -> None:
    assert anonymous.options(path).status_code == 200
    assert anonymous.post(path).status_code == 401


@pytest.mark.parametrize("path", ["/answering/", "/do_anything/", "/mapped_options/"])
def test_an_options_that_does_something_is_not_had_by_readers(path: str, anonymous: Client) -> None:
    """Else whatever the rest does could be had under that name."""
    assert anonymous.get(path).status_code == 200
    assert anonymous.options(path).status_code == 401


def test_a_rule_for_metadata_is_heeded(anonymous: Client) -> None:
    assert anonymous.get("/secretive/").status_code == 200
    assert anonymous.options("/secretive/").status_code == 403


def test_routes_written_by_hand_have_their_rules(anonymous: Client) -> None:
    assert anonymous.get("/byhand/").status_code == 200
    assert anonymous.post("/byhand/").status_code == 401


@pytest.mark.parametrize("what", ["limits", "cost"])
@pytest.mark.parametrize("key", ["creat", "post", "HEAD", "list,"])
def test_a_limit_for_nothing_stops_the_start_instead_of_limiting_nothing(what: str, key: str) -> None:
    class Slip(APIView):
        policy = Public()

        def get(self, request: Request) -> Response:
            return Response({})

    setattr(Slip, what, {key: "1/min" if what == "limits" else 2})
    with pytest.raises(ConfigurationError, match=rf"E213: .*Slip: {what} has the key"):
        read(Slip.as_view(), {})


def test_the_use_of_one_function_view_does_not_use_up_anothers_limit(anonymous: Client) -> None:
    assert [anonymous.get("/first/").status_code for _ in range(3)] == [200, 200, 429]
    assert anonymous.get("/second/").status_code == 200


def test_policy_mixin_behind_the_view_class_stops_the_start_because_it_would_guard_nothing() -> None:
    class Backwards(ModelViewSet[Article], PolicyMixin):
        queryset = Article.objects.all()
        policy = Owner("author")

    class Forwards(PolicyMixin, ModelViewSet[Article]):
        queryset = Article.objects.all()
        policy = Owner("author")

    class Shared(PolicyMixin, GenericAPIView[Article]):
        queryset = Article.objects.all()
        policy = Owner("author")

    class Further(ModelViewSet[Article], Shared):  # the mixin still comes before GenericAPIView
        pass

    routes: dict[str, Any] = {"delete": "destroy"}
    assert read(Backwards.as_view(routes), {}).unguarded
    assert not read(Forwards.as_view(routes), {}).unguarded
    assert not read(Further.as_view(routes), {}).unguarded


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "TRACE"])
def test_what_a_function_does_for_everything_but_get_is_not_to_be_had_by_another_method(
    method: str, anonymous: Client
) -> None:
    assert anonymous.get("/counter/").content == b"zero"
    assert anonymous.post("/counter/").status_code == 401
    response = anonymous.generic(method, "/counter/")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, POST")


def test_a_function_answers_the_methods_that_it_names(anonymous: Client) -> None:
    assert [anonymous.generic(m, "/frank/").status_code for m in ("GET", "HEAD", "OPTIONS", "POST")] == [
        200, 200, 200, 405,
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "POST"])
def test_a_method_that_a_function_did_not_think_of_is_mediated_too(
    method: str, draft: Article, alice: User, client_of: Callable[..., Client]
) -> None:
    response = client_of(alice).generic(method, f"/careless/{draft.pk}/")
    assert b"secret" not in response.content
    assert (response.status_code, response.headers["Content-Type"]) == (500, PROBLEM)


# -- views that call views ---------------------------------------------------------------------------------------------


def test_a_view_called_by_another_view_is_asked_for_its_own_policy(
    anonymous: Client, alice: User, make_user: Callable[..., User], client_of: Callable[..., Client]
) -> None:
    assert anonymous.get("/gateway/ledger/").status_code == 401
    assert client_of(alice).get("/gateway/ledger/").status_code == 403
    assert client_of(make_user("ann", "Admins")).get("/gateway/ledger/").json() == "ledger"
    assert anonymous.get("/gateway/plain/").json() == "plain"


def test_a_limit_is_not_escaped_by_way_of_another_view(anonymous: Client) -> None:
    assert [anonymous.post("/gateway/ledger/").status_code for _ in range(2)] == [200, 429]


def test_drafts_are_not_to_be_had_by_way_of_another_view(
    draft: Article, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    missing = "/drafts/00000000-0000-4000-8000-000000000000/"
    client = client_of(alice)
    for method in ("get", "put", "delete", "options"):
        seen = getattr(client, method)(f"/drafts/{draft.pk}/", content_type="application/json", data={})
        none = getattr(client, method)(missing, content_type="application/json", data={})
        assert (seen.status_code, seen.content) == (none.status_code, none.content), method
        assert seen.status_code == (200 if method == "options" else 404)
    assert client_of(bob).get(f"/drafts/{draft.pk}/").json()["title"] == "Bob's draft"
    assert client_of(bob).delete(f"/drafts/{draft.pk}/").status_code == 204


def test_nor_where_the_other_view_has_permission_classes_of_its_own(
    draft: Article, alice: User, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Drafts, "permission_classes", [])
    assert client_of(alice).get(f"/drafts/{draft.pk}/").status_code == 404
    assert client_of(alice).delete(f"/drafts/{draft.pk}/").status_code == 404


# -- mediation ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_what_a_browsable_page_probes_is_no_decision_about_its_answer(
    accept: str, draft: Article, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    for caller in (alice, bob):
        response = client_of(caller).get(f"/forgetful/{draft.pk}/", headers={"accept": accept})
        assert response.status_code == 500
        assert b"draft" not in response.content


@pytest.mark.parametrize("way", ["ownlookup/{}/notes", "ownlookup/{}/audit", "page/{}"])
def test_that_an_object_is_visible_does_not_decide_what_may_be_done(
    way: str, article: Article, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    for caller in (alice, bob):
        response = client_of(caller).get(f"/{way.format(article.pk)}/")
        assert response.status_code in (403, 500)
        assert b"only for Bob" not in response.content
    assert client_of(alice).get(f"/ownlookup/{article.pk}/").status_code == 200


@pytest.mark.parametrize("way", ["one", "many"])
def test_another_users_object_does_not_become_hers_by_a_write_that_says_so(
    way: str, draft: Article, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    def write(caller: User, **fields: Any) -> int:
        path, data = f"/past/{draft.pk}/one/", fields
        body: Any = data if way == "one" else [{"key": str(draft.pk), **data}]
        path = path if way == "one" else "/past/many/"
        return client_of(caller).put(path, body, content_type="application/json").status_code

    assert write(alice, author=alice.pk) == 404
    draft.refresh_from_db()
    assert draft.author == bob
    assert write(bob, title="Better") == 200
    draft.refresh_from_db()
    assert draft.title == "Better"


def test_a_service_is_no_user_and_no_error() -> None:
    with as_principal(service="robot"):
        assert Client().get("/gateway/plain/").status_code == 200
        assert Client().get("/gateway/ledger/").status_code == 403


def test_a_plain_view_tells_what_is_hidden_from_what_is_missing_no_more_than_ours_do(
    draft: Article, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)
    hidden = client.get(f"/by_hand/{draft.pk}/")
    missing = client.get("/by_hand/00000000-0000-4000-8000-000000000000/")
    assert (hidden.status_code, hidden.content) == (missing.status_code, missing.content)
    assert hidden.headers["Content-Type"] == missing.headers["Content-Type"]
    assert client_of(bob).get(f"/by_hand/{draft.pk}/").content == b"secret"


def test_force_authenticate_keeps_its_token(alice: User) -> None:
    client = APIClient()
    client.force_authenticate(alice, token="a token")
    assert client.get("/whoami/").json() == {"user": "alice", "auth": "a token"}


def test_what_a_view_writes_into_its_caller_is_gone_with_the_request(alice: User) -> None:
    access = stockade.issue(alice, claims={"list": ["one"]}).access
    client = Client(headers={"authorization": f"Bearer {access}"})
    answers = [client.get("/scribbler/").json() for _ in range(3)]
    assert answers == [{"user": "alice", "scope": None, "list": ["one"], "super": False}] * 3


# -- projects that keep their REST_FRAMEWORK ---------------------------------------------------------------------------


def test_without_our_defaults_a_refusal_is_the_same_and_in_the_log(
    draft: Article,
    article: Article,
    alice: User,
    client_of: Callable[..., Client],
    log: Callable[[], list[Any]],
) -> None:
    client = client_of(alice)
    for method in ("get", "put", "patch", "delete"):
        hidden = getattr(client, method)(f"/kept/{draft.pk}/", content_type="application/json")
        missing = getattr(client, method)(
            "/kept/00000000-0000-4000-8000-000000000000/", content_type="application/json"
        )
        assert (hidden.status_code, hidden.content) == (missing.status_code, missing.content)
        assert hidden.status_code == 404
    assert [record.event.tag for record in log() if record.status == 404] == ["authz_fail"] * 8


def test_without_our_defaults_what_is_refused_is_undone(
    draft: Article, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    response = client_of(bob).patch(
        f"/kept/{draft.pk}/", {"author": alice.pk}, content_type="application/json"
    )
    assert response.status_code == 403
    draft.refresh_from_db()
    assert draft.author == bob


def test_without_our_defaults_deep_json_is_a_400(bob: User, client_of: Callable[..., Client]) -> None:
    response = client_of(bob).post("/kept/", "[" * 100_000, content_type="application/json")
    assert response.status_code == 400
