"""The OpenAPI document names each package's scheme as the package's own extension for drf-spectacular does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.validation import validate_schema

PATHS = {
    "rest_framework_simplejwt.authentication.JWTAuthentication": ["jwtAuth"],
    "rest_framework.authentication.TokenAuthentication": ["tokenAuth"],
    "knox.auth.TokenAuthentication": ["knoxApiToken"],
    "oauth2_provider.contrib.rest_framework.OAuth2Authentication": ["oauth2"],
    "rest_framework_api_key.permissions.HasAPIKey": ["apiKeyAuth"],
    "allauth.headless.contrib.rest_framework.authentication.XSessionTokenAuthentication": [
        "XSessionTokenAuth"
    ],
    "dj_rest_auth.jwt_auth.JWTCookieAuthentication": ["jwtHeaderAuth", "jwtCookieAuth"],
    "rest_framework.authentication.SessionAuthentication": ["cookieAuth"],
    "rest_framework.authentication.BasicAuthentication": ["basicAuth"],
}


def document(version: str) -> dict[str, Any]:
    spectacular_settings.apply_patches(
        {"OAS_VERSION": version, "OAUTH2_FLOWS": ["clientCredentials"], "OAUTH2_TOKEN_URL": "/o/token/"}
    )
    try:
        found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    finally:
        spectacular_settings.clear_patches()
    validate_schema(found)  # type: ignore[no-untyped-call]
    # These views have no serializers, two of them have one name, and dj-rest-auth's registration is not installed.
    usual = ("unable to guess serializer", "operationId", "dj_rest_auth.registration")
    said = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    assert not [one for one in said if not any(word in one for word in usual)]
    return found


def test_each_package_s_scheme_has_the_name_that_it_had(configure: Callable[..., None]) -> None:
    configure("jwt", *PATHS)
    found = document("3.1.0")
    names = ["jwt", *(name for several in PATHS.values() for name in several)]
    assert set(found["components"]["securitySchemes"]) == set(names)
    assert found["paths"]["/who/"]["get"]["security"] == [{name: []} for name in names]
    key = found["components"]["securitySchemes"]["apiKeyAuth"]
    assert (key["type"], key["in"], key["name"]) == ("apiKey", "header", "Authorization")
    assert "Api-Key" in key["description"]


def test_scopes_of_oauth_are_named_in_every_version(configure: Callable[..., None]) -> None:
    configure("jwt", "oauth2_provider.contrib.rest_framework.OAuth2Authentication")
    readers = "/readers/"
    assert document("3.0.3")["paths"][readers]["get"]["security"] == [{"jwt": []}, {"oauth2": ["read"]}]
    assert document("3.1.0")["paths"][readers]["get"]["security"] == [{"jwt": ["read"]}, {"oauth2": ["read"]}]


def test_a_key_in_a_header_of_the_projects_own_is_described_as_that(
    settings: Any, configure: Callable[..., None]
) -> None:
    settings.API_KEY_CUSTOM_HEADER = "HTTP_X_MACHINE_KEY"
    configure("rest_framework_api_key.permissions.HasAPIKey")
    schemes = document("3.0.3")["components"]["securitySchemes"]
    assert schemes == {"apiKeyAuth": {"type": "apiKey", "in": "header", "name": "X-Machine-Key"}}


def test_a_cookie_that_wants_a_csrf_token_may_be_refused_for_want_of_one(
    settings: Any, configure: Callable[..., None]
) -> None:
    configure("dj_rest_auth.jwt_auth.JWTCookieAuthentication")
    who = document("3.0.3")["paths"]["/who/"]
    assert "cookie" in who["post"]["responses"]["403"]["description"]
    assert "403" not in who["get"]["responses"]
    settings.REST_AUTH = {**settings.REST_AUTH, "JWT_AUTH_COOKIE_USE_CSRF": False}
    assert "403" not in document("3.0.3")["paths"]["/who/"]["post"]["responses"]


def test_a_service_owns_nothing_and_may_be_told_so(configure: Callable[..., None]) -> None:
    configure("jwt")
    assert "403" not in document("3.0.3")["paths"]["/api/sessions/"]["get"]["responses"]
    configure("jwt", "rest_framework_api_key.permissions.HasAPIKey")
    assert "403" in document("3.0.3")["paths"]["/api/sessions/"]["get"]["responses"]
