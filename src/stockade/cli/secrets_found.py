"""What `stockade secrets check` lists: from files, from git, and of the project that is loaded."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockade.cli.output import WRONG_USE, fail

if TYPE_CHECKING:
    from stockade.vault.scan import Finding

_FINGERPRINT = re.compile(r"[0-9a-f]{12}")


def allowed_in(folder: Path, named: Path | None) -> frozenset[str]:
    """The fingerprints at the beginning of each line; the rest of a line says why.

    Exits with 2 where a line has none, or the file that was named is not there.
    """
    path = named or folder / ".secrets-allowed"
    if not path.is_file():
        if named is not None:
            fail(f"{named} is not there.", WRONG_USE)
        return frozenset()
    found = set()
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        mark, _, why = line.partition(" ")
        if not _FINGERPRINT.fullmatch(mark) or not why.strip():
            fail(
                f"{path}, line {number}: write a fingerprint of 12 hex digits, a space, and why it is none.",
                WRONG_USE,
            )
        found.add(mark)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Looked:
    """What lies in files and in git.

    Args:
        rows: one for each finding.
        gaps: why not all of the history was read.
        too_long: how many files and versions were left out, because they are longer than anybody writes.
    """

    rows: list[dict[str, Any]]
    gaps: list[str]
    too_long: int


def looked(folder: Path, allowed: frozenset[str], seconds: int) -> Looked:
    """What lies in files, then what only git has.

    Args:
        seconds: for git's history; 0 for none.
    """
    from stockade.vault import scan

    long: list[str] = []
    found = sorted(scan.tree(folder, allowed, long))
    past = scan.Scanned()
    if seconds:
        with contextlib.suppress(scan.NotARepository):
            past = scan.history(folder, allowed, seconds)
        here = {one.fingerprint for one in found}
        found += sorted(one for one in past.findings if one.fingerprint not in here)
    return Looked([_row(one) for one in found], past.gaps, max(len(long), past.too_long))


def _row(one: Finding) -> dict[str, Any]:
    where = f"{one.path}:{one.line}" if one.line else one.path
    return {"what": one.kind, "where": where, "commit": one.commit, "fingerprint": one.fingerprint}


def standing_rows(old: float) -> list[dict[str, Any]]:
    """What is wrong with the secrets of the project."""
    from stockade.cli.project import load_project
    from stockade.cli.secrets_set import ills

    load_project(judge=False)
    return [
        {"what": f"{one.name} {one.why}", "where": one.where, "commit": "", "fingerprint": ""}
        for one in ills(old)
    ]
