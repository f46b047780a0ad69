"""What an operator does and sees: links in the admin, and error reports without tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import path

from stockade.models import ExternalIdentity
from tests.schemes.external import urls
from tests.schemes.external.issuing import Issuer
from tests.schemes.test_error_reports import Reports

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/stockade/externalidentity/"


def ask(token: str) -> Any:
    client = Client(raise_request_exception=False)
    return client.get("/me/", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def operator(project: Any, linked: Any, configure: Callable[..., None]) -> Client:
    """Somebody of the staff, at a site that has the admin."""
    from django.contrib import admin

    class Site:
        urlpatterns = [*urls.urlpatterns, path("admin/", admin.site.urls)]

    project.ROOT_URLCONF = Site
    project.MIDDLEWARE = [
        "stockade.web.Middleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ]
    configure(EXEMPT=["admin"])
    staff = get_user_model().objects.create_superuser("operator", password="correct horse battery staple")
    client = Client()
    client.force_login(staff, "django.contrib.auth.backends.ModelBackend")
    return client


def test_a_link_that_is_deleted_in_the_admin_bites_on_the_next_request(
    operator: Client, linked: Any, issuer: Issuer, log: Any
) -> None:
    token = issuer.token()
    assert ask(token).status_code == 200
    row = ExternalIdentity.objects.get()
    listed = operator.get(LIST)
    assert listed.status_code == 200, listed.content
    assert "alice-at-issuer" in listed.content.decode()
    assert operator.get(f"{LIST}{row.pk}/change/").status_code == 200
    assert operator.get(f"{LIST}add/").status_code == 403
    gone = operator.post(f"{LIST}{row.pk}/delete/", {"post": "yes"})
    assert gone.status_code == 302
    assert ask(token).status_code == 401
    assert len(log("IDENTITY_UNLINKED")) == 1


def test_several_links_deleted_at_once_bite_too(operator: Client, linked: Any, issuer: Issuer) -> None:
    token = issuer.token()
    assert ask(token).status_code == 200
    chosen = {
        "action": "delete_selected",
        "_selected_action": [ExternalIdentity.objects.get().pk],
        "post": "yes",
    }
    assert operator.post(LIST, chosen).status_code == 302
    assert ask(token).status_code == 401


POINTS = [
    "stockade.schemes.external.token.ring_of",
    "stockade.schemes.external.people.links.find",
    "stockade.schemes.external.scheme.links.with_user",
    "stockade.schemes.external.scheme.meaning.scopes",
]


@pytest.mark.parametrize("point", POINTS)
def test_no_error_report_shows_a_token(point: str, linked: Any, issuer: Issuer) -> None:
    token = issuer.token()
    with Reports() as reports, mock.patch(point, side_effect=RuntimeError("a bug")):
        assert ask(token).status_code == 500
    (page,) = reports.pages
    for part in token.split("."):
        assert part not in page
    assert "a bug" in page
