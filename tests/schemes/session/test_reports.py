"""Error reports, which show the variables of every frame: none shows the key of a session."""

from __future__ import annotations

from typing import Any

import pytest

from tests.schemes.session.conftest import LOGOUT, Browser
from tests.schemes.test_error_reports import Reports

pytestmark = pytest.mark.django_db

# What breaks, and where; at the admin's views and in Django's middleware as well, which are not ours.
POINTS = {
    "its login": ("scheme._find", "/me/"),
    "its row": ("rows._is_live", "/admin/"),
    "its data": ("store.unseal", "/admin/"),
    "what it holds": ("store.SessionStore.decode", "/admin/"),
    "its use": ("rows.used", "/admin/"),
    "sealing": ("store.seal", "/visit/"),
    "its end by time": ("rows.until", "/visit/"),
    "ending it": ("store.truth.end_sessions", LOGOUT),
    "clearing it": ("rows.clear", LOGOUT),
    "another key": ("rows.open_login", ""),
}


@pytest.mark.parametrize("point", POINTS)
def test_wherever_a_session_breaks_no_report_shows_its_key(
    point: str, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, address = POINTS[point]
    browser.raise_request_exception = False
    key = browser.key

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("something broke")

    monkeypatch.setattr(f"stockade.schemes.session.{target}", broken)
    with Reports() as reports:
        if address == LOGOUT:
            browser.own("POST", LOGOUT)
        elif address:
            browser.get(address)
        else:
            browser.log_in()
    assert reports.pages
    for page in reports.pages:
        assert "something broke" in page
        assert key not in page
