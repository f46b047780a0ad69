"""The guide's example runs unmodified, runs the same on Stockade, and what gets through it there is stopped."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
BEGIN, END = "# --- from the guide, as it stands ---\n", "# --- the end of it ---\n"
# SHA-256 of the code blocks of the guide: section 13, and the URLs of section 3.3.
BLOCKS = {
    "settings.py": "1b874514cfd7839c096ee17917d6a9298f6696ab36e09af3631d39463696c623",
    "views.py": "bf563ca47affe8f7d9e644c3f512ecb0552adbca0a31495cf61a2ae64fc64049",
    "urls.py": "72d895f5e6ca372976706005f914edc2688ac908b541d8ae0df765da591ba6ee",
}


@pytest.mark.parametrize("name", BLOCKS)
def test_the_guides_code_is_unmodified(name: str) -> None:
    text = (HERE / "stock" / "config" / name).read_text()
    block = text.partition(BEGIN)[2].partition(END)[0]
    assert hashlib.sha256(block.encode()).hexdigest() == BLOCKS[name]


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bool]]:
    """What works in each of the two projects."""
    return {name: run(name, tmp_path_factory.mktemp(name)) for name in ("stock", "ours")}


def run(name: str, folder: Path) -> dict[str, bool]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("STOCKADE", "DJANGO"))}
    done = subprocess.run(
        [sys.executable, str(HERE / "flows.py")],
        cwd=HERE / name,
        env={
            **clean,
            "FAST_HASHES": "1",
            "DATABASE": str(folder / "db.sqlite3"),
            "XDG_STATE_HOME": str(folder / "state"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    found: dict[str, bool] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_clients_notice_no_difference(flows: dict[str, dict[str, bool]]) -> None:
    for name, found in flows.items():
        assert [flow for flow, works in found.items() if flow.startswith("works_") and not works] == [], name
    assert len([flow for flow in flows["ours"] if flow.startswith("works_")]) == 5


def test_what_gets_through_the_guides_example_is_stopped(flows: dict[str, dict[str, bool]]) -> None:
    attacks = {flow for flow in flows["stock"] if flow.startswith("attack_")}
    assert len(attacks) == 9
    assert {flow for flow in attacks if flows["stock"][flow]} == attacks
    assert {flow for flow in attacks if flows["ours"][flow]} == set()
