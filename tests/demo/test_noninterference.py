"""Rows that a caller may not see change nothing that it can observe: status, body, headers, counts, OPTIONS."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client

from stockade import conf, issue, keyring
from stockade.demo.articles.models import Article
from stockade.gate.registry import get_gate

DAY = datetime(2026, 1, 1, tzinfo=UTC)
PUBLISHED = [uuid.UUID(int=n << 64 | 0x4000 << 48 | 0x8000 << 32 | n) for n in range(1, 26)]
OWN_DRAFT = uuid.UUID(int=0xAA << 64 | 0x4000 << 48 | 0x8000 << 32)
HIDDEN = [uuid.UUID(int=n << 64 | 0x4000 << 48 | 0x8000 << 32) for n in range(0x100, 0x140)]
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KNOWN = {str(key) for key in [*PUBLISHED, OWN_DRAFT, *HIDDEN]}


@pytest.fixture(autouse=True)
def project(settings: Any, db: None) -> Iterator[None]:
    settings.ROOT_URLCONF = "tests.demo.reference_urls"
    settings.MIDDLEWARE = ["stockade.web.Middleware", *settings.MIDDLEWARE]
    settings.STOCKADE = {
        "STATE": "memory://",
        "EXEMPT": ["admin"],
        "LIMITS": {"anon": None, "user": None},
        "EVENTS": {"SINKS": ["null"]},
    }
    get_gate().reset()
    yield
    get_gate().reset()
    conf.forget()


@pytest.fixture
def people() -> dict[str, User]:
    keyring.ring().signer()  # made by one of the requests, it would be rolled back with it, and be another each time
    found = {}
    for name, group in [("alice", "Editors"), ("bob", "Editors"), ("carol", "Viewers")]:
        found[name] = User.objects.create_user(name, f"{name}@example.com", "x")
        found[name].groups.add(Group.objects.get_or_create(name=group)[0])
    for number, key in enumerate(PUBLISHED):
        author = found["alice" if number % 2 else "bob"]
        Article.objects.create(
            pk=key, title=f"Article {number:02}", body="common words", author=author, published=True,
            created_at=DAY + timedelta(hours=number),
        )  # fmt: skip
    Article.objects.create(
        pk=OWN_DRAFT,
        title="Alice's draft",
        body="mine",
        author=found["alice"],
        created_at=DAY + timedelta(days=9),
    )
    return found


def hide(author: User) -> None:
    """Rows that nobody but their author and Admins may see, placed to be met by every filter, order and page."""
    for number, key in enumerate(HIDDEN):
        Article.objects.create(
            pk=key, title=f"Article {number % 25:02}", body="common words, and a secret", author=author,
            created_at=DAY + timedelta(minutes=30 * number),
        )  # fmt: skip


BODY = {"title": "New", "body": "text"}


def requests() -> Iterator[tuple[str, str, Any]]:
    """Everything that the reference API can be asked, with ids that exist for the caller, do not, and are hidden."""
    lists = [
        "", "?page=1", "?page=2", "?page=3", "?page=4", "?page=last", "?page_size=100", "?page_size=7&page=4",
        "?ordering=title",
        "?ordering=-created_at", "?ordering=author", "?ordering=-title&page_size=3&page=2", "?search=secret",
        "?search=Article", "?search=common&page=2", "?published=false", "?published=true", "?author=bob",
        "?author=dave", "?author=alice&published=false", "?title=Article+01",
    ]  # fmt: skip
    for query in lists:
        for method in ("get", "head", "options"):
            yield method, f"/api/articles/{query}", None
    for key in [PUBLISHED[0], PUBLISHED[1], OWN_DRAFT, HIDDEN[0], HIDDEN[1], uuid.UUID(int=5)]:
        path = f"/api/articles/{key}/"
        for method in ("get", "head", "options", "delete"):
            yield method, path, None
        for method in ("put", "patch"):
            for body in (BODY, {"title": ""}, {"author": "bob"}, {"published": True}, []):
                yield method, path, body
        yield "post", path, BODY
    for body in (
        BODY,
        {"title": "Article 01", "body": "x"},
        {"title": "x", "author": "alice"},
        {"id": str(HIDDEN[0])},
    ):
        yield "post", "/api/articles/", body
    for method in ("put", "patch", "delete"):
        yield method, "/api/articles/", BODY
    for path in (
        "/api/profile/",
        "/api/sessions/",
        "/api/schema/",
        "/healthz",
        "/.well-known/jwks.json",
        "/api/x/",
    ):
        for method in ("get", "head", "options", "post"):
            yield method, path, BODY if method == "post" else None


def observe(client: Client, method: str, path: str, body: Any) -> tuple[int, bytes, list[tuple[str, str]]]:
    """What a caller can see of an answer, ids that were made anew normalised."""
    get_gate().reset()
    with transaction.atomic():
        extra = {"data": body, "content_type": "application/json"} if body is not None else {}
        response = getattr(client, method)(path, **extra)
        transaction.set_rollback(True)
    content = response.content.decode()
    content = _UUID.sub(lambda match: match[0] if match[0] in _KNOWN else "ID", content)
    content = re.sub(
        r'("created_at":"2026-1[^"]*|"last_used_at":"[^"]*|"expires_at":"[^"]*)', "TIME", content
    )
    headers = [
        (name, value) for name, value in response.headers.items() if name not in {"X-Request-ID", "ETag"}
    ]
    return response.status_code, content.encode(), sorted(headers)


@pytest.mark.parametrize("caller", ["anonymous", "alice", "carol"])
def test_hidden_rows_change_nothing_that_a_caller_can_observe(caller: str, people: dict[str, User]) -> None:
    client = Client(raise_request_exception=False)
    if caller != "anonymous":
        client = Client(
            headers={"authorization": f"Bearer {issue(people[caller]).access}"}, raise_request_exception=False
        )
    asked = list(requests())
    without = [observe(client, *request) for request in asked]
    hide(people["bob"])
    with_hidden = [observe(client, *request) for request in asked]
    different = [
        (request, before, after)
        for request, before, after in zip(asked, without, with_hidden, strict=True)
        if before != after
    ]
    assert different == []
    assert [answer for answer in with_hidden if answer[0] >= 500] == []
    # The comparison would see them: their author does.
    client = Client(headers={"authorization": f"Bearer {issue(people['bob']).access}"})
    assert observe(client, "get", "/api/articles/", None) != without[0]
    assert observe(client, "get", f"/api/articles/{HIDDEN[0]}/", None)[0] == 200


def test_the_comparison_notices_a_leak(people: dict[str, User], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the filter taken away the counts differ: the test above is able to fail."""
    from stockade.pipeline.exchange import Exchange

    def everything(self: Exchange, queryset: Any, leaf: Any = None) -> Any:
        assert self.mediator is not None
        self.mediator.filtered(queryset.model)
        return queryset

    monkeypatch.setattr(Exchange, "visible", everything)
    client = Client(raise_request_exception=False)
    before = observe(client, "get", "/api/articles/", None)
    hide(people["bob"])
    assert observe(client, "get", "/api/articles/", None) != before
