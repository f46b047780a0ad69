"""What may not be seen does not exist, what is not asked about does not leave, what a write makes is asked about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from stockade.demo.articles.models import Article


@pytest.fixture
def draft(bob: User) -> Article:
    return Article.objects.create(title="Bob's draft", body="secret", author=bob, published=False)


@pytest.fixture
def article(bob: User) -> Article:
    return Article.objects.create(title="Bob's article", body="open", author=bob, published=True)


def test_another_users_draft_does_not_exist(
    draft: Article, alice: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)
    assert client.get("/articles/").json() == []
    for method in ("get", "put", "patch", "delete"):
        response = getattr(client, method)(f"/articles/{draft.pk}/", content_type="application/json", data={})
        assert response.status_code == 404, method
    assert Article.objects.filter(pk=draft.pk, title="Bob's draft").exists()


def test_what_is_seen_but_not_hers_is_forbidden(
    article: Article, alice: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)
    assert client.get(f"/articles/{article.pk}/").status_code == 200
    assert client.delete(f"/articles/{article.pk}/").status_code == 403


def test_a_viewer_learns_nothing_of_drafts_by_deleting(
    draft: Article, article: Article, carol: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(carol)
    assert client.delete(f"/articles/{draft.pk}/").status_code == 404
    assert client.delete("/articles/00000000-0000-4000-8000-000000000000/").status_code == 404
    assert client.delete(f"/articles/{article.pk}/").status_code == 403


def test_an_anonymous_write_is_asked_to_log_in(article: Article, anonymous: Client) -> None:
    assert anonymous.get(f"/articles/{article.pk}/").status_code == 200
    assert anonymous.delete(f"/articles/{article.pk}/").status_code == 401


def test_the_owner_changes_her_own(draft: Article, bob: User, client_of: Callable[..., Client]) -> None:
    client = client_of(bob)
    response = client.patch(f"/articles/{draft.pk}/", {"title": "Better"}, content_type="application/json")
    assert response.status_code == 200
    assert client.delete(f"/articles/{draft.pk}/").status_code == 204


def test_a_new_object_must_be_within_the_rule(
    alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)
    theirs = client.post(
        "/articles/", {"title": "Forged", "body": "x", "author": bob.pk}, content_type="application/json"
    )
    assert theirs.status_code == 403
    assert not Article.objects.filter(title="Forged").exists()
    mine = client.post("/articles/", {"title": "Mine", "body": "x"}, content_type="application/json")
    assert mine.status_code == 201


def test_giving_ownership_away_is_rolled_back(draft: Article, alice: User, bob: User, client_of: Any) -> None:
    response = client_of(bob).patch(
        f"/articles/{draft.pk}/", {"author": alice.pk}, content_type="application/json"
    )
    assert response.status_code == 403
    draft.refresh_from_db()
    assert draft.author == bob


def test_an_answer_without_a_decision_is_withheld(
    draft: Article, bob: User, client_of: Callable[..., Client], log: Callable[[], list[Any]]
) -> None:
    response = client_of(bob).get(f"/articles/{draft.pk}/forgetful/")
    assert response.status_code == 500
    assert b"draft" not in response.content
    assert log()[-1].event.tag == "authz_undecided"


def test_a_write_without_a_decision_is_rolled_back(
    draft: Article, bob: User, client_of: Callable[..., Client]
) -> None:
    response = client_of(bob).post(f"/articles/{draft.pk}/forgetful/")
    assert response.status_code == 500
    draft.refresh_from_db()
    assert draft.title == "Bob's draft"


def test_a_plain_view_is_mediated_as_well(
    draft: Article, bob: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(bob)
    assert client.post(f"/change/{draft.pk}/").status_code == 500
    draft.refresh_from_db()
    assert draft.title == "Bob's draft"
    assert client.post(f"/change/{draft.pk}/?ask").status_code == 200


def test_a_plain_views_write_is_rolled_back_where_the_policy_says_no(
    draft: Article, article: Article, alice: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)
    assert client.post(f"/change/{article.pk}/?ask").status_code == 403
    assert client.post(f"/change/{draft.pk}/?ask").status_code == 404
    article.refresh_from_db()
    assert article.title == "Bob's article"


def test_a_plain_list_is_mediated(draft: Article, article: Article, alice: User, client_of: Any) -> None:
    client = client_of(alice)
    assert client.get("/titles/").status_code == 500
    assert client.get("/titles/?ask").json() == {"titles": ["Bob's article"]}


def test_options_tells_nothing_of_invisible_objects(
    draft: Article, alice: User, client_of: Callable[..., Client], log: Callable[[], list[Any]]
) -> None:
    client = client_of(alice)
    missing = client.options("/articles/00000000-0000-4000-8000-000000000000/")
    hidden = client.options(f"/articles/{draft.pk}/")
    assert (missing.status_code, missing.content) == (hidden.status_code, hidden.content)
    assert log() == []  # probing is no refusal


def test_options_describes_what_may_be_seen_but_not_done(
    article: Article, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    seen = client_of(alice).options(f"/articles/{article.pk}/")
    own = client_of(bob).options(f"/articles/{article.pk}/")
    assert (seen.status_code, own.status_code) == (200, 200)
    assert "PUT" not in seen.json().get("actions", {})
    assert "PUT" in own.json()["actions"]


def test_unknown_and_server_owned_fields_are_refused(alice: User, client_of: Callable[..., Client]) -> None:
    client = client_of(alice)
    response = client.post(
        "/articles/", {"title": "x", "body": "y", "id": "z", "admin": True}, content_type="application/json"
    )
    assert response.status_code == 400
    assert set(response.json()["errors"]) == {"id", "admin"}
    assert not Article.objects.exists()
