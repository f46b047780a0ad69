"""What the document says of limits, and that the project keeps the last word and its own names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework import serializers

from tests.drf.schema import views
from tests.drf.schema.conftest import Document, Operation

LIMITS = {
    "anon": "30/min",
    "user": "60/min",
    "credential": "9/s",
    "role:Editors": "2/hour",
    "failed_auth": "3/min",
}


@pytest.fixture(autouse=True)
def limits(configure: Callable[..., None]) -> None:
    configure(LIMITS=LIMITS)


def named(operation: dict[str, Any]) -> dict[str, str]:
    return {limit["name"]: limit["of"] for limit in operation.get("x-stockade-limits", [])}


def test_the_limits_of_an_operation_are_named_with_their_numbers(operation: Operation) -> None:
    assert operation("post", "/function/")["x-stockade-limits"] == [
        {"name": "anon", "quota": 30, "window": 60, "of": "address"},
        {"name": "user", "quota": 60, "window": 60, "of": "caller"},
        {"name": "credential", "quota": 9, "window": 1, "of": "credential"},
        {"name": "function.POST", "quota": 7, "window": 60, "of": "caller"},
    ]
    assert "function.POST" not in named(operation("get", "/function/"))


def test_who_reads_the_document_is_not_told_which_roles_there_are(
    configure: Callable[..., None], document: Callable[..., Document]
) -> None:
    configure(LIMITS={"role:Smugglers": "2/hour"})
    found = document()
    assert "Smugglers" not in json.dumps(found, default=str)
    answers = found["paths"]["/known/"]["get"]["responses"]
    assert answers["429"]["description"] == "Over a limit."
    assert "RateLimit" in answers["200"]["headers"]


def test_a_cost_and_a_scope_of_drf_are_told(operation: Operation) -> None:
    uploads = operation("get", "/costly/")["x-stockade-limits"][-1]
    assert uploads == {"name": "uploads", "quota": 2, "window": 60, "of": "caller", "cost": 2}


def test_limits_of_the_action_are_told_with_the_action(operation: Operation) -> None:
    assert "Docs.create" in named(operation("post", "/docs/"))
    assert "Docs.create" not in named(operation("get", "/docs/"))
    assert "Docs.create" in operation("post", "/docs/")["responses"]["429"]["description"]


def test_where_named_limits_do_not_apply_no_header_is_promised(operation: Operation) -> None:
    found = operation("get", "/unlimited/")
    assert named(found) == {}
    assert "headers" not in found["responses"]["200"]
    assert "failed_auth" in found["responses"]["429"]["description"]  # of who shows a wrong credential


def test_where_limits_only_report_nothing_is_said_of_them(operation: Operation) -> None:
    found = operation("get", "/unthrottled/")
    assert "429" not in found["responses"]
    assert named(found) == {}


def test_without_any_limit_there_is_no_429(configure: Callable[..., None], operation: Operation) -> None:
    configure(LIMITS={})
    assert "429" not in operation("get", "/known/")["responses"]


def test_a_header_is_described_once_and_referred_to(document: Callable[..., Document]) -> None:
    found = document()
    headers = found["paths"]["/known/"]["get"]["responses"]["200"]["headers"]
    assert headers["RateLimit"] == {"$ref": "#/components/headers/RateLimit"}
    assert set(found["components"]["headers"]) == {
        "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate",
    }  # fmt: skip


def test_the_project_keeps_the_last_word(operation: Operation) -> None:
    found = operation("get", "/last/")
    assert found["security"] == [{"own": []}]
    assert set(found["responses"]) == {"200", "4XX", "503"}
    assert found["responses"]["4XX"]["description"] == "Mine."
    assert found["responses"]["200"]["headers"]["RateLimit"]["description"] == "My own words."
    assert found["x-stockade-limits"] == "mine"
    posted = operation("post", "/last/")["responses"]
    assert posted["403"] == {"description": "Mine too."}
    assert posted["401"]["content"]  # of what it has not spoken
    assert operation("put", "/last/") == {
        "operationId": "mine",
        "responses": {"200": {"description": "Whole."}},
    }


def test_what_the_project_leaves_out_stays_out(document: Callable[..., Document]) -> None:
    assert "delete" not in document()["paths"]["/last/"]


def test_a_problem_of_the_projects_own_keeps_its_name(
    monkeypatch: pytest.MonkeyPatch, document: Callable[..., Document]
) -> None:
    class ProblemSerializer(serializers.Serializer[Any]):
        severity = serializers.IntegerField()

    monkeypatch.setattr(views.Known, "serializer_class", ProblemSerializer)
    found = document()
    assert "severity" in found["components"]["schemas"]["Problem"]["properties"]
    refused = found["paths"]["/known/"]["get"]["responses"]["401"]["content"]["application/problem+json"]
    assert refused["schema"] == {"$ref": "#/components/schemas/StockadeProblem"}
    assert "detail" in found["components"]["schemas"]["StockadeProblem"]["properties"]


def test_a_session_of_the_projects_own_keeps_its_name(
    monkeypatch: pytest.MonkeyPatch, document: Callable[..., Document]
) -> None:
    class SessionSerializer(serializers.Serializer[Any]):
        speaker = serializers.CharField()

    monkeypatch.setattr(views.Known, "serializer_class", SessionSerializer)
    schemas = document()["components"]["schemas"]
    assert list(schemas["Session"]["properties"]) == ["speaker"]
    assert "user_agent" in schemas["StockadeSession"]["properties"]


def test_the_browsers_views_are_there_when_they_are(
    configure: Callable[..., None], document: Callable[..., Document]
) -> None:
    assert "/api/token/browser/" not in document()["paths"]
    configure(JWT={"REFRESH_COOKIE": "__Secure-refresh-token"})
    found = document()
    assert found["components"]["securitySchemes"]["refreshCookie"]["name"] == "__Secure-refresh-token"
    assert found["paths"]["/api/token/browser/"]["post"]["security"] == [{}]
    for path in ("/api/token/browser/refresh/", "/api/token/browser/revoke/"):
        operation = found["paths"][path]["post"]
        assert operation["security"] == [{"refreshCookie": []}]
        assert operation["parameters"][0]["name"] == "X-Stockade-CSRF"
        assert "cookie" in operation["responses"]["403"]["description"]
