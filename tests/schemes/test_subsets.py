"""SCHEMES with any subset of the schemes: it starts and serves, takes the credentials of those, and of no other."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

import stockade
from stockade.pipeline.start import findings, refuse_to_start
from stockade.policy import Authenticated
from stockade.web.decorators import protect
from tests.schemes.conftest import PASSWORD

OURS = ("session", "jwt", "token", "api_key", "external")
FOREIGN = "rest_framework.authentication.BasicAuthentication"
ISSUERS = {"corporate": {"ISSUER": "https://id.example.com/", "AUDIENCE": "https://api.example.org"}}
SUBSETS = [
    subset for size in range(1, len(OURS) + 2) for subset in itertools.combinations((*OURS, FOREIGN), size)
]
# What is there only with its scheme.
VIEWS = {"session": "/api/session/csrf/", "token": "/api/tokens/", "api_key": "/api/keys/"}

pytestmark = pytest.mark.django_db


@protect(policy=Authenticated())
def whoami(request: HttpRequest) -> HttpResponse:
    # What a foreign authenticator returned is the project's own; DRF's BasicAuthentication returns None.
    scheme = getattr(request.auth, "scheme", "")  # type: ignore[attr-defined]
    return HttpResponse(f"{request.user.get_username()} by {scheme}")


urlpatterns = [
    path("whoami/", whoami),
    path("api/", include("stockade.drf.urls")),
    path("admin/", admin.site.urls),
]


@pytest.fixture
def credentials(project: Any, configure: Callable[..., None], alice: Any) -> dict[str, dict[str, str]]:
    """What shows a credential of each scheme, made while all were enabled."""
    project.ROOT_URLCONF = __name__
    project.SESSION_ENGINE = "stockade.schemes.session"
    project.MIDDLEWARE = [
        "stockade.web.Middleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ]
    configure(SCHEMES=list(OURS), ISSUERS=ISSUERS, EXEMPT=["admin"])
    browser = Client()
    answer = browser.post(
        "/api/session/login/",
        json.dumps({"username": "alice", "password": PASSWORD}),
        content_type="application/json",
        headers={"origin": "http://testserver", "sec-fetch-site": "same-origin"},
    )
    assert answer.status_code == 200, answer.content
    import base64

    basic = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    return {
        "session": {"cookie": f"sessionid={browser.cookies['sessionid'].value}"},
        "jwt": {"authorization": f"Bearer {stockade.issue(alice).access}"},
        "token": {"authorization": f"Token {stockade.create_token(alice, 'script').token}"},
        "api_key": {"x-api-key": stockade.create_key("billing", owner=alice).token},
        FOREIGN: {"authorization": f"Basic {basic}"},
    }


@pytest.mark.parametrize(
    "subset", SUBSETS, ids=lambda subset: "+".join(one.rpartition(".")[2] for one in subset)
)
def test_any_subset_starts_serves_and_takes_no_other_credential(
    subset: tuple[str, ...], credentials: dict[str, dict[str, str]], configure: Callable[..., None]
) -> None:
    configure(SCHEMES=list(subset), ISSUERS=ISSUERS if "external" in subset else {})
    refuse_to_start()
    assert [one for one in findings() if one.stops] == []
    for scheme, headers in credentials.items():
        answer = Client().get("/whoami/", headers=headers)
        if scheme in subset:
            by = "" if scheme == FOREIGN else scheme
            assert (answer.status_code, answer.content.decode()) == (200, f"alice by {by}"), scheme
        else:
            assert answer.status_code in (401, 403), scheme
            assert b"alice" not in answer.content
    shown = next((credentials[one] for one in subset if one in credentials), None)
    for scheme, address in VIEWS.items() if shown is not None else ():
        status = Client().get(address, headers=shown).status_code
        assert (status == 404) is (scheme not in subset), (scheme, status)
    refused = Client().get("/whoami/")
    assert refused.status_code in (401, 403)
    challenges = refused.headers.get("WWW-Authenticate", "")
    for scheme, word in {"jwt": "Bearer", "token": "Token", FOREIGN: "Basic"}.items():
        expected = scheme in subset or (word == "Bearer" and "external" in subset)
        assert (word in challenges) is expected, (scheme, challenges)
