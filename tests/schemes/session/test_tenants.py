"""A session of one tenant opens nothing at another, where both have a user of the same key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest

import stockade
from stockade.models import Session, SessionData
from tests.schemes.session.conftest import Browser

pytestmark = pytest.mark.django_db

_acting: ContextVar[str | None] = ContextVar("acting", default=None)


def by_header(request: HttpRequest | None) -> str | None:
    """What a header names; outside of a request what `acting` says."""
    return _acting.get() if request is None else request.headers.get("x-tenant")


@contextmanager
def acting(name: str) -> Iterator[None]:
    token = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(token)


@pytest.fixture(autouse=True)
def tenants(configure: Callable[..., None]) -> None:
    configure(TENANT=f"{__name__}.by_header")


@pytest.fixture
def alice(make_user: Any) -> User:
    with acting("north"):
        user: User = make_user()
    return user


@pytest.fixture
def browser(alice: User) -> Browser:
    found = Browser(HTTP_X_TENANT="north")
    assert found.log_in().status_code == 200
    return found


@pytest.mark.parametrize("address", ["/me/", "/plain/", "/quiet/"])
def test_a_session_of_another_tenant_is_nobody_s(address: str, browser: Browser) -> None:
    assert browser.get(address).status_code == 200
    for _ in range(2):  # also once each has seen it
        assert browser.get(address, HTTP_X_TENANT="south").status_code == 401
        assert browser.get(address).status_code == 200


def test_the_admin_of_another_tenant_does_not_know_it(browser: Browser, alice: User) -> None:
    """Django's own look at the session finds the same key in the same table."""
    with acting("north"):
        alice.is_staff = alice.is_superuser = True
        alice.save()
    with acting("north"):
        assert browser.get("/admin/").status_code == 200
    with acting("south"):
        assert browser.get("/admin/", HTTP_X_TENANT="south").status_code == 302


def test_what_another_tenant_writes_does_not_reach_it(browser: Browser) -> None:
    before = SessionData.objects.get(login__ended_at=None).sealed
    answer = browser.get("/visit/", HTTP_X_TENANT="south")
    assert answer.json() == {"basket": 1}
    assert SessionData.objects.get(login__isnull=False).sealed == before


def test_ending_those_of_one_tenant_leaves_the_other_s(alice: User) -> None:
    north, south = Browser(HTTP_X_TENANT="north"), Browser(HTTP_X_TENANT="south")
    assert (north.log_in().status_code, south.log_in().status_code) == (200, 200)
    assert sorted(Session.objects.values_list("tenant", flat=True)) == ["north", "south"]
    with acting("south"):
        assert stockade.end_sessions(alice) == 1
    assert (north.get("/me/").status_code, south.get("/me/").status_code) == (200, 401)
    assert len(north.get("/api/sessions/").json()) == 1
