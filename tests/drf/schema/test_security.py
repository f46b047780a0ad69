"""Who may call, as the document says it: by the policy, whatever else the view's classes seem to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import path as route
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from stockade.drf.schema.authentication import SCHEMES
from stockade.policy import Authenticated, Scheme, Scope
from stockade.schemes.registry import KNOWN
from tests.drf.schema.conftest import Document, Operation

JWT = "rest_framework_simplejwt.authentication.JWTAuthentication"
SESSION = "rest_framework.authentication.SessionAuthentication"
BASIC = "rest_framework.authentication.BasicAuthentication"


@pytest.mark.parametrize(
    ("method", "path", "security"),
    [
        ("get", "/open/", [{"jwt": []}, {}]),
        ("get", "/known/", [{"jwt": []}]),
        ("get", "/numbered/{id}/", [{"jwt": []}]),
        ("post", "/initial/", [{"jwt": []}]),
        ("get", "/basic/", [{"jwt": []}]),
        ("get", "/undeclared/", [{"jwt": []}]),
        ("get", "/docs/", [{"jwt": ["docs:read"]}, {}]),
        ("post", "/docs/", [{"jwt": ["docs:write"]}]),
        ("patch", "/docs/{id}/", [{"jwt": ["docs:read", "docs:write"]}]),
        ("post", "/docs/{id}/print/", [{"jwt": ["docs:print", "docs:read"]}]),
        ("get", "/either/", [{"jwt": ["a", "b"]}, {"jwt": ["c"]}, {}]),
        ("post", "/either/", [{"jwt": []}, {}]),
        ("get", "/function/", [{"jwt": []}, {}]),
        ("post", "/function/", [{"jwt": []}]),
        ("post", "/api/token/", [{}]),
        ("post", "/api/token/refresh/", [{}]),
        ("get", "/api/sessions/", [{"jwt": []}]),
    ],
)
def test_an_operation_asks_for_what_its_policy_asks_for(
    method: str, path: str, security: list[Any], operation: Operation
) -> None:
    assert operation(method, path)["security"] == security


def test_scopes_of_a_bearer_token_are_no_part_of_a_requirement_in_openapi_3_0(operation: Operation) -> None:
    found = operation("get", "/either/", version="3.0.3")
    assert found["security"] == [{"jwt": []}, {}]
    assert found["x-stockade-scopes"] == [["a", "b"], ["c"]]
    assert "x-stockade-scopes" not in operation("post", "/either/", version="3.0.3")
    assert "x-stockade-scopes" not in operation("get", "/either/", version="3.1.0")


def test_foreign_schemes_are_called_as_their_packages_call_them(
    configure: Callable[..., None], document: Callable[..., Document]
) -> None:
    configure(SCHEMES=["jwt", JWT, SESSION, BASIC])
    found = document()
    assert found["components"]["securitySchemes"] == {
        "jwt": SCHEMES["jwt"].definition,
        "jwtAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "cookieAuth": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
        "basicAuth": {"type": "http", "scheme": "basic"},
    }
    assert found["paths"]["/known/"]["get"]["security"] == [
        {"jwt": []}, {"jwtAuth": []}, {"cookieAuth": []}, {"basicAuth": []},
    ]  # fmt: skip
    # A session and a password are the whole user: no scope bounds them.
    assert found["paths"]["/docs/"]["post"]["security"] == [
        {"jwt": ["docs:write"]}, {"jwtAuth": ["docs:write"]}, {"cookieAuth": []}, {"basicAuth": []},
    ]  # fmt: skip


class OwnSerializer(Serializer[Any]):
    pass


class Own(GenericAPIView[Any]):
    serializer_class = OwnSerializer
    policy = {
        "GET": Authenticated() & Scheme("SessionAuthentication", "jwt"),
        "POST": Scheme("JWTAuthentication") & Scope("a"),
    }

    def get(self, request: Request) -> Response:
        return Response()

    post = get


urlpatterns = [route("own/", Own.as_view())]


def test_an_operation_for_some_kinds_of_credentials_names_no_others(
    configure: Callable[..., None], document: Callable[..., Document], project: Any
) -> None:
    project.ROOT_URLCONF = __name__
    configure(SCHEMES=["jwt", JWT, SESSION, BASIC])
    found = document()["paths"]["/own/"]
    assert found["get"]["security"] == [{"jwt": []}, {"cookieAuth": []}]
    assert found["post"]["security"] == [{"jwtAuth": ["a"]}]


def test_the_tokens_of_simplejwt_keep_their_name_whoever_reads_them(
    configure: Callable[..., None], document: Callable[..., Document]
) -> None:
    configure(SCHEMES=["simplejwt", "jwt", JWT], UNDECLARED="legacy")
    found = document()  # without a warning that one name stands for two
    assert set(found["components"]["securitySchemes"]) >= {"jwt", "jwtAuth"}
    assert found["paths"]["/docs/"]["post"]["security"][:2] == [{"jwtAuth": []}, {"jwt": ["docs:write"]}]


def test_every_scheme_of_ours_can_be_described() -> None:
    assert set(SCHEMES) == set(KNOWN)


def test_what_a_whitelist_leaves_out_is_not_described(
    configure: Callable[..., None], document: Callable[..., Document]
) -> None:
    configure(SCHEMES=["jwt", SESSION])
    found = document(AUTHENTICATION_WHITELIST=[SESSION])
    assert list(found["components"]["securitySchemes"]) == ["cookieAuth"]
    assert found["paths"]["/known/"]["get"]["security"] == [{"cookieAuth": []}]


def test_strict_json_is_json_to_a_whitelist_of_parsers(operation: Operation) -> None:
    found = operation("post", "/known/", PARSER_WHITELIST=["rest_framework.parsers.JSONParser"])
    assert list(found["requestBody"]["content"]) == ["application/json"]


def test_an_authenticator_that_nobody_describes_is_warned_of(
    configure: Callable[..., None], document: Callable[..., Document]
) -> None:
    configure(SCHEMES=["jwt", "tests.drf.schema.odd.Odd"])
    assert document(warned="tests.drf.schema.odd.Odd")["paths"]["/known/"]["get"]["security"] == [{"jwt": []}]


def test_what_the_project_asks_for_everywhere_stays(operation: Operation) -> None:
    found = operation(
        "get",
        "/open/",
        SECURITY=[{"gateway": []}],
        APPEND_COMPONENTS={"securitySchemes": {"gateway": {"type": "http", "scheme": "basic"}}},
    )
    assert found["security"] == [{"jwt": []}, {"gateway": []}, {}]


# --- where no policy judges ---------------------------------------------------------------------------------------

BEFORE = {"get": [{"cookieAuth": []}, {"basicAuth": []}, {}]}  # by DRF's own defaults


@pytest.mark.parametrize(
    "keys", [{"UNDECLARED": "legacy"}, {"MODE": "report"}, {"MODE": {"policies": "report"}}]
)
def test_where_the_views_own_classes_judge_nothing_is_added(
    keys: dict[str, Any], configure: Callable[..., None], operation: Operation
) -> None:
    configure(**keys)
    found = operation("get", "/bare/")
    assert found["security"] == BEFORE["get"]
    assert list(found["responses"]) == ["200"]
    assert "headers" not in found["responses"]["200"]
    assert operation("get", "/undeclared/")["security"] == [{"cookieAuth": []}, {"basicAuth": []}]


def test_without_the_setting_the_document_is_as_it_was(
    project: Any, document: Callable[..., Document]
) -> None:
    del project.STOCKADE
    found = document()
    assert set(found["components"]) == {"schemas", "securitySchemes"}
    assert set(found["components"]["securitySchemes"]) == {"cookieAuth", "basicAuth"}
    for path, methods in found["paths"].items():
        for method, one in methods.items():
            if path != "/last/":
                assert all(code.startswith("2") for code in one["responses"]), (path, method)


def test_one_view_under_two_names_is_described_by_the_mode_of_each(
    configure: Callable[..., None], document: Callable[..., Document]
) -> None:
    configure(MODE={"views": {"two": "report"}})
    paths = document()["paths"]
    assert paths["/one/said/"]["get"]["security"] == [{"jwt": []}]
    assert paths["/two/said/"]["get"]["security"] == [{"cookieAuth": []}, {"basicAuth": []}, {}]
    assert paths["/reporting/"]["get"]["security"] == [{"cookieAuth": []}, {"basicAuth": []}, {}]
    assert list(paths["/reporting/"]["get"]["responses"]) == ["200"]


def test_a_view_that_is_exempt_is_described_as_it_was(
    configure: Callable[..., None], operation: Operation
) -> None:
    configure(EXEMPT=["detail", "one"])
    assert {} in operation("get", "/numbered/{id}/")["security"]
    assert list(operation("get", "/one/said/")["responses"]) == ["200"]
    assert operation("get", "/known/")["security"] == [{"jwt": []}]


def test_without_the_middleware_only_views_with_our_classes_are_judged(
    project: Any, document: Callable[..., Document]
) -> None:
    project.MIDDLEWARE = project.MIDDLEWARE[1:]
    paths = document()["paths"]
    assert paths["/basic/"]["get"]["security"] == [{"basicAuth": []}, {}]
    assert paths["/known/"]["get"]["security"] == [{"jwt": []}]


def test_opaque_tokens_are_called_as_drf_spectacular_calls_them_whoever_reads_them(
    configure: Callable[..., None], document: Callable[..., Document]
) -> None:
    configure(SCHEMES=["authtoken", "token"])
    found = document()
    assert found["components"]["securitySchemes"]["tokenAuth"] == SCHEMES["token"].definition
    assert found["paths"]["/docs/"]["post"]["security"] == [{"tokenAuth": ["docs:write"]}]
    assert found["paths"]["/api/token-auth/"]["post"]["security"] == [{}]
    assert set(found["paths"]["/api/tokens/"]) == {"get", "post"}
    assert "201" in found["paths"]["/api/tokens/"]["post"]["responses"]


def test_api_keys_are_in_their_header(
    configure: Callable[..., None], document: Callable[..., Document]
) -> None:
    configure(SCHEMES=["api_key"])
    found = document()
    assert found["components"]["securitySchemes"]["apiKey"]["name"] == "X-API-Key"
    assert found["paths"]["/docs/"]["post"]["security"] == [{"apiKey": ["docs:write"]}]
    assert "201" in found["paths"]["/api/keys/{id}/rotate/"]["post"]["responses"]
    assert "/api/token-auth/" not in found["paths"]


def test_views_of_a_scheme_that_is_off_are_not_in_the_document(document: Callable[..., Document]) -> None:
    assert not [
        path
        for path in document()["paths"]
        if path.startswith(("/api/token-auth", "/api/tokens", "/api/keys"))
    ]
