"""Whether the locks fit pyproject.toml, without asking any network: every requirement pinned, hashed, in range."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
# The environments that a lock must serve: markers are evaluated for each of them.
PYTHONS = {
    "dev": ("3.11", "3.14"),
    "scan": ("3.11", "3.14"),
    "django52": ("3.11", "3.14"),
    "django60": ("3.12", "3.14"),
    "django61": ("3.12", "3.14"),
}
SERIES = {"django52": "==5.2.*", "django60": "==6.0.*", "django61": "==6.1.*"}


def group(metadata: dict[str, Any], name: str) -> Iterator[str]:
    for item in metadata["dependency-groups"][name]:
        if isinstance(item, str):
            yield item
        else:
            yield from group(metadata, item["include-group"])


def applies(requirement: Requirement, python: str) -> bool:
    """Whether its marker holds for that Python on Linux."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "extra": "",
    }
    return requirement.marker is None or requirement.marker.evaluate(environment)


def pins(text: str, python: str) -> dict[str, Version]:
    """What the lock installs on that Python on Linux, by canonical name."""
    found = {}
    for line in re.findall(r"^([A-Za-z0-9][^\\\n]*?) *\\?$", text, re.MULTILINE):
        requirement = Requirement(line)
        if applies(requirement, python):
            (specifier,) = requirement.specifier
            found[canonicalize_name(requirement.name)] = Version(specifier.version)
    return found


def problems() -> Iterator[str]:
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = metadata["project"]
    runtime = [
        *project["dependencies"],
        *(r for extra in project["optional-dependencies"].values() for r in extra),
    ]
    for requirement in map(Requirement, [*runtime, *group(metadata, "dev")]):
        if not any(specifier.operator in {">=", "~=", "=="} for specifier in requirement.specifier):
            yield f"pyproject.toml: {requirement.name} has no lower bound: a resolver may go back years in silence"
    for name, pythons in PYTHONS.items():
        path = f"requirements/{name}.txt"
        text = (ROOT / path).read_text()
        if host := re.search(r"(https?|file)://\S+", text):
            yield f"{path}: names a host: {host[0]}"
        unhashed = [line for line in text.splitlines() if "==" in line and not line.endswith("\\")]
        yield from (f"{path}: no hash for {line}" for line in unhashed)
        wanted = [*runtime, *group(metadata, "dev" if name == "dev" else "test")]
        if name == "scan":  # a program of its own
            wanted = list(group(metadata, name))
        if name in SERIES:
            wanted.append(f"Django{SERIES[name]}")
        for python in pythons:
            locked = pins(text, python)
            for requirement in map(Requirement, wanted):
                if requirement.marker and not requirement.marker.evaluate(
                    {"python_version": python, "extra": ""}
                ):
                    continue
                version = locked.get(canonicalize_name(requirement.name))
                if version is None:
                    yield f"{path}: {requirement.name} is missing for Python {python}"
                elif not requirement.specifier.contains(version, prereleases=True):
                    yield f"{path}: {requirement.name} {version} is not {requirement.specifier}"


def main() -> int:
    found = list(dict.fromkeys(problems()))
    for problem in found:
        print(problem, file=sys.stderr)
    if found:
        print("remedy: make lock", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
