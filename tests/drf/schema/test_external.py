"""Other issuers, as the document says where their tokens come from."""

from __future__ import annotations

from collections.abc import Callable

from tests.drf.schema.conftest import Document

ENTRY = {"ISSUER": "https://id.example.com/realms/a/", "AUDIENCE": "https://api.example.com"}


def test_each_issuer_is_a_scheme_with_its_discovery_document(
    configure: Callable[..., None], document: Callable[..., Document]
) -> None:
    fixed = {**ENTRY, "ISSUER": "https://other.example.com", "JWKS_URL": "https://other.example.com/jwks"}
    configure(
        SCHEMES=["jwt", "external"],
        ISSUERS={"corporate": ENTRY, "other": {**fixed, "TYPE": "id", "SCOPE_CLAIM": None}},
    )
    found = document()
    schemes = found["components"]["securitySchemes"]
    assert schemes["external_corporate"]["type"] == "openIdConnect"
    assert (
        schemes["external_corporate"]["openIdConnectUrl"]
        == "https://id.example.com/realms/a/.well-known/openid-configuration"
    )
    assert schemes["external_other"] == {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An ID token of https://other.example.com in the Authorization header, as a Bearer token.",
    }
    assert found["paths"]["/docs/"]["post"]["security"] == [
        {"jwt": ["docs:write"]},
        {"external_corporate": ["docs:write"]},
        {"external_other": []},
    ]
