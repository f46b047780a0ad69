"""Run the suite on every supported pair of Python and Django that this machine has, each in its own environment."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
DJANGOS = {"5.2": "3.11", "6.0": "3.12", "6.1": "3.12"}  # series: the oldest Python that it supports


def interpreter(version: str) -> str | None:
    """A working pythonX.Y: from PATH, or from pyenv, whose shims answer only for activated versions."""
    candidates = [shutil.which(f"python{version}")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates += sorted(str(path) for path in pyenv.glob(f"{version}.*/bin/python"))
    for candidate in filter(None, candidates):
        probe = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([candidate, "-c", probe], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip() == version:
            return candidate
    return None


def minor(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def run(python: str, interpreter_path: str, django: str, paths: list[str]) -> str:
    name = f"django{django.replace('.', '')}"
    environment = ROOT / ".matrix" / f"py{python}-{name}"
    lock = f"requirements/{name}.txt"
    print(f"\n==== Python {python}, Django {django}", flush=True)
    setup = ["bash", "scripts/setup.sh", str(environment.relative_to(ROOT)), lock, interpreter_path]
    if subprocess.run(setup, cwd=ROOT, check=False).returncode:
        return "could not be installed"
    done = subprocess.run(
        [str(environment / "bin" / "python"), "scripts/test.py", *paths], cwd=ROOT, check=False
    )
    return "passed" if done.returncode == 0 else "FAILED"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", choices=PYTHONS, action="append", help="only this one (repeatable)")
    parser.add_argument("--django", choices=DJANGOS, action="append", help="only this one (repeatable)")
    parser.add_argument("paths", nargs="*", help="only these tests (default: all)")
    options = parser.parse_args()
    results: list[tuple[str, str, str]] = []
    for python in options.python or PYTHONS:
        found = interpreter(python)
        for django in options.django or DJANGOS:
            if minor(python) < minor(DJANGOS[django]):
                continue
            outcome = run(python, found, django, options.paths) if found else "not on this machine"
            results.append((python, django, outcome))
    print("\nPython  Django  result")
    for python, django, outcome in results:
        print(f"{python:<7} {django:<7} {outcome}")
    outcomes = {outcome for *_, outcome in results}
    if "passed" not in outcomes:
        print("nothing was tested: install one of the Pythons above", file=sys.stderr)
    return 0 if outcomes <= {"passed", "not on this machine"} and "passed" in outcomes else 1


if __name__ == "__main__":
    raise SystemExit(main())
