"""Tests for `test_control_list.py` to run; pytest collects this file only when it is named."""

from __future__ import annotations

import pytest

import stockade


@pytest.fixture
def broken() -> None:
    if "removed" in stockade.__version__:
        raise RuntimeError("this is no failure of the test")


def test_that_needs_the_version() -> None:
    assert "removed" not in stockade.__version__


@pytest.mark.django_db
def test_that_needs_tables() -> None:
    from stockade.models import Session

    assert not Session.objects.exists()


def test_that_needs_nothing() -> None:
    assert stockade.__version__


def test_whose_fixture_breaks(broken: None) -> None:
    assert stockade.__version__


def test_that_is_skipped() -> None:
    pytest.skip("for the judge")
