"""Clinics with a schema and people of their own, after the move: one's user 7 does nothing to another's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
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
def place() -> Iterator[dict[str, str]]:
    """A database for the clinics."""
    with database("tenants") as variables:
        yield variables


def run(project: Path, place: dict[str, str], settings: str, *arguments: str) -> str:
    """What a process of the project's prints."""
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("STOCKADE", "DJANGO"))
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={
            **inherited,
            **place,
            "DJANGO_SETTINGS_MODULE": settings,
            "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_STATE_HOME": str(project.parent),
        },
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return done.stdout


@pytest.fixture(scope="module")
def found(place: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Found, Found]:
    """What succeeds where TENANT tells no clinics apart, and where it does."""
    folder = tmp_path_factory.mktemp("tenants")
    leave = shutil.ignore_patterns("report.py", "legacy.py", "__pycache__")
    project = Path(shutil.copytree(HERE / "clinic", folder / "project", ignore=leave))
    subprocess.run(["git", "apply", str(HERE / "moves" / "clinic.diff")], cwd=project, check=True, timeout=60)
    (project / "config" / "twins.py").write_text(SETTINGS)
    (project / "config" / "twins_urls.py").write_text(URLS)
    printed = run(project, place, "config.twins", str(HERE / "attacks" / "tenants.py"))
    without, within = printed.splitlines()[-2:]
    return json.loads(without), json.loads(within)


def test_what_tells_no_clinics_apart_lets_every_attack_succeed(found: tuple[Found, Found]) -> None:
    without, _ = found
    assert len(without) >= 13
    assert [each for each in without if without[each] is not each.startswith("attack_")] == []


def test_no_attack_from_one_clinic_on_another_succeeds(found: tuple[Found, Found]) -> None:
    without, within = found
    assert within.keys() == without.keys()
    assert [each for each, succeeded in within.items() if succeeded] == []


def test_tables_made_while_we_observe_serve_the_clinics_later(place: dict[str, str], tmp_path: Path) -> None:
    """A key to the users of one schema would refuse the sessions of all others, once there are any."""
    project = Path(shutil.copytree(HERE / "clinic", tmp_path / "project"))
    run(project, place, "config.report", "manage.py", "migrate_schemas", "--shared", "--verbosity", "0")
    with psycopg.connect(
        host=place["DATABASE_HOST"], user=place["DATABASE_USER"], dbname=place["DATABASE_NAME"]
    ) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'stockade_%'")
        assert ("stockade_session",) in tables.fetchall()
        keys = connection.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint"
            " WHERE contype = 'f' AND confrelid = 'accounts_user'::regclass"
        )
        assert [name for (name,) in keys.fetchall() if name.startswith("stockade")] == []
