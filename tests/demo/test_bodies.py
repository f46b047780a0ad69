"""Whatever JSON is sent to whichever endpoint: no 5xx, and nothing is stored that the document does not allow.

`make soak` sends 100,000 bodies (SOAK_BODIES), every run of the suite a few hundred.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator

from stockade import conf, issue
from stockade.core import clock
from stockade.demo.articles.models import Article
from stockade.demo.project.views import ArticleViewSet
from stockade.gate.registry import get_gate

JSON = "application/json"
CALLERS = ("anonymous", "alice", "bob", "carol", "admin")
FIELDS = (
    "title", "body", "published", "author", "id", "created_at", "username", "password", "refresh", "access", "token",
    "name", "scopes", "expires_in", "expires", "is_staff", "groups", "rate", "allow", "__proto__", "", "pk",
    "author_id",
)  # fmt: skip
TEXTS = (
    "", "a", "x" * 199, "x" * 200, "x" * 201, "x" * 70_000, "\0", "\ud800", "\U0001f468\u200d\U0001f469",
    "\u202eevil", "<script>",
    "' OR 1=1 --", "%s%n", "{{7*7}}", "../../etc/passwd", "true", "1", "null", "\r\nX-Injected: 1", "2026-13-45",
    "\x1b[31m",
    "alice", "00000000-0000-4000-8000-000000000000", "read", "articles:write",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2**31, 2**63, 2**64, 10**30, 10**400, 1.5, -0.0, 1e308, 5e-324, 60, 3600, 316_223_999, 10**18,
)  # fmt: skip


@pytest.fixture(autouse=True)
def project(settings: Any, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.ROOT_URLCONF = "tests.demo.reference_urls"
    settings.MIDDLEWARE = ["stockade.web.Middleware", *settings.MIDDLEWARE]
    settings.SESSION_ENGINE = "stockade.schemes.session"
    off = dict.fromkeys(["anon", "user", "login", "login_address", "failed_auth", "session_refresh"])
    settings.STOCKADE = {
        "STATE": "memory://",
        "EXEMPT": ["admin"],
        "SCHEMES": ["jwt", "token", "api_key", "session"],
        "JWT": {"REFRESH_COOKIE": "__Secure-refresh-token"},
        "LIMITS": off,
        "EVENTS": {"SINKS": ["null"]},
    }
    monkeypatch.setattr(ArticleViewSet, "limits", None)
    # pytest would keep each line of it, with its request.
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)
    get_gate().reset()
    yield
    get_gate().reset()
    clock.unshift()
    conf.forget()


class Bodies:
    """Bodies, each from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, depth: int = 0) -> Any:
        """Any JSON value, not too deep."""
        pick = self.random.random()
        if depth > 4 or pick < 0.45:
            return self.random.choice(
                (
                    *TEXTS,
                    *NUMBERS,
                    True,
                    False,
                    None,
                    [],
                    {},
                    str(uuid.UUID(int=self.random.getrandbits(128))),
                )
            )
        if pick < 0.7:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        return {self.random.choice(FIELDS): self.value(depth + 1) for _ in range(self.random.randrange(5))}

    def near(self, right: dict[str, Any]) -> Any:
        """A right body with something wrong in it, or with nothing wrong."""
        found = dict(right)
        for _ in range(self.random.choice((0, 1, 1, 2))):
            how = self.random.randrange(4)
            if how == 0 and found:
                found.pop(self.random.choice(list(found)))
            elif how == 1:
                found[self.random.choice(FIELDS)] = self.value(2)
            elif found:
                found[self.random.choice(list(found))] = self.value(3)
        return found

    def broken(self, text: bytes) -> bytes:
        """JSON no more, or no clean JSON."""
        how = self.random.randrange(8)
        if how == 0:
            return text[: self.random.randrange(len(text) + 1)]
        if how == 1:
            return b'{"title": "a", "title": "b", "body": "x"}'
        if how == 2:
            return self.random.choice(
                (b"NaN", b'{"title": Infinity}', b'{"expires_in": 1e999}', b"-Infinity")
            )
        if how == 3:
            return b"[" * self.random.choice((40, 2_000, 60_000))
        if how == 4:
            return b"\xef\xbb\xbf" + text
        if how == 5:
            return text.decode("utf-8", "replace").encode("utf-16")
        if how == 6:
            return self.random.randbytes(self.random.randrange(60))
        at = self.random.randrange(len(text) + 1)
        return text[:at] + self.random.randbytes(1) + text[at:]

    def body(self, right: dict[str, Any]) -> bytes:
        """One body for an endpoint that takes `right`."""
        value = self.value() if self.random.random() < 0.25 else self.near(right)
        text = json.dumps(value, ensure_ascii=self.random.random() < 0.7).encode("utf-8", "surrogatepass")
        return self.broken(text) if self.random.random() < 0.15 else text


# Right bodies where the document's types alone make none; {id} of an article, the others are nobody's.
ARTICLE = {"title": "Right", "body": "as it should be", "published": True}
LOGIN = {"username": "alice", "password": "correct horse"}
RIGHT: dict[str, dict[str, Any]] = {
    "/api/articles/": ARTICLE, "/api/articles/{id}/": ARTICLE, "/api/token/": LOGIN, "/api/token-auth/": LOGIN,
    "/api/token/browser/": LOGIN, "/api/session/login/": LOGIN,
    "/api/tokens/": {"name": "mine", "scopes": ["articles:read"], "expires_in": 3600}, "/api/keys/": {"name": "mine"},
}  # fmt: skip
METHODS = ("POST", "PUT", "PATCH", "DELETE")
# Without a body in the document, or not in it at all.
MORE = (
    "/api/profile/",
    "/api/sessions/",
    "/api/schema/",
    "/.well-known/jwks.json",
    "/healthz",
    "/readyz",
    "/nowhere/",
)
Endpoint = tuple[str, Callable[[random.Random], str], dict[str, Any]]


def document() -> dict[str, Any]:
    """The OpenAPI document of the reference API."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


def made(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """A body of the types that the document names."""
    schema = schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
    samples = {"string": "x.y", "boolean": True, "integer": 1, "number": 1.5, "array": [], "object": {}}
    return {
        name: samples.get(str(one.get("type")), "x")
        for name, one in schema.get("properties", {}).items()
        if not one.get("readOnly")
    }


def endpoints(ids: list[str]) -> list[Endpoint]:
    """Method, path and a right body of all of the reference API: each operation that changes something, and more."""
    found: list[Endpoint] = []
    api = document()

    def add(method: str, path: str, right: dict[str, Any], times: int = 1) -> None:
        choices = ids if path.startswith("/api/articles/") else [str(uuid.UUID(int=1))]
        found.extend([(method, lambda r: path.replace("{id}", r.choice(choices)), right)] * times)

    for path, operations in api["paths"].items():
        for method, operation in operations.items():
            if method.upper() in METHODS:
                content = operation.get("requestBody", {}).get("content", {})
                schema = content.get(JSON, {}).get("schema", {})
                right = RIGHT.get(path) or made(schema, api["components"]["schemas"])
                add(method.upper(), path, right, times=6 if path == "/api/articles/" else 1)
        if not any(method.upper() in METHODS for method in operations):
            add("POST", path, {})
    for path in MORE:
        for method in METHODS:
            add(method, path, {})
    return found


def send(count: int, seed: int) -> Counter[int]:
    """Send as many bodies, and look at what is stored then; the statuses."""
    users = {
        name: User.objects.create_user(name, f"{name}@example.com", "correct horse") for name in CALLERS[1:]
    }
    for name, group in (("alice", "Editors"), ("bob", "Editors"), ("carol", "Viewers"), ("admin", "Admins")):
        users[name].groups.add(Group.objects.get_or_create(name=group)[0])
    people = sorted(User.objects.values_list("username", "is_staff", "is_superuser", "groups__name", "email"))
    ids = [str(Article.objects.create(title="t", body="b", author=users["alice"]).pk) for _ in range(40)]
    ids.append("00000000-0000-4000-8000-000000000000")
    bodies = Bodies(seed)
    pick = random.Random(seed + 1)
    asked = endpoints(ids)
    statuses: Counter[int] = Counter()
    clients: dict[str, Client] = {}
    for number in range(count):
        if number % 500 == 0:  # an access token lives for five minutes, and some bodies end sessions
            clients = {
                name: Client(
                    headers={"authorization": f"Bearer {issue(user).access}"}, raise_request_exception=False
                )
                for name, user in users.items()
            }
            clients["anonymous"] = Client(raise_request_exception=False)
        method, path, right = pick.choice(asked)
        where, caller, body = path(pick), pick.choice(CALLERS), bodies.body(right)
        answer = clients[caller].generic(method, where, body, content_type=JSON)
        told = (seed, number, caller, method, where, body[:500], answer.content[:500])
        assert answer.status_code < 500, told
        if answer.status_code >= 400:
            problem = json.loads(answer.content)
            assert problem["status"] == answer.status_code, told
            assert problem["detail"], told
        statuses[answer.status_code] += 1
    assert (
        sorted(User.objects.values_list("username", "is_staff", "is_superuser", "groups__name", "email"))
        == people
    )
    return statuses


def require_allowed() -> int:
    """Every stored article is one that the document allows; how many there are."""
    schema = document()["components"]["schemas"]["Article"]
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    admin = Client(headers={"authorization": f"Bearer {issue(User.objects.get(username='admin')).access}"})
    seen, page = 0, 1
    while True:
        answer = admin.get(f"/api/articles/?page={page}&page_size=100").json()
        for article in answer["results"]:
            validator.validate(article)
            assert article["author"] in CALLERS
            assert "\0" not in article["title"] + article["body"]
            seen += 1
        if answer["next"] is None:
            return seen
        page += 1


def test_every_operation_that_changes_something_gets_bodies() -> None:
    """An endpoint that is new joins by itself: what the API routes and takes stands in its document."""
    paths = {pattern.rstrip("$") for pattern in routes(get_resolver())}
    known = {re.sub(r"\{\w+\}", "{}", path) for path in [*document()["paths"], *MORE]}
    assert {re.sub(r"<[^>]+>", "{}", path) for path in paths} <= known
    asked = {method for method, _, _ in endpoints(["1"])}
    assert asked == set(METHODS)


def routes(resolver: Any, prefix: str = "/") -> Iterator[str]:
    """The route of every view."""
    for one in resolver.url_patterns:
        path = prefix + str(one.pattern)
        if hasattr(one, "url_patterns"):
            yield from routes(one, path)
        else:
            yield path


def test_no_body_breaks_an_endpoint_or_stores_what_is_not_allowed() -> None:
    statuses = send(1_500, seed=2026)
    assert require_allowed() > 40
    assert {200, 201, 204, 400, 401, 403, 404, 405} <= statuses.keys()


@pytest.mark.soak
def test_a_hundred_thousand_bodies() -> None:
    seed = random.SystemRandom().randrange(2**32)
    count = int(os.environ.get("SOAK_BODIES", "100000"))
    statuses = send(count, seed)
    print(f"seed {seed}: {dict(sorted(statuses.items()))}, {require_allowed()} articles")
