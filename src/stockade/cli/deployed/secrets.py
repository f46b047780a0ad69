"""The project's secrets: strong, each for one thing, and none of them written in the settings."""

from __future__ import annotations

from collections.abc import Iterator

from stockade.cli.deployed.facts import Facts
from stockade.cli.deployed.faults import Fault, warning
from stockade.cli.secrets_set import ills
from stockade.vault.standing import OLD


def sound(facts: Facts) -> Iterator[Fault]:
    """The project's secrets are strong, young, each used for one thing, and none is written in the settings."""
    for one in ills(OLD):
        yield warning(
            f"{one.name} {one.why} ({one.where}).",
            "Whoever guesses it, reads the code, or has it from where else it is used, opens what it protects.",
            "Make a new one by `stockade secrets rotate`, read it by stockade.vault.secret, and look at "
            "`stockade secrets check`.",
        )
