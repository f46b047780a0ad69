"""The whole matrix of forged tokens through the middleware: the right status and event, no view, no 500."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

import stockade
from tests.pipeline import views
from tests.schemes.test_jwt_forgery import FORGERIES

HEADERS = [name for name in FORGERIES if name not in {"bytes", "bytes that are no UTF-8", "nothing"}]
# Where a header is cut, stripped or joined there is no credential left to call forged.
AS_SENT = {"a line after it": 200, "a space in front": 200}


@pytest.mark.parametrize("name", HEADERS)
def test_a_forged_token_reaches_no_view(
    name: str,
    alice: User,
    anonymous: Client,
    configure: Callable[..., None],
    log: Callable[[], list[Any]],
) -> None:
    configure(LIMITS={})
    access = stockade.issue(alice).access
    value = FORGERIES[name][0](access).encode("utf-8", "surrogatepass").decode("latin-1")
    before = len(log())
    response = anonymous.get("/private/", HTTP_AUTHORIZATION=f"Bearer {value}")
    assert response.status_code == AS_SENT.get(name, 401), response.content
    if response.status_code == 200:
        return
    assert views.reached == []
    assert response.json()["code"] == "invalid_token"
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    (event,) = log()[before:]
    assert (event.event.tag, event.status) == ("authn_credential_fail", 401)
    assert not value or value[:40] not in repr(event)


@pytest.mark.parametrize("name", HEADERS)
def test_nor_as_a_body(name: str, anonymous: Client, alice: User, configure: Callable[..., None]) -> None:
    configure(LIMITS={})
    value = FORGERIES[name][0](stockade.issue(alice).access)
    for path, field in [("/api/token/verify/", "token"), ("/api/token/refresh/", "refresh")]:
        response = anonymous.post(path, {field: value}, content_type="application/json")
        assert response.status_code in {400, 401, 413}, (path, response.content)
