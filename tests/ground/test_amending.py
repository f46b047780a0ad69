"""Changed bodies reach every function that exists already; a change that they do not show is refused."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.amending import NotAmendableError, amend, live

SOURCE = """
from functools import cache, wraps

LEAST = 3


def decorated(function):
    @wraps(function)
    def inner(*args):
        return function(*args) + "!"
    return inner


def plain():
    return "old"


@decorated
def wrapped():
    return "old"


@cache
def cached():
    return "old"


class Thing:
    least = 3

    @property
    def read(self):
        return "old"

    @staticmethod
    def static():
        return [each for each in ("old",)][0]


def maker():
    def made():
        return "old"
    return made


made = maker()
"""


@pytest.fixture
def module(tmp_path: Path) -> Iterator[ModuleType]:
    path = tmp_path / "amended_subject.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("amended_subject", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    spec.loader.exec_module(found)
    yield found
    del sys.modules[spec.name]


def change(module: ModuleType, after: str) -> None:
    path = Path(str(module.__file__))
    amend(path, SOURCE, after, live(path.parent))


def test_what_exists_does_what_the_source_now_says(module: ModuleType) -> None:
    change(module, SOURCE.replace('"old"', '"new"'))
    assert [module.plain(), module.wrapped(), module.cached()] == ["new", "new!", "new"]
    assert [module.Thing().read, module.Thing.static()] == ["new", "new"]
    assert [module.made(), module.maker()()] == ["new", "new"]


def test_lines_that_are_gone_move_the_others_and_change_nothing_else(module: ModuleType) -> None:
    change(module, SOURCE.replace('    return "old"\n\n\n@decorated', "    pass\n\n\n@decorated"))
    assert [module.plain(), module.wrapped(), module.made()] == [None, "old!", "old"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("LEAST = 3", "LEAST = 4"),
        ("    least = 3", "    least = 4"),
        ("@cache\n", ""),
        ("def plain():", "def plain(more=1):"),
        ("    @staticmethod\n", "    @staticmethod\n    def other():\n        pass\n\n    @staticmethod\n"),
        ("        return function(*args)", "        args\n        return str(args)"),
    ],
    ids=["constant", "member", "decorator", "default", "method", "closure"],
)
def test_what_an_import_alone_shows_is_refused(module: ModuleType, before: str, after: str) -> None:
    assert SOURCE.count(before) == 1
    with pytest.raises(NotAmendableError):
        change(module, SOURCE.replace(before, after))


def test_a_file_that_nothing_was_imported_from_needs_nothing(tmp_path: Path) -> None:
    amend(tmp_path / "other.py", "A = 1", "A = 2", {})
