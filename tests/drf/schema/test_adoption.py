"""A living project: its document does not change when it adopts Stockade, and one without a document is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT

SHOP = ROOT / "tests" / "adopt" / "shop"
SECONDS = 120


def run(*arguments: str, state: Path, cwd: Path = SHOP) -> subprocess.CompletedProcess[str]:
    hidden = ("STOCKADE", "DJANGO", "PYTEST_")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**inherited, "PYTHONDONTWRITEBYTECODE": "1", "XDG_STATE_HOME": str(state)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def document(module: str, folder: Path) -> str:
    """What `manage.py spectacular` writes, valid and without a warning."""
    target = folder / f"{module}.yml"
    done = run(
        "manage.py", "spectacular", "--validate", "--fail-on-warn", "--settings", module, "--file", str(target),
        state=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target.read_text()


@pytest.mark.parametrize("adopted", ["config.report", "config.legacy"])
def test_a_project_that_adopts_stockade_keeps_its_document_byte_for_byte(
    adopted: str, tmp_path: Path
) -> None:
    before = document("config.settings", tmp_path)
    assert "jwtAuth" in before
    assert document(adopted, tmp_path) == before


SETTINGS = """
import sys
from django.conf import settings
import django
settings.configure(
    SECRET_KEY="x" * 50,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "stockade"],
    {more}
)
{before}
django.setup()
print([name for name in ("drf_spectacular.openapi", "stockade.drf.schema.wiring") if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("more", "before", "loaded"),
    [
        ("", "", "[]"),
        (
            'REST_FRAMEWORK={"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}',
            "",
            "['drf_spectacular.openapi', 'stockade.drf.schema.wiring']",
        ),
        (
            'REST_FRAMEWORK={"DEFAULT_SCHEMA_CLASS": "rest_framework.schemas.openapi.AutoSchema"}',
            'sys.modules["drf_spectacular"] = None',  # as where the extra is not installed
            "[]",
        ),
    ],
)
def test_the_extra_is_loaded_only_where_the_project_uses_it(
    more: str, before: str, loaded: str, tmp_path: Path
) -> None:
    done = run("-c", SETTINGS.format(more=more, before=before), state=tmp_path, cwd=ROOT)
    assert done.stdout.strip() == loaded, done.stderr
