"""Everything that can be checked without running a test: format, lint, types, floors, migrations, locks, documents."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

CHECKS: list[tuple[str, list[str]]] = [
    ("types (mypy)", [str(BIN / "mypy")]),
    (
        "documents (sphinx)",
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", "docs/_build/html"],
    ),
    ("import contracts", [str(BIN / "lint-imports"), "--no-cache"]),
    ("format (ruff)", [str(BIN / "ruff"), "format", "--check", "--quiet", "--diff", "."]),
    ("lint (ruff)", [str(BIN / "ruff"), "check", "--quiet", "."]),
    ("migrations", [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"]),
    ("locks", [sys.executable, "scripts/check_locks.py"]),
]


def run(check: tuple[str, list[str]]) -> tuple[str, int, str, float]:
    name, command = check
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return name, done.returncode, done.stdout + done.stderr, time.monotonic() - began


def main() -> int:
    failed = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        for name, status, output, seconds in pool.map(run, CHECKS):
            print(f"{'ok  ' if status == 0 else 'FAIL'}  {name} ({seconds:.1f} s)", flush=True)
            if status:
                failed.append(name)
                print(output.rstrip(), flush=True)
    print(f"check: {'failed: ' + ', '.join(failed) if failed else 'everything is fine'}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
