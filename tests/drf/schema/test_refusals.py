"""How operations refuse, as the document says it: held against what requests really get, in both directions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from jsonschema import validate

import stockade
from stockade.gate.registry import get_gate
from stockade.testing import StockadeClient
from tests.drf.schema.conftest import Document
from tests.policy_app.models import Doc

PASSWORD = "correct horse battery"
LIMITS = {
    "anon": "3/min", "user": "3/min", "uploads": "2/min", "failed_auth": "2/min", "login": "2/min",
    "login_address": "2/min", "session_refresh": "9/min",
}  # fmt: skip
# What the document says as the project said it, what judges itself, and the document.
APART = ("/last/", "/reporting/", "/schema/", "/schema/own/")


class Asking:
    """Asks for an operation in every way: by whom, about what, with which body, and too often."""

    def __init__(self, alice: User, bob: User, carol: User) -> None:
        self.alice, self.bob = alice, bob
        self.pair = stockade.issue(alice)
        bearer = f"Bearer {self.pair.access}"
        self.known = self.client(authorization=bearer)
        elsewhere = StockadeClient(headers={"authorization": bearer}, raise_request_exception=False)
        self.clients = [
            self.client(),
            self.client(authorization="Bearer ey.forged.one"),
            self.known,
            elsewhere,
            self.client().as_principal(carol),
            self.client().as_principal(carol, scopes=[]),
            self.client().as_principal(alice, scopes=["docs:read", "a"]),
            self.client().as_principal(alice, auth_time=1.0),
            self.client().as_principal(alice, amr=["pwd", "otp"]),
        ]

    @staticmethod
    def client(**headers: str) -> StockadeClient:
        """From an address that every view is open to."""
        return StockadeClient(headers=headers, raise_request_exception=False, REMOTE_ADDR="192.0.2.7")

    def places(self, path: str) -> list[str]:
        """The addresses of an object of the caller's, another's, one that is hidden, and none."""
        Doc.every.all().delete()
        made = [
            Doc.every.create(title="a", author=author, keeper=author, published=published)
            for author, published in ((self.alice, False), (self.bob, True), (self.bob, False))
        ]
        ids = [*(str(doc.pk) for doc in made), str(uuid4())]
        if not path.startswith(("/docs/", "/api/sessions/")):
            ids = ["7", "8"]
        return list(dict.fromkeys(path.replace("{id}", one) for one in ids))

    def bodies(self, path: str) -> list[Any]:
        if path.startswith("/api/token/"):
            return [
                {"username": "alice", "password": PASSWORD}, {"username": "alice", "password": "wrong"},
                {"refresh": self.pair.refresh}, {"refresh": "stt_nonsense"}, {"token": self.pair.access},
                {"token": "nonsense"}, {}, {"refresh": "stt_nonsense", "password": PASSWORD},
                {"refresh": self.pair.refresh, "password": "wrong"},
            ]  # fmt: skip
        return [{"word": "hello", "title": "hello"}, []]

    def __call__(self, method: str, path: str) -> Iterator[HttpResponse]:
        places, bodies = self.places(path), self.bodies(path)
        for place in places:
            for client in self.clients:
                for body in bodies:
                    get_gate().reset()
                    yield self.send(client, method, place, body)
        get_gate().reset()
        yield self.send(self.known, method, f"{places[0]}?access_token={self.pair.access}", bodies[0])
        if method == "post" and path.startswith("/api/token"):
            form = {
                "content_type": "application/x-www-form-urlencoded",
                "HTTP_ORIGIN": "https://evil.example",
            }
            yield self.clients[0].generic("POST", places[0], b"username=mallory&password=x", **form)
        if method in ("post", "put", "patch"):
            for client in self.clients:
                get_gate().reset()
                yield client.generic(method.upper(), places[0], b"<a/>", content_type="application/xml")
                chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
                yield client.generic(
                    method.upper(), places[0], b"", content_type="application/json", **chunked
                )
                yield self.send(client, method, places[0], "x" * 80_000)
        for client in self.clients[:2]:
            for body in bodies:
                get_gate().reset()
                for _ in range(5):
                    yield self.send(client, method, places[-1], body)

    @staticmethod
    def send(client: StockadeClient, method: str, place: str, body: Any) -> HttpResponse:
        content = b"" if method == "get" else json.dumps(body).encode()
        return client.generic(method.upper(), place, content, content_type="application/json")


# Said of a body that is read; these callers are refused before that at some views, and others read none.
BODY_READ = {"411", "413", "415"}


@pytest.mark.parametrize("errors", ["problem", "drf"])
def test_what_is_answered_is_documented_and_what_is_documented_is_answered(
    errors: str,
    alice: User,
    bob: User,
    carol: User,
    configure: Callable[..., None],
    document: Callable[..., Document],
) -> None:
    configure(LIMITS=LIMITS, ERRORS=errors, INPUT={"MAX_BODY": 70_000})
    found = document()
    components = found["components"]
    ask = Asking(alice, bob, carol)
    wrong: list[str] = []
    read: set[str] = set()
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            if path in APART:
                continue
            seen = set()
            for answer in ask(method, path):
                code = str(answer.status_code)
                seen.add(code)
                said = operation["responses"].get(code)
                if said is None:
                    wrong.append(f"{method} {path} answered {code} {answer.content!r}")
                    break
                wrong.extend(
                    f"{method} {path} {code}: {why}" for why in _differences(said, answer, components)
                )
            never = {code for code in operation["responses"] if code[0] == "4"} - seen
            never -= BODY_READ
            wrong.extend(f"{method} {path} never answered {code}" for code in sorted(never))
            read |= seen & BODY_READ
    assert not wrong, "\n".join(dict.fromkeys(wrong))
    assert read == BODY_READ


def _differences(said: dict[str, Any], answer: HttpResponse, components: dict[str, Any]) -> Iterator[str]:
    """What an answer has and the document does not say of it, or the other way round."""
    kind = answer.get("Content-Type", "").partition(";")[0]
    if answer.status_code >= 400:
        if kind not in said["content"]:
            yield f"has the type {kind}"
        else:
            # Addresses within the document are resolved from its root.
            validate(answer.json(), {**said["content"][kind]["schema"], "components": components})
    headers = said.get("headers", {})
    for name in ("RateLimit", "RateLimit-Policy", "Retry-After"):
        if name in answer and name not in headers:
            yield f"has the header {name}"
        if answer.status_code < 300 and name in headers and name not in answer:
            yield f"lacks the header {name}"
    if "Retry-After" in headers and "Retry-After" not in answer:
        yield "lacks Retry-After"
    if answer.status_code == 401 and ("WWW-Authenticate" in headers) != ("WWW-Authenticate" in answer):
        yield "differs in WWW-Authenticate"


def test_what_the_login_must_be_is_said_and_only_machines_are_forbidden(
    configure: Callable[..., None], document: Callable[..., Document]
) -> None:
    """Whoever can log in again is asked to (401); whoever cannot, a key, is told that it may not (403)."""
    found = document()
    read, written = (found["paths"]["/recent/"][method]["responses"] for method in ("get", "post"))
    assert "at most 300 seconds ago" in read["401"]["description"]
    assert "the level mfa" in written["401"]["description"]
    assert "RFC 9470" not in found["paths"]["/known/"]["get"]["responses"]["401"]["description"]
    assert "403" not in read
    assert "403" in written
    problem = found["components"]["schemas"]["Problem"]["properties"]
    assert problem["max_age"]["type"] == "integer"
    configure(SCHEMES=["jwt", "api_key"])
    assert "403" in document()["paths"]["/recent/"]["get"]["responses"]
