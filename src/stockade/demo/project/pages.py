"""The page at `/`, what it is made of, and the two conveniences that it has on a machine of one's own."""

from __future__ import annotations

import hmac

from django.contrib.auth import get_user_model
from django.contrib.staticfiles.views import serve
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET

from stockade.core.errors import Forbidden
from stockade.demo.accounts import GROUPS
from stockade.demo.config import read
from stockade.events.catalogue import Event
from stockade.events.ecs import sentence
from stockade.models import SecurityEvent
from stockade.policy import Public
from stockade.web import protect

KEY = "X-Demo-Key"
LINES = 200  # of the log, at most, in one answer
_config = read()
_SENTENCES = {event.tag: sentence(event) for event in Event}


def _policy() -> str:
    """What the page may load: its own files, and calls to the two servers; no inline script or style."""
    connect = " ".join(filter(None, ["'self'", _config.twin_url]))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@require_GET
@protect(policy=Public())
def home(request: HttpRequest) -> HttpResponse:
    """The page: who am I, attacks on both servers side by side, and the security log."""
    context = {
        "twin_url": _config.twin_url,
        "groups": GROUPS,
        "open": bool(_config.page_key),
        "limits": _config.limits,
        "made": (("keys", "key"), ("tokens", "token")),
    }
    response = render(request, "stockade_demo/home.html", context)
    response.headers["Content-Security-Policy"] = _policy()
    return response


def _require_key(request: HttpRequest) -> None:
    """Let in only who reads the terminal of the demo: the key stands in the link that it prints.

    It is the link's fragment, which browsers send to no server, and comes here in a header. A page of another origin
    cannot send that header without our consent (CORS), nor can it know the key.
    """
    given = request.headers.get(KEY, "")
    if not _config.page_key or not hmac.compare_digest(given.encode(), _config.page_key.encode()):
        raise Forbidden("Open the page by the link that the demo printed.", reason="demo_key")


@require_GET
@protect(policy=Public())
def accounts(request: HttpRequest) -> JsonResponse:
    """The seeded users with the passwords that the terminal shows as well, so that the page can log in as each."""
    _require_key(request)
    return JsonResponse({"users": _config.passwords})


@require_GET
@protect(policy=Public())
def events(request: HttpRequest) -> JsonResponse:
    """The security log after the entry `?after=`, oldest first."""
    _require_key(request)
    after = request.GET.get("after", "0")
    if not after.isascii() or not after.isdecimal() or len(after) > 15:
        after = "0"
    newest = list(SecurityEvent.objects.filter(pk__gt=int(after)).order_by("-pk")[:LINES])
    names = _names({event.subject for event in newest if not event.account})
    entries = [
        _entry(event, event.account or names.get(event.subject, event.subject)) for event in reversed(newest)
    ]
    return JsonResponse({"events": entries})


def _names(subjects: set[str]) -> dict[str, str]:
    """User names by primary key as text; the log itself holds the keys."""
    users = get_user_model().objects.filter(
        pk__in=[int(subject) for subject in subjects if subject.isdecimal()]
    )
    return {str(user.pk): user.get_username() for user in users} if subjects else {}


def _entry(event: SecurityEvent, who: str) -> dict[str, object]:
    return {
        "id": event.pk,
        "at": event.at.isoformat(),
        "event": event.event,
        "sentence": _SENTENCES.get(event.event, ""),
        "level": event.level,
        "outcome": event.outcome,
        "reason": event.reason,
        "status": event.status,
        "method": event.method,
        "route": event.route,
        "who": who,
        "address": event.address,
    }


@require_GET
@cache_control(max_age=3600, public=True)
@protect(policy=Public())
def static(request: HttpRequest, name: str) -> HttpResponseBase:
    """Static files of the page and the admin, straight from the packages: the demo has no build step."""
    return serve(request, name, insecure=True)
