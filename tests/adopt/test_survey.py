"""The survey tells of each fixture project what its authors wrote down by hand: every fact, and no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.servers import ROOT

HERE = ROOT / "tests" / "adopt"
PROJECTS = ("shop", "library", "clinic")
SETTINGS = """\
from config.settings import *
from config.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "stockade"]
"""
SURVEY = """
import json, django
django.setup()
from stockade.drf.survey import survey
found = survey()
facts = [[fact.kind, fact.view, list(fact.methods)] for fact in found.facts]
print(json.dumps({"facts": facts, "next": found.next}))
"""
CHECK = """
import json, django
django.setup()
from stockade.pipeline.start import findings
print(json.dumps([[found.id, found.message] for found in findings()]))
"""
# About these kinds the projects also say which handlers are meant.
BY_HANDLER = {
    "anyone-reads", "anyone-writes", "object-unchecked", "object-by-hand", "csrf-exempt", "writable-privilege",
}  # fmt: skip

Facts = dict[tuple[str, str], frozenset[str]]


def run(name: str, folder: Path, settings: str, *arguments: str) -> str:
    """What a process of the project's own prints; no database is there for it."""
    (folder / "surveyed.py").write_text(SETTINGS)
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=HERE / name,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("STOCKADE")},
            "DJANGO_SETTINGS_MODULE": settings,
            "PYTHONPATH": os.pathsep.join([str(HERE / name), str(folder)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_STATE_HOME": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def surveyed(name: str, folder: Path, settings: str) -> Facts:
    """What the survey finds."""
    rows = json.loads(run(name, folder, settings, "-c", SURVEY))["facts"]
    assert len({(kind, view) for kind, view, _ in rows}) == len(rows), "a view stands once for a kind"
    return {(kind, view): frozenset(methods if kind in BY_HANDLER else ()) for kind, view, methods in rows}


def written(name: str) -> Facts:
    """What its authors wrote down."""
    listed: list[dict[str, Any]] = tomllib.loads((HERE / f"{name}.toml").read_text())["fact"]
    return {
        (fact["kind"], fact["view"] or "settings"): frozenset(
            (fact.get("methods") or fact.get("actions") or ()) if fact["kind"] in BY_HANDLER else ()
        )
        for fact in listed
    }


# As it was, with the two lines, and with the ten: what is open does not close by being reported.
@pytest.mark.parametrize("settings", ["surveyed", "config.report", "config.legacy"])
@pytest.mark.parametrize("name", PROJECTS)
def test_the_survey_finds_every_fact_and_invents_none(name: str, settings: str, tmp_path: Path) -> None:
    found, expected = surveyed(name, tmp_path, settings), written(name)
    assert {fact: methods for fact, methods in expected.items() if fact not in found} == {}, "missed"
    assert {fact: methods for fact, methods in found.items() if fact not in expected} == {}, "invented"
    assert found == expected


@pytest.mark.parametrize("name", PROJECTS)
def test_the_next_step_is_taken_as_it_is_written(name: str, tmp_path: Path) -> None:
    lines = json.loads(run(name, tmp_path, "surveyed", "-c", SURVEY))["next"]
    own = "from surveyed import *\nfrom surveyed import INSTALLED_APPS, MIDDLEWARE, REST_FRAMEWORK\n"
    (tmp_path / "adopted.py").write_text(own + lines.replace("lmdb://", "memory://"))
    checked: list[list[str]] = json.loads(run(name, tmp_path, "adopted", "-c", CHECK))
    assert [message for id, message in checked if not id.startswith("stockade.W")] == []
    found, expected = surveyed(name, tmp_path, "adopted"), written(name)
    assert found == expected


def test_every_kind_but_few_is_planted_somewhere() -> None:
    kinds = {kind for name in PROJECTS for kind, _ in written(name)}
    assert len(kinds) >= 18
