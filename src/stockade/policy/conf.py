"""The setting ASSURANCE: what each level of authentication asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stockade.conf import Section, mapping, names, setting
from stockade.core import methods

MFA: Final = "mfa"
PHISHING_RESISTANT: Final = "phishing_resistant"

# A second factor with the password, or somebody's word for several ("mfa"). SMS is none: numbers are taken over
# (NIST SP 800-63B-4 section 3.1.3.3). For the other level keys that no page but the site's own can ask for; the names
# of contexts are those of OpenID Connect EAP ACR Values 1.0 section 2.
DEFAULT: Final[dict[str, Any]] = {
    MFA: {"amr": ["mfa", "pwd otp", "pwd hwk", "pwd swk"]},
    PHISHING_RESISTANT: {"amr": ["hwk", "swk"], "acr": ["phr", "phrh"]},
}

_LEVEL = re.compile(r"[A-Za-z0-9_.:/-]{1,100}", re.ASCII)
_HOW = 'Write {"mfa": {"amr": ["mfa", "pwd otp"], "acr": ["gold"]}}: ways to reach each level, one is enough.'


@dataclass(frozen=True, slots=True)
class Level:
    """One level: any of its ways reaches it.

    Args:
        name: as `Assurance` and the challenge name it.
        ways: sets of methods, each of which is enough.
        contexts: `acr` values that are enough, the level's own name first.
    """

    name: str
    ways: tuple[frozenset[str], ...]
    contexts: tuple[str, ...]

    def reached(self, amr: frozenset[str], acr: str) -> bool:
        """Whether these methods, or this context, are enough."""
        if acr and acr in self.contexts:
            return True
        return any(way <= amr for way in self.ways)


def levels(value: Any) -> dict[str, Level]:
    """The levels by name; those that are not named are as by default, and one that is None is not there."""
    return {
        name: _level(name, given)
        for name, given in {**DEFAULT, **mapping(value)}.items()
        if given is not None
    }


def _level(name: str, given: Any) -> Level:
    if not _LEVEL.fullmatch(name):
        raise ValueError(f"{name!r} names no level: write letters, digits and _.:/- only.")
    if not isinstance(given, Mapping) or not given or not given.keys() <= {"amr", "acr"}:
        raise ValueError(f"{name!r} is none of these: {_HOW}")
    ways = []
    for text in names(given.get("amr", ())):
        way = methods.methods(text.split())
        if not way:  # it would be reached by everybody
            raise ValueError(f"{name!r} has a way without methods. {_HOW}")
        ways.append(way)
    contexts = [name, *(methods.context(one) for one in names(given.get("acr", ())))]
    if not ways and len(contexts) == 1:
        raise ValueError(f"Nothing reaches {name!r}. {_HOW}")
    return Level(name, tuple(ways), tuple(dict.fromkeys(contexts)))


@dataclass(frozen=True)
class AssuranceSettings(Section):
    """What policies ask of how a user has proven who they are."""

    levels: dict[str, Level] = setting(
        "ASSURANCE", levels, DEFAULT, id="stockade.E052",
        why='Levels for the policy `Assurance("mfa")`: by `amr` the ways that reach it, each the names of methods '
        "(RFC 8176) that must all be there; by `acr` what issuers may say instead. A level that is not named stays as "
        "it is by default; None takes it away.",
    )  # fmt: skip
