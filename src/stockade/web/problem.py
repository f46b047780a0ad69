"""Refusals as answers: RFC 9457 problem documents with challenges per RFC 9110 and RFC 6750."""

from __future__ import annotations

import json

import orjson
from django.http import HttpResponse

from stockade.core.errors import (
    InsufficientScope,
    InvalidCredential,
    LoginFailed,
    Refusal,
    StepUpRequired,
    Undecided,
)
from stockade.core.escape import html_safe
from stockade.pipeline.registry import Registry
from stockade.schemes.jwt import profile
from stockade.web import page

PROBLEM = "application/problem+json"


def respond(registry: Registry, refusal: Refusal) -> HttpResponse:
    """The response that tells a client of `refusal`; a person is shown a page."""
    told = body(registry, refusal)
    if registry.settings.errors == "drf":
        response = HttpResponse(_json(told), status=refusal.status, content_type="application/json")
    elif page.is_wanted():
        response = HttpResponse(page.render(told), status=refusal.status, content_type=page.HTML)
        response.headers["Vary"] = "Accept"
    else:
        response = HttpResponse(_json(told), status=refusal.status, content_type=PROBLEM)
    for name, value in headers(registry, refusal).items():
        response.headers[name] = value
    return response


def _json(told: dict[str, object]) -> bytes:
    """A message of Django's may quote what was sent: no tag leaves in it."""
    try:
        return html_safe(orjson.dumps(told, default=str))
    except TypeError:  # half a surrogate pair, which has no UTF-8, but an escape
        return html_safe(json.dumps(told, default=str).encode())


def body(registry: Registry, refusal: Refusal) -> dict[str, object]:
    """The members of the body, in the shape that ERRORS asks for."""
    if registry.settings.errors == "drf":
        if refusal.errors:
            return dict(refusal.errors)
        if (worded := profile.worded(refusal)) is not None:
            return worded
        # As DRF says it; simplejwt's and ours tell of a token in a member of their own.
        told = isinstance(refusal, InvalidCredential | StepUpRequired)
        return {"detail": refusal.detail, "code": refusal.code} if told else {"detail": refusal.detail}
    document = refusal.problem()
    if isinstance(refusal, Undecided) and _debug():
        document["detail"] = (
            "This view's policy speaks of objects, but the view answered without asking about any. Derive it from "
            "PolicyMixin and use get_object() or filter_queryset(), or call request.stockade.authorize(obj) or "
            "request.stockade.visible(queryset). What it wrote was rolled back. (Shown because DEBUG is on.)"
        )
    return document


def headers(registry: Registry, refusal: Refusal) -> dict[str, str]:
    """Retry-After and the like, and for a 401 one challenge per enabled scheme (RFC 9110 section 11.6.1)."""
    found = dict(refusal.headers)
    if isinstance(refusal, StepUpRequired):
        found["WWW-Authenticate"] = _step_up(registry, refusal)
    elif refusal.status == 401 and "WWW-Authenticate" not in found:
        error = ""
        if isinstance(refusal, InvalidCredential) and registry.settings.errors != "drf":
            # RFC 6750 section 3 names the characters that a description may have; a view's own words may have others.
            words = "".join(c for c in refusal.detail if " " <= c <= "~" and c not in '"\\')
            error = f', error="invalid_token", error_description="{words}"'
        found["WWW-Authenticate"] = ", ".join(
            challenge
            + (error if challenge.startswith("Bearer") and not isinstance(refusal, LoginFailed) else "")
            for challenge in registry.challenges
        )
    elif isinstance(refusal, InsufficientScope):
        bearer = next((c for c in registry.challenges if c.startswith("Bearer")), "")
        if bearer:
            found["WWW-Authenticate"] = f'{bearer}, error="insufficient_scope", scope="{refusal.scope}"'
    return found


def _step_up(registry: Registry, refusal: StepUpRequired) -> str:
    """The challenges, with what the client has to ask for at the one that it is defined for (RFC 9470 section 3)."""
    asked = f', error="{refusal.code}", error_description="{refusal.detail}"'
    asked += "".join(f', {name}="{value}"' for name, value in refusal.asked.items())
    challenges = registry.challenges
    where = next((i for i, one in enumerate(challenges) if one.startswith("Bearer")), 0)
    return ", ".join(one + (asked if i == where else "") for i, one in enumerate(challenges))


def _debug() -> bool:
    from django.conf import settings

    return bool(settings.DEBUG)
