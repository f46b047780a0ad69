"""Looks through one text; what has a shape and is no secret after all is sorted out here."""

from __future__ import annotations

import itertools
import math
import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from stockade.core.secrets import fingerprint, has_shape
from stockade.vault.scan.finding import Finding
from stockade.vault.scan.kinds import KINDS, Kind
from stockade.vault.strength import weakness

LEAST_BITS = (
    3.4  # of Shannon's entropy for each character; words and paths have less, 16 random hex digits about that
)
_NOT = re.compile(
    r"(?i)example|sample|placeholder|dummy|fake|redacted|change.?me|your[-_]|insecure|not.?a?.?secret|x{4}|\*{3}|\.{3}"
    r"|<[^>]*>|\$\{|\{\{|%\(|0123456789|abcdefgh|deadbeef|test(?:ing|[-_]|$)|localhost"
)
_DOTTED = re.compile(
    r"[A-Za-z_]+(?:[._/-][A-Za-z_]+)*"
)  # names of settings, modules, files: words, no digits
_LINE = 2000  # bytes before and after a word; a longer line is a file in one line
_MOST = 200  # findings of one text; more are a list of something


def look(
    text: bytes,
    path: str,
    allowed: Collection[str] = frozenset(),
    known: set[int] | None = None,
    deadline: float = math.inf,
) -> Iterator[Finding]:
    """What of a text are secrets.

    Args:
        text: of a file.
        path: where it is.
        allowed: fingerprints of what was judged to be none.
        known: lines of other texts that need not be looked at again; those of this one are added. The versions of a
            file have most of their lines in common.
        deadline: of `time.monotonic`, after which no more of the text is looked at.
    """
    seen: set[str] = set()
    for kind, at, value in _spots(text, known, deadline):
        mark = fingerprint(value)
        if mark in seen or mark in allowed:
            continue
        seen.add(mark)
        if len(seen) > _MOST:
            return
        yield Finding(masked(path), text.count(b"\n", 0, at) + 1, kind, mark)


def named(paths: Iterable[str], allowed: Collection[str] = frozenset()) -> Iterator[Finding]:
    """What of the names of files are secrets; at line 0 of each."""
    lines = [path.replace("\n", " ") for path in paths]
    for found in look("\n".join(lines).encode(), "", allowed):
        yield replace(found, path=masked(lines[found.line - 1]), line=0)


def masked(path: str) -> str:
    """A path without the secrets in it: a report is shown and kept."""
    for _, _, value in _spots(path.encode(), None, math.inf):
        path = path.replace(value, "***")
    return path


def _spots(text: bytes, known: set[int] | None, deadline: float) -> Iterator[tuple[str, int, str]]:
    """Kind, place and value of each secret; one may be of several kinds."""
    small = text.lower()
    for kind in KINDS:
        for start, part in _parts(kind, text, small, known):
            if time.monotonic() > deadline:
                return
            for match in kind.pattern.finditer(part):
                raw = match["v"] if "v" in kind.pattern.groupindex else match[0]
                value = raw.decode("utf-8", "replace")
                if _is_secret(value, kind.name, kind.random):
                    yield kind.name, start + match.start(), value


def _parts(kind: Kind, text: bytes, small: bytes, known: set[int] | None) -> Iterator[tuple[int, bytes]]:
    """Where a kind can be: the lines that have one of its words, or all of a text where it has several lines."""
    if kind.lines:
        if any(word in small for word in kind.words):
            yield 0, text
        return
    done = -1  # the end of the last line that was given
    for at in _places(kind.words, small):
        if at < done:
            continue
        start = max(small.rfind(b"\n", 0, at) + 1, at - _LINE)
        end = small.find(b"\n", at)
        done = min(end if end >= 0 else len(text), at + _LINE)
        line = text[start:done]
        if known is not None:
            mark = hash((kind.name, line))
            if mark in known:
                continue
            known.add(mark)
        yield start, line


def _places(words: tuple[bytes, ...], small: bytes) -> list[int]:
    found: list[int] = []
    for word in words:
        at = small.find(word)
        while at >= 0:
            found.append(at)
            at = small.find(word, at + len(word))
    found.sort()
    return found


def _is_secret(value: str, kind: str, random: bool) -> bool:
    if kind == "stockade-token":
        return has_shape(value, value[:4])
    # The key that `startproject` writes is as random as any; what makes it insecure is that it lies here.
    value = value.removeprefix("django-insecure-")
    if _NOT.search(value) or (not value.startswith("-----") and weakness(value, 8)):
        return False
    return not random or is_random(value)


def is_random(value: str) -> bool:
    """Whether a value looks as if chance had made it, and not somebody who wrote words."""
    if _DOTTED.fullmatch(value):
        # Letters alone: chance changes between large and small at every second one, WordsThatAreJoined do less often.
        changes = sum(a.isupper() != b.isupper() for a, b in itertools.pairwise(value))
        return value.isalpha() and len(value) >= 16 and changes > 0.42 * len(value)
    total = len(value)
    bits = -sum(n / total * math.log2(n / total) for n in Counter(value).values())
    if bits < min(LEAST_BITS, math.log2(total) - 0.75):
        return False
    # Chance mixes letters and digits; a sentence, a path or a date does not.
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value) and " " not in value.strip()
