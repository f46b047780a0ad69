"""Run the whole suite: once on SQLite, then what PostgreSQL could fail there; add the counts up."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
# One more than there are processors: many a test waits for what it has started.
WORKERS = str((os.cpu_count() or 1) + 1)
NO_TESTS = 5  # pytest's exit status when nothing was collected


def run(
    name: str, selection: list[str], paths: list[str], *, database: str, coverage: bool, workers: str
) -> tuple[int, Counter[str]]:
    """One run of pytest; its exit status, and how many tests ended how."""
    with tempfile.TemporaryDirectory(prefix="stockade-report-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m"]
        if coverage:
            command += ["coverage", "run", "-m"]
        command += ["pytest", "-q", f"--junitxml={report}", *selection, *paths]
        if workers != "0":
            command += ["-n", workers, "--dist", "loadfile"]
        print(f"\n== {name}", flush=True)
        environment = {**os.environ, "STOCKADE_TEST_DATABASE": database}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the suite starts hundreds of interpreters
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        counts: Counter[str] = Counter()
        if report.exists():
            for suite in ElementTree.parse(report).getroot().iter("testsuite"):
                total, failed, skipped = (int(suite.get(key, 0)) for key in ("tests", "failures", "skipped"))
                failed += int(suite.get("errors", 0))
                counts.update(passed=total - failed - skipped, failed=failed, skipped=skipped)
        return status, counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soak", action="store_true", help="only the long tests")
    parser.add_argument("--coverage", action="store_true", help="measure branch coverage")
    parser.add_argument("--workers", default=WORKERS, help="number of test processes (0: none but this one)")
    parser.add_argument("paths", nargs="*", help="only these tests (default: all)")
    options = parser.parse_args()
    if options.soak:
        runs = [
            ("soak, SQLite", ["-m", "soak"], "sqlite"),
            ("soak, PostgreSQL", ["-m", "soak"], "postgres"),
        ]
    else:
        runs = [
            ("SQLite, every test", [], "sqlite"),
            ("PostgreSQL, every test that it could fail", [], "postgres"),
        ]
    began = time.monotonic()
    total: Counter[str] = Counter()
    lines, worst = [], 0
    for name, selection, database in runs:
        status, counts = run(
            name,
            selection,
            options.paths,
            database=database,
            coverage=options.coverage,
            workers=options.workers,
        )
        if status == NO_TESTS and (options.soak or options.paths):
            status = 0
        total.update(counts)
        worst = worst or status
        lines.append(
            f"{name}: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"
        )
    if options.coverage:
        subprocess.run([sys.executable, "-m", "coverage", "combine", "--quiet"], cwd=ROOT, check=False)
        subprocess.run([sys.executable, "-m", "coverage", "report"], cwd=ROOT, check=False)
    print(f"\n== both databases, {time.monotonic() - began:.0f} s")
    print("\n".join(lines))
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped", flush=True)
    if not worst and not total["passed"]:
        print("nothing was tested", file=sys.stderr)
        return NO_TESTS
    return worst


if __name__ == "__main__":
    raise SystemExit(main())
