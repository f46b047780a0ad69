"""The judge of the controls is judged: it accepts a test that fails, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers import ROOT
from tests.test_controls import Control, ControlError, Nursery, load, nursery, run_without

__all__ = ["nursery"]
SUBJECT = "tests/ground/control_subject.py"
VERSION_LINE = '__version__ = "'


def control(test: str, snippet: str = VERSION_LINE, replacement: str = '__version__ = "removed-') -> Control:
    return Control(
        id="version",
        what="The version is what it is.",
        file="src/stockade/__init__.py",
        snippet=snippet,
        replacement=replacement,
        test=f"{SUBJECT}::{test}",
    )


def test_a_test_that_fails_without_the_control_is_accepted_and_the_source_stays(
    tmp_path: Path, nursery: Nursery
) -> None:
    before = (ROOT / "src/stockade/__init__.py").read_text()
    run_without(control("test_that_needs_the_version"), tmp_path, nursery)
    assert (ROOT / "src/stockade/__init__.py").read_text() == before


@pytest.mark.parametrize(
    ("test", "complaint"),
    [
        ("test_that_needs_nothing", "passes without the control"),
        ("test_whose_fixture_breaks", "broke instead of failing"),
        ("test_that_is_skipped", "passes without the control"),
        ("test_that_is_not_there", "status 4"),
    ],
)
def test_anything_else_is_refused(test: str, complaint: str, tmp_path: Path, nursery: Nursery) -> None:
    with pytest.raises(ControlError, match=complaint):
        run_without(control(test), tmp_path, nursery)


@pytest.mark.parametrize("snippet", ["no such line", "e"])
def test_a_snippet_that_is_not_there_exactly_once_is_refused(
    snippet: str, tmp_path: Path, nursery: Nursery
) -> None:
    with pytest.raises(ControlError, match="times in"):
        run_without(control("test_that_needs_the_version", snippet), tmp_path, nursery)


def test_a_replacement_that_is_no_python_is_refused(tmp_path: Path, nursery: Nursery) -> None:
    with pytest.raises(SyntaxError):
        run_without(control("test_that_needs_the_version", VERSION_LINE, "("), tmp_path, nursery)


def test_an_id_that_is_used_twice_is_refused(tmp_path: Path) -> None:
    entry = "[[control]]\nid = 'a'\nwhat = ''\nfile = ''\nsnippet = ''\ntest = ''\n"
    (tmp_path / "list.toml").write_text(entry * 2)
    with pytest.raises(ControlError, match="unique"):
        load(tmp_path / "list.toml")
