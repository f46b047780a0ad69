"""What a project has accepted, with its reason: `[[tool.stockade.accept]]` in pyproject.toml, where reviews see it.

Not in the settings: a STOCKADE setting turns Stockade on, and the report is there before that. Not in a comment at the
view: facts of settings and of other packages' views have none.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from stockade.core import clock
from stockade.drf.survey import KINDS, Fact
from stockade.observe import Row

FILE = "pyproject.toml"
_TABLE = "[[tool.stockade.accept]]"
_KEYS = ("fact", "refusal", "view", "methods", "reason", "until")
IN_QUERY = "credential-in-query"
# The reason of the refusals that a fact leads to: where it is accepted, they are not another thing.
LEADS_TO = {"undeclared": "undeclared", IN_QUERY: "credential_in_query"}


class WrongAcceptance(ValueError):
    """An entry is wrong; the message says which, and what to write."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One entry.

    Args:
        fact: a kind of facts; "" for one of refusals.
        refusal: the reason of refusals, as in events; "" for one of facts.
        view: the whole dotted name.
        methods: which methods or actions are meant; none for all. A fact about any other is not accepted.
        reason: why.
        until: the last day, in UTC, on which it holds; None for good.
    """

    fact: str
    refusal: str
    view: str
    methods: tuple[str, ...]
    reason: str
    until: datetime.date | None

    @property
    def of_traffic(self) -> bool:
        """Whether it may match nothing only because nobody has come."""
        return bool(self.refusal) or self.fact == IN_QUERY

    def stands(self) -> bool:
        """Whether its last day is not over."""
        return self.until is None or clock.now_datetime().date() <= self.until

    def covers(self, fact: Fact) -> bool:
        """Whether it is of this fact."""
        return self.fact == fact.kind and self.view == fact.view and self._all_meant(fact.methods)

    def covers_row(self, row: Row) -> bool:
        """Whether it is of these refusals."""
        return self.refusal == row.reason and self.view == row.view and self._all_meant((row.method,))

    def _all_meant(self, methods: tuple[str, ...]) -> bool:
        return not self.methods or (bool(methods) and set(methods) <= set(self.methods))

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "fact": self.fact,
            "refusal": self.refusal,
            "view": self.view,
            "methods": self.methods,
            "reason": self.reason,
            "until": None if self.until is None else self.until.isoformat(),
        }


def find() -> Path | None:
    """The nearest pyproject.toml, from the working directory upwards."""
    here = Path.cwd()
    return next((folder / FILE for folder in (here, *here.parents) if (folder / FILE).is_file()), None)


def read(path: Path | None) -> list[Acceptance]:
    """The entries of a file; none where it has none.

    Raises:
        WrongAcceptance: it cannot be read, or an entry is wrong.
    """
    if path is None:
        return []
    try:
        tool = tomllib.loads(path.read_text("utf-8")).get("tool", {})
    except OSError as error:
        raise WrongAcceptance(f"{path} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WrongAcceptance(f"{path} is no TOML: {error}") from None
    ours = tool.get("stockade", {}) if isinstance(tool, Mapping) else {}
    if not isinstance(ours, Mapping) or set(ours) - {"accept"}:
        raise WrongAcceptance(f"{path}: tool.stockade has only accept. Write {_TABLE}.")
    listed = ours.get("accept", [])
    if not isinstance(listed, list) or not all(isinstance(entry, Mapping) for entry in listed):
        raise WrongAcceptance(
            f"{path}: tool.stockade.accept is no list of tables. Write {_TABLE} before each."
        )
    found: list[Acceptance] = []
    for number, entry in enumerate(listed, 1):
        try:
            found.append(_entry(entry))
        except ValueError as error:
            raise WrongAcceptance(f"{path}: entry {number} of {_TABLE}: {error}") from None
        if any(_same(found[-1], other) for other in found[:-1]):
            raise WrongAcceptance(f"{path}: entry {number} of {_TABLE} stands there twice. Take one out.")
    return found


def _same(one: Acceptance, other: Acceptance) -> bool:
    return (one.fact, one.refusal, one.view) == (other.fact, other.refusal, other.view)


def _entry(entry: Mapping[str, Any]) -> Acceptance:
    for key in entry:
        if key not in _KEYS:
            raise ValueError(f"there is no {key!r}.{_nearest(key, _KEYS)} Known: {', '.join(_KEYS)}.")
    fact, refusal = _word(entry, "fact"), _word(entry, "refusal")
    if bool(fact) == bool(refusal):
        raise ValueError('write either fact = "anyone-reads" (a kind) or refusal = "limit:anon" (a reason).')
    if fact and fact not in KINDS:
        raise ValueError(f"there is no kind {fact!r}.{_nearest(fact, KINDS)}")
    view, reason = _word(entry, "view"), _word(entry, "reason")
    if not view:
        raise ValueError('write view = "..." as the report shows it.')
    if not reason:
        raise ValueError('write reason = "...": whoever comes later wants to know it.')
    methods = entry.get("methods", ["all"])
    if not isinstance(methods, list) or not methods or not all(isinstance(one, str) for one in methods):
        raise ValueError('write methods = ["GET"], or leave it out.')
    until = entry.get("until")
    if until is not None and type(until) is not datetime.date:
        raise ValueError("write until as a date, without quotes: until = 2031-12-31.")
    return Acceptance(fact, refusal, view, tuple(methods) if "methods" in entry else (), reason, until)


def _word(entry: Mapping[str, Any], key: str) -> str:
    found = entry.get(key, "")
    if not isinstance(found, str):
        raise ValueError(f'write {key} = "...".')
    return found.strip()


def _nearest(name: str, known: Any) -> str:
    near = get_close_matches(name, known, n=1)
    return f' Did you mean "{near[0]}"?' if near else ""


def template(fact: Fact) -> list[str]:
    """The entry that accepts a fact, without its reason."""
    methods = ", ".join(f'"{method}"' for method in fact.methods)
    return [
        _TABLE,
        f'fact = "{fact.kind}"',
        f'view = "{fact.view}"',
        *([f"methods = [{methods}]"] if methods else []),
        'reason = "..."',
    ]
