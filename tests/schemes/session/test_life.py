"""Sessions in a cookie: how a browser is logged in, what it may do, and what no request costs."""

from __future__ import annotations

from unittest import mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stockade.core import clock
from stockade.gate.registry import get_gate
from tests.schemes.session.conftest import LOGOUT, Browser

pytestmark = pytest.mark.django_db


def test_a_browser_logs_in_calls_and_logs_out(browser: Browser) -> None:
    assert browser.get("/me/").json() == {"user": "alice", "scheme": "session"}
    assert browser.own("POST", "/me/").status_code == 200
    assert browser.own("POST", LOGOUT).status_code == 204
    assert browser.get("/me/").status_code == 401
    assert "sessionid" not in browser.cookies or not browser.key


def test_in_the_steady_state_no_sql_is_asked_and_the_state_once(browser: Browser) -> None:
    assert browser.get("/quiet/").status_code == 200
    clock.shift(1)
    asked = mock.Mock(wraps=get_gate().ask)
    with CaptureQueriesContext(connection) as queries, mock.patch.object(get_gate(), "ask", asked):
        assert browser.get("/quiet/").status_code == 200
        assert browser.own("POST", "/quiet/").status_code == 200
    assert not queries.captured_queries
    assert asked.call_count == 2
