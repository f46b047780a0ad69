"""Clinics with a schema and people of their own, after the move: one's user 7 does nothing to another's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adopt.postgres import database

HERE = Path(__file__).resolve().parent
SECONDS = 300
SETTINGS = """
from config.settings import *

ROOT_URLCONF = "config.twins_urls"
STOCKADE = {**STOCKADE, "STATE": "memory://", "SCHEMES": ["jwt", "token", *STOCKADE["SCHEMES"]]}
"""
URLS = """
from django.urls import include, path
from stockade.drf.views import TokenRefreshView

urlpatterns = [path("tokens/refresh/", TokenRefreshView.as_view()), path("", include("config.urls"))]
"""

Found = dict[str, bool]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Found, Found]:
    """What succeeds where TENANT tells no clinics apart, and where it does."""
    folder = tmp_path_factory.mktemp("tenants")
    leave = shutil.ignore_patterns("report.py", "legacy.py", "__pycache__")
    project = Path(shutil.copytree(HERE / "clinic", folder / "project", ignore=leave))
    subprocess.run(["git", "apply", str(HERE / "moves" / "clinic.diff")], cwd=project, check=True, timeout=60)
    (project / "config" / "twins.py").write_text(SETTINGS)
    (project / "config" / "twins_urls.py").write_text(URLS)
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("STOCKADE", "DJANGO"))
    }
    with database("tenants") as place:
        done = subprocess.run(
            [sys.executable, str(HERE / "attacks" / "tenants.py")],
            cwd=project,
            env={
                **inherited,
                **place,
                "DJANGO_SETTINGS_MODULE": "config.twins",
                "PYTHONDONTWRITEBYTECODE": "1",
                "XDG_STATE_HOME": str(folder),
            },
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    assert done.returncode == 0, done.stderr[-6000:]
    without, within = done.stdout.splitlines()[-2:]
    return json.loads(without), json.loads(within)


def test_what_tells_no_clinics_apart_lets_every_attack_succeed(found: tuple[Found, Found]) -> None:
    without, _ = found
    assert len(without) >= 13
    assert [each for each in without if without[each] is not each.startswith("attack_")] == []


def test_no_attack_from_one_clinic_on_another_succeeds(found: tuple[Found, Found]) -> None:
    without, within = found
    assert within.keys() == without.keys()
    assert [each for each, succeeded in within.items() if succeeded] == []
