"""What stands around every test."""

from __future__ import annotations

import pytest

from stockade.events import Event, on, subscribers
from stockade.vault import read, secret
from tests.around import as_found


def test_a_process_is_left_as_it_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a wrapping key of one test is the last good one of another, in whichever worker both happen to run."""
    monkeypatch.setenv("APP_TOKEN", "a-value-that-is-long-enough")
    heard = dict(subscribers._subscribers)
    with as_found():
        read.hold()
        on(Event.AUTHZ_FAIL)(print)
        secret("APP_TOKEN")
        assert read.lasting("APP_TOKEN") is not None
    monkeypatch.delenv("APP_TOKEN")
    assert read.lasting("APP_TOKEN") is None
    assert heard == subscribers._subscribers
    assert not read._holding
