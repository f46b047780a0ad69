"""Runs the Python blocks of a page, each group under its settings, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.documents.blocks import ROOT, Block, PageError

PROJECT = Path(__file__).resolve().parent / "project"
WORKER = Path(__file__).resolve().parent / "worker.py"
SECONDS = 120


@dataclass(slots=True)
class Group:
    """Blocks that run in one process: the settings they run under, if the page shows any, and the blocks."""

    settings: Block | None = None
    blocks: list[Block] = field(default_factory=list)


def groups(blocks: Sequence[Block]) -> Iterator[Group]:
    """Split a page at its settings blocks."""
    current = Group()
    for block in blocks:
        if block.kind == "python settings":
            if current.settings or current.blocks:
                yield current
            current = Group(block)
        elif block.kind == "python":
            current.blocks.append(block)
    if current.settings or current.blocks:
        yield current


def copy_project(folder: Path) -> Path:
    """A fresh copy of the documents' project, to run commands in."""
    target = folder / "project"
    if not target.exists():
        shutil.copytree(PROJECT, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def environment(project: Path) -> dict[str, str]:
    """What a command in that project finds: its settings, its state, this environment's programs."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("STOCKADE_TEST_", "PYTEST_"))}
    return {
        **inherited,
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "PYTHONPATH": os.pathsep.join([str(project), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "XDG_STATE_HOME": str(project / "state"),
        "HOME": str(project),
    }


def run(group: Group, folder: Path) -> None:
    """Execute a group.

    Raises:
        PageError: a block raised, or Django did not start with the settings; with the worker's traceback.
    """
    project = copy_project(folder)
    page = (group.settings or group.blocks[0]).page
    job = {
        "page": str(page.relative_to(ROOT) if page.is_relative_to(ROOT) else page),
        "settings": group.settings and [group.settings.line, group.settings.text],
        "blocks": [[block.line, block.text] for block in group.blocks],
    }
    done = subprocess.run(
        [sys.executable, str(WORKER)],
        input=json.dumps(job),
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise PageError(f"{page.name} does not run as it stands:\n{done.stdout}{done.stderr}")


def run_test(block: Block, folder: Path) -> None:
    """Run a block that is a test module, as a reader's own project would.

    Raises:
        PageError: pytest was not content.
    """
    project = copy_project(folder)
    module = project / f"test_page_{block.line}.py"
    module.write_text(block.text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", module.name]
    done = subprocess.run(
        command,
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise PageError(
            f"{block.place}: pytest ended with status {done.returncode}:\n{done.stdout}{done.stderr}"
        )
