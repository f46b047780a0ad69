"""How an operation refuses: only what its policy, limits and method can bring about, in the shape that ERRORS has."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.authentication import BasicAuthentication, SessionAuthentication, TokenAuthentication
from rest_framework.permissions import AllowAny

from stockade.conf import load
from stockade.drf.authentication import StockadeAuthentication
from stockade.drf.permissions import PolicyPermission
from stockade.drf.schema import limits, rules, security
from stockade.drf.schema.components import HEADER, SCHEMA, register, schema_names
from stockade.drf.schema.judged import Judged
from stockade.drf.schema.own import own_of, takes
from stockade.drf.views.opaque import TokenDetailView
from stockade.drf.views.own import OwnView
from stockade.drf.views.sessions import SessionListView
from stockade.schemes.conf import SchemeSettings
from stockade.schemes.opaque import API_KEY
from stockade.web.problem import PROBLEM

_REST_AUTH = "dj_rest_auth.jwt_auth.JWTCookieAuthentication"
_USERS = (StockadeAuthentication, SessionAuthentication, BasicAuthentication, TokenAuthentication)
_USERS_TOO = (
    "rest_framework_simplejwt.authentication.JWTAuthentication",
    _REST_AUTH,
    "knox.auth.TokenAuthentication",
    "allauth.headless.contrib.rest_framework.authentication.XSessionTokenAuthentication",
)

_WITH_BODIES = ("POST", "PUT", "PATCH")

# Names that the document has no say in yet: a project may have a Problem of its own, see `settle`.
_PENDING = "#/components/schemas/stockade:"
SCHEMAS: dict[str, dict[str, Any]] = {
    "Problem": {
        "type": "object",
        "description": "Why a request was refused (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string", "description": "The reason, for programs."},
            "errors": {
                "type": "object",
                "additionalProperties": {},
                "description": "By field, what is wrong with it.",
            },
            "limit": {"type": "string", "description": "With 429: the limit that refused."},
            "max_age": {
                "type": "integer",
                "description": "With 401: how many seconds old the login may be (RFC 9470).",
            },
            "acr_values": {
                "type": "string",
                "description": "With 401: the authentication contexts of which one is enough (RFC 9470).",
            },
        },
    },
    "ErrorDetail": {
        "type": "object",
        "description": "Why a request was refused.",
        "required": ["detail"],
        "properties": {"detail": {"type": "string"}, "code": {"type": "string"}},
    },
    "FieldErrors": {
        "type": "object",
        "description": "By field, what is wrong with it; or detail alone.",
        "properties": {"detail": {"type": "string"}},
        "additionalProperties": {},
    },
}


def describe(auto_schema: Any, judged: Judged, operation: dict[str, Any]) -> None:
    """Add to an operation what it does not say yet; what the project has said of it stays."""
    responses: dict[str, Any] = operation["responses"]
    charged = limits.charged(judged)
    said = {str(code).upper() for code in responses}
    headers = list(limits.CHARGED) if charged else []
    for code, response in responses.items():
        if str(code).startswith("2") and "$ref" not in response:
            _add_headers(auto_schema, response, headers)
    for code, description in codes(auto_schema, judged).items():
        if said.isdisjoint({code, f"{code[0]}XX", "DEFAULT"}):
            responses[code] = _response(auto_schema, judged, code, description, headers)
    if told := limits.told(charged):
        operation.setdefault(limits.EXTENSION, [one.entry() for one in told])
    if scopes := security.unsaid(auto_schema, judged):
        operation.setdefault(security.EXTENSION, scopes)


def codes(auto_schema: Any, judged: Judged) -> dict[str, str]:
    """The statuses that it can refuse by, with what each means here."""
    leaf = judged.leaf
    own = own_of(leaf.cls)
    found: dict[str, str] = {}
    if leaf.mode.input or not leaf.safe or not leaf.ignores_credentials:
        body = "" if leaf.safe or leaf.method == "DELETE" else " or a field is wrong or not taken,"
        found["400"] = f"The request is malformed,{body} or it shows a credential where none may be."
    if own is not None and own.failed:
        found["401"] = own.failed
    elif leaf.proven is not None:
        found["401"] = "The message is not signed as it must be, or its time is over."
        found["409"] = "The message has come before, or is being worked on; Retry-After says which."
        found["413"] = "The message is too long."
    elif not leaf.ignores_credentials:
        open_to_all = rules.admits_anyone(leaf)
        found["401"] = "A credential that does not hold" + ("." if open_to_all else ", or none.")
        if proof := rules.proof(leaf):
            found["401"] += f" Or the login behind it is too old or too weak (RFC 9470): it takes {proof}."
    if forbidden := _forbidden(auto_schema, judged):
        found["403"] = forbidden
    may_be_none = isinstance(leaf.cls, type) and issubclass(leaf.cls, TokenDetailView)  # also "current"
    if may_be_none or ("{" in auto_schema.path and not judged.shut):
        found["404"] = "It does not exist, or not for this caller."
    elif leaf.method == "GET" and not leaf.detail and _has_numbered_pages(auto_schema):
        found["404"] = "There is no such page."
    if leaf.mode.input and not leaf.safe:
        found["411"] = "The body is chunked, and has no Content-Length."
    if leaf.mode.input and leaf.method in _WITH_BODIES and auto_schema.get_request_serializer() is not None:
        found["413"] = "The body is too long."
        found["415"] = "The body is of a type that is not taken here; Accept says which are."
    charged, counted = limits.charged(judged), limits.counted(judged)
    if charged or counted:
        names = dict.fromkeys([*(one.limit.name for one in limits.told(charged)), *counted])
        found["429"] = f"Over a limit ({', '.join(names)})." if names else "Over a limit."
    if not leaf.probe:
        found["503"] = "Nothing can be decided just now, and nobody is let in."
    return found


def _has_numbered_pages(auto_schema: Any) -> bool:
    """Whether it is a list whose pages have numbers: DRF answers 404 to one beyond the last."""
    return auto_schema._is_list_view() and hasattr(
        getattr(auto_schema.view, "paginator", None), "page_query_param"
    )


def _forbidden(auto_schema: Any, judged: Judged) -> str:
    leaf = judged.leaf
    if judged.shut:
        return "This endpoint is open to nobody."
    found = []
    schemes = [] if leaf.ignores_credentials else security.authenticators()
    services = not all(_of_users(one) for one in schemes)
    permissions = [
        one for one in auto_schema.view.get_permissions() if not isinstance(one, (PolicyPermission, AllowAny))
    ]
    of_users = services and isinstance(leaf.cls, type) and issubclass(leaf.cls, OwnView)
    bounded = isinstance(leaf.cls, type) and _needs_login(leaf.cls, leaf.method)
    machines = services or API_KEY.kind in load(SchemeSettings).schemes
    if rules.may_forbid(leaf, services, machines) or permissions or of_users or bounded:
        found.append("The caller may not do this.")
    own = own_of(leaf.cls)
    by_cookie = any(_by_cookie(one) for one in schemes) or (bool(schemes) and takes("session"))
    by_cookie = by_cookie and not leaf.safe
    if by_cookie or (own is not None and own.page):
        found.append("A page that may not use the cookie has sent this.")
    if own is not None and own.forms:
        found.append("A page that the project does not know has sent a form.")
    if judged.declared.allowed is not None:
        found.append("The address is not among those that this is open to.")
    return " ".join(found)


def _needs_login(cls: type, method: str) -> bool:
    """Whether it is not for what lasts by itself, or is bounded by scopes; see `OwnView.maker`."""
    return issubclass(cls, OwnView) and (
        method == "POST" or (method == "DELETE" and issubclass(cls, SessionListView))
    )


def _by_cookie(authenticator: Any) -> bool:
    """Whether it reads a cookie that any page may have a browser send, and so asks for a CSRF token."""
    if f"{type(authenticator).__module__}.{type(authenticator).__qualname__}" == _REST_AUTH:
        return bool((getattr(settings, "REST_AUTH", None) or {}).get("JWT_AUTH_COOKIE_USE_CSRF"))
    return isinstance(authenticator, SessionAuthentication)


def _of_users(authenticator: Any) -> bool:
    """Whether it gives rows of the user model and nothing else, as keys and clients of OAuth are not."""
    cls = type(authenticator)
    return isinstance(authenticator, _USERS) or f"{cls.__module__}.{cls.__qualname__}" in _USERS_TOO


def _response(
    auto_schema: Any, judged: Judged, code: str, description: str, charged: list[str]
) -> dict[str, Any]:
    drf = judged.registry.settings.errors == "drf"
    name = ("FieldErrors" if code == "400" else "ErrorDetail") if drf else "Problem"
    response: dict[str, Any] = {
        "description": description,
        "content": {"application/json" if drf else PROBLEM: {"schema": {"$ref": f"{_PENDING}{name}"}}},
    }
    if code in ("429", "503"):
        _add_headers(auto_schema, response, ["Retry-After"])
    if code == "401":
        _add_headers(auto_schema, response, ["WWW-Authenticate"])
    if code.startswith("4"):
        _add_headers(auto_schema, response, charged)
    return response


def _add_headers(auto_schema: Any, response: dict[str, Any], names: list[str]) -> None:
    for name in names:
        ref = register(auto_schema.registry, name, HEADER, limits.HEADERS[name])
        response.setdefault("headers", {}).setdefault(name, {"$ref": ref})


def settle(registry: Any, paths: dict[str, Any], taken: set[str]) -> None:
    """Give the shapes of refusals their names, once it is known which names the project's own components have.

    Args:
        registry: of a generator that is done.
        paths: of the document.
        taken: further names that are not free.
    """
    taken = taken | schema_names(registry)
    names: dict[str, str] = {}
    for schema in _pending(paths):
        name = schema["$ref"].removeprefix(_PENDING)
        if name not in names:
            final = name if name not in taken else f"Stockade{name}"
            names[name] = register(registry, final, SCHEMA, SCHEMAS[name])
        schema["$ref"] = names[name]


def _pending(paths: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        media["schema"]
        for methods in paths.values()
        for operation in methods.values()
        for response in operation.get("responses", {}).values()
        for media in response.get("content", {}).values()
        if str(media.get("schema", {}).get("$ref", "")).startswith(_PENDING)
    ]
