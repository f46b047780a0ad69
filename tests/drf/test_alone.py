"""Without the middleware DRF's own hooks walk the same way: authentication, policy, limits, mediation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from stockade.demo.articles.models import Article
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
