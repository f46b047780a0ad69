"""The OpenAPI document, and a page that shows it, and lets one try it, without anything from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView

from stockade.policy import Public
from stockade.web import protect

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# Where a name and a password are exchanged for a credential of a scheme, and what the answer calls it.
LOGINS = {
    "jwt": ("/api/token/", "access"),
    "tokenAuth": ("/api/token-auth/", "token"),
    "cookieAuth": ("/api/session/login/", "csrf_token"),
}


class Schema(SpectacularAPIView):
    """OpenAPI 3.1, with every scheme and refusal."""

    policy = Public()


@cache
def document() -> dict[str, Any]:
    """The document; it changes with the code only."""
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call, no-any-return]


@protect(policy={"GET, HEAD": Public()})
def documentation(request: HttpRequest) -> HttpResponse:
    """Every operation: what it takes, what it answers, and how it refuses."""
    schema = document()
    context = {"info": schema["info"], "tags": _by_tag(schema), "schemes": list(_schemes(schema))}
    response = render(request, "stockade_demo/docs.html", context)
    response.headers["Content-Security-Policy"] = CSP
    return response


def _schemes(schema: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Each way to say who calls: the header that it goes by, what stands before it there, and where to log in."""
    for name, scheme in schema["components"].get("securitySchemes", {}).items():
        about = scheme.get("description", "")
        cookie = scheme.get("in") == "cookie"
        prefix = "Bearer " if scheme["type"] in ("http", "openIdConnect") else ""
        if not prefix and not cookie and scheme["name"] == "Authorization":  # as drf-spectacular says it
            prefix = "".join(f"{word} " for word in re.findall(r'prefix "([\w-]+)"', about))
        header = "" if cookie else scheme["name"] if scheme["type"] == "apiKey" else "Authorization"
        path, field = LOGINS.get(name, ("", ""))
        yield {
            "name": name, "about": about, "header": header, "prefix": prefix, "login": path, "field": field,
        }  # fmt: skip


def _by_tag(schema: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    tags: dict[str, list[dict[str, Any]]] = {}
    for operation in _operations(schema):
        tags.setdefault(operation["tag"], []).append(operation)
    return list(tags.items())


def _operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            body: dict[str, Any] = next(
                iter(operation.get("requestBody", {}).get("content", {}).values()), {}
            )
            yield {
                "tag": operation.get("tags", ["api"])[0],
                "method": method.upper(),
                "path": path,
                "summary": operation.get("summary") or operation.get("description", ""),
                "parameters": operation.get("parameters", []),
                "fields": _fields(schema, body.get("schema", {})),
                "sample": _sample(schema, operation),
                "responses": [
                    (code, answer.get("description", ""))
                    for code, answer in sorted(operation["responses"].items())
                ],
                "anonymous": {} in operation.get("security", [{}]),
            }


def _fields(schema: dict[str, Any], body: dict[str, Any]) -> list[dict[str, Any]]:
    name = body.get("$ref", "").rpartition("/")[2]
    found = schema["components"]["schemas"].get(name, body)
    required = found.get("required", [])
    return [
        {"name": field, "type": _type(about), "required": field in required}
        for field, about in found.get("properties", {}).items()
        if not about.get("readOnly")
    ]


def _sample(schema: dict[str, Any], operation: dict[str, Any]) -> str:
    """A body to begin with; "" where none is taken."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return ""
    empty = {"string": "", "boolean": False, "integer": 0, "array": [], "object": {}}
    name = content["schema"].get("$ref", "").rpartition("/")[2]
    found = schema["components"]["schemas"].get(name, content["schema"])
    body = {
        field: empty.get(str(about.get("type")), "")
        for field, about in found.get("properties", {}).items()
        if field in found.get("required", ()) and not about.get("readOnly")
    }
    return json.dumps(body, indent=2)


def _type(about: dict[str, Any]) -> str:
    kind = about.get("format") or about.get("type", "")
    if isinstance(kind, list):
        kind = " or ".join(kind)
    return f"{kind}, at most {about['maxLength']} characters" if "maxLength" in about else str(kind)
