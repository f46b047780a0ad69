"""Writes into the OpenAPI document what the view classes do not say: the schemes, and how each operation refuses."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiViewExtension
from drf_spectacular.utils import extend_schema, extend_schema_view

from stockade.edge import csrf
from stockade.schemes.jwt import cookie

JWT = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT (RFC 9068)",
    "description": "The access token of POST /api/token/, in the Authorization header.",
}
COOKIE = {
    "type": "apiKey",
    "in": "cookie",
    "description": "The refresh token of a browser, with a second cookie that it is bound to; set by POST "
    "/api/token/browser/, sent by browsers, read by no script.",
}
OWN_PAGE = {
    "name": csrf.HEADER,
    "in": "header",
    "required": True,
    "schema": {"type": "string", "enum": ["1"]},
    "description": "Says that a script of a page sent this, not a form; the Origin header must be the page's own.",
}
PROBLEM = {
    "type": "object",
    "description": "Why a request was refused (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
        "limit": {"type": "string", "description": "With 429: the name of the limit that refused."},
    },
}
BROWSER = "/api/token/browser/"
ANONYMOUS_PREFIXES = ("/api/token/", "/api/schema/", "/.well-known/")
READ = frozenset({"get", "head"})


class Authentication(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The one authenticator of the views stands for every enabled scheme; the demo has one."""

    target_class = "stockade.drf.authentication.StockadeAuthentication"
    name = "jwt"

    def get_security_definition(self, auto_schema: object) -> dict[str, Any]:
        """The scheme."""
        return JWT


class Sessions(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """Two DELETEs on sessions would get one name."""

    target_class = "stockade.drf.views.sessions.SessionListView"

    def view_replacement(self) -> Any:
        """The same view, its DELETE named for what it does."""
        return extend_schema_view(delete=extend_schema(operation_id="sessions_end_others"))(self.target)


def refusals(result: dict[str, Any], generator: object, request: object, public: bool) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    # Named as the setting has it, which differs from run to run.
    components["securitySchemes"] = {"jwt": JWT, "cookie": {**COOKIE, "name": cookie.names()[0]}}
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            open_to_all = path.startswith(ANONYMOUS_PREFIXES) or (method in READ and "/articles/" in path)
            operation["security"] = [{}, {"jwt": []}] if open_to_all else [{"jwt": []}]
            if path.startswith(BROWSER):
                operation["security"] = [{}] if path == BROWSER else [{"cookie": []}]
                operation.setdefault("parameters", []).append(OWN_PAGE)
            for code, description in _codes(path, method, operation):
                operation["responses"].setdefault(
                    code,
                    {
                        "description": description,
                        "content": {
                            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                        },
                    },
                )
    return result


def _codes(path: str, method: str, operation: dict[str, Any]) -> list[tuple[str, str]]:
    found = [
        ("400", "Malformed, ambiguous, a field that is not taken, or a credential in the query string."),
        ("401", "No credential where one is needed, or one that does not hold."),
        ("429", "Over a limit; Retry-After says when to come again."),
        ("503", "The shared state cannot be asked; nothing is admitted."),
    ]
    forbidden = "The caller or its address is banned."
    if path.startswith(BROWSER):
        forbidden += " Or no page that may use the cookie has sent this."
    if method not in READ and "/articles/" in path:
        forbidden += " Or the caller may see it, but not do this."
    found.append(("403", forbidden))
    if "{" in path:
        found.append(("404", "It does not exist, or not for this caller."))
    return found
