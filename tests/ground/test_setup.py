"""`make setup` names what is missing and its remedy, and the locks are what pyproject.toml asks for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT

TOO_OLD = '#!/bin/sh\ncase "$1" in --version) echo "Python 3.9.2" ;; *) exit 1 ;; esac\n'
NO_VENV = f"""#!/bin/sh
case "$*" in *"import venv"*) exit 1 ;; *) exec {sys.executable} "$@" ;; esac
"""


def setup(folder: Path, *arguments: str, **programs: str) -> subprocess.CompletedProcess[str]:
    """Run the script on a machine that has bash, sed and the given programs."""
    for name in ("bash", "sed", "dirname", "grep"):
        (folder / name).symlink_to(str(shutil.which(name)))
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    command = [
        "bash",
        str(ROOT / "scripts" / "setup.sh"),
        str(folder / "venv"),
        "requirements/dev.txt",
        *arguments,
    ]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHON"} | {"PATH": str(folder)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("programs", "arguments", "problem", "remedy"),
    [
        ({}, (), "python3 was not found", "apt-get install python3"),
        ({"python3": TOO_OLD}, (), "Python 3.9.2 is too old", "make setup PYTHON="),
        ({"python3": NO_VENV}, (), "without the venv module", "apt-get install python3-venv"),
        ({}, ("/no/such/python3",), "PYTHON=/no/such/python3 was not found", "give the path"),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(
    programs: dict[str, str], arguments: tuple[str, ...], problem: str, remedy: str, tmp_path: Path
) -> None:
    done = setup(tmp_path, *arguments, **programs)
    assert done.returncode == 1
    assert problem in done.stderr
    assert f"remedy: {remedy}" in done.stderr or remedy in done.stderr
    assert not (tmp_path / "venv").exists()


def test_a_newer_python_beside_an_old_one_is_found(tmp_path: Path) -> None:
    done = setup(tmp_path, **{"python3": TOO_OLD, "python3.11": NO_VENV})
    assert "without the venv module" in done.stderr  # it got as far as asking the newer one


def test_every_documented_target_exists() -> None:
    documented = set(re.findall(r"`make (\w+)`", (ROOT / "CONTRIBUTING.md").read_text()))
    assert {"setup", "test", "check", "bench", "matrix", "soak"} <= documented
    makefile = (ROOT / "Makefile").read_text()
    assert documented <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))


def test_the_locks_pin_hash_and_fit_what_pyproject_asks_for() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/check_locks.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_file_names_a_package_index_or_a_place_on_this_machine() -> None:
    """A lock or a document with a host name would send everybody's build, and their trust, there."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.fail("not a checkout: this test reads the list of tracked files")
    # Spelled in parts, because this file is one of those that name no host.
    hosts = [("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("debian", "org")]
    wrong = re.compile(
        "|".join([*(rf"{a}\.{b}" for a, b in hosts), r"index-url *[=:] *http", "/root" + "/", "/work" + "/"])
    )
    found = []
    for name in filter(None, tracked.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue
        if match := wrong.search(path.read_text(errors="replace")):
            found.append(f"{name}: {match[0]}")
    assert found == []
