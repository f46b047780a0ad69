"""Stands for a long measurement in the documents: its module must be there, and know the options that are shown."""

from __future__ import annotations

import re
import subprocess
import sys


def main(module: str, arguments: list[str]) -> int:
    asked = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    known = set(re.findall(r"--[a-z][a-z-]*", asked.stdout))
    unknown = [word for word in arguments if word.startswith("--") and word.partition("=")[0] not in known]
    if asked.returncode or unknown:
        print(f"python -m {module} knows no {', '.join(unknown)}\n{asked.stdout}{asked.stderr}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2:]))
