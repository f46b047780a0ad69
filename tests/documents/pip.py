"""Stands for `pip install` in the documents: what they tell to install must be what this package is called."""

from __future__ import annotations

import importlib.metadata
import sys

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] != "install":
        print("only `pip install` is known here")
        return 2
    for argument in arguments[1:]:
        requirement = Requirement(argument)
        metadata = importlib.metadata.metadata(requirement.name)  # raises if there is no such distribution
        extras = {canonicalize_name(extra) for extra in metadata.get_all("Provides-Extra") or []}
        unknown = {canonicalize_name(extra) for extra in requirement.extras} - extras
        if unknown:
            print(
                f"{requirement.name} has no extra {', '.join(sorted(unknown))}; it has {', '.join(sorted(extras))}"
            )
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
