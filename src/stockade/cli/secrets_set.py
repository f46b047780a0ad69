"""The secrets that a project's settings hold: which of them are weak, old, shared, or written in their files."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# Always a secret, by what Django and others do with it.
_KNOWN = frozenset(
    {"SECRET_KEY", "SECRET_KEY_FALLBACKS", "STOCKADE_KEY", "STOCKADE_KEY_FALLBACKS", "EMAIL_HOST_PASSWORD"}
)
# A secret by its name, if it looks like one: these words also stand in names of headers, fields and paths.
_NAMED = re.compile(
    r"(?i)secret|passw(?:or)?d|(?:^|_)pass$|(?:^|_)token$|api_?key|signing_?key|access_?key|private_?key|credential"
)
_DEPTH = 6  # of dicts and lists in each other; deeper ones are no settings
_SHORTEST = 8  # characters: what is shorter stands in any text by chance


@dataclass(frozen=True, slots=True)
class Ill:
    """What is wrong with one secret.

    Args:
        name: of it, as the vault or the settings have it.
        why: the end of a sentence that begins with its name.
        where: it is.
    """

    name: str
    why: str
    where: str


def ills(old: float) -> Iterator[Ill]:
    """What is wrong with the secrets of the project, which is loaded.

    Args:
        old: seconds; an older one is told.
    """
    from stockade.vault import origin
    from stockade.vault.read import asked
    from stockade.vault.standing import standings

    found = dict(_found())
    own = {name: text for name, text in found.items() if origin(text) is None}
    known = {name: text for name, text in own.items() if _known(name)}
    for one in standings(known, old):
        for why in one.wrong:
            yield Ill(one.name, why, one.place)
    once = {text for text, number in Counter(asked().values()).items() if number == 1}
    for name, text in found.items():
        # One secret of the vault in two settings; two secrets of one value are told above.
        same = [other for other, theirs in found.items() if _owner(other) != _owner(name) and theirs == text]
        if name not in own and text in once and _known(name) and same:
            yield Ill(name, f"is the same as {', '.join(sorted(same))}", "settings")
    files = _files()
    for name, text in own.items():
        for path in files:
            line = _line(path, text)
            if line:
                yield Ill(name, "is written in the settings", f"{path.name}:{line}")


def _owner(name: str) -> str:
    """Which setting a value of a list of fallbacks belongs to."""
    first, _, rest = name.partition(" ")
    return first.removesuffix("_FALLBACKS") if first.endswith("_FALLBACKS") else f"{first} {rest}".rstrip()


def _known(name: str) -> bool:
    first = name.partition(" ")[0]
    return (
        first in _KNOWN
        or (first == "DATABASES" and name.endswith(" PASSWORD"))
        or name == "SIMPLE_JWT SIGNING_KEY"
    )


def _found() -> Iterator[tuple[str, str]]:
    """Every setting that is a secret or looks like one, with the way to it."""
    from django.conf import settings

    for name in dir(settings):
        if name.isupper():
            yield from _within((name,), getattr(settings, name, None), _DEPTH)


def _within(way: tuple[str, ...], value: object, depth: int) -> Iterator[tuple[str, str]]:
    from stockade.vault.scan.look import is_random

    name = " ".join(way)
    if isinstance(value, str):
        if _known(name) or (_NAMED.search(way[-1]) and is_random(value)):
            if value:
                yield name, value
        elif "://" in value and (inside := _password(value)):
            yield name, inside
    elif depth and isinstance(value, Mapping):
        for key, one in value.items():
            yield from _within((*way, str(key)), one, depth - 1)
    elif depth and isinstance(value, list | tuple):
        for number, one in enumerate(value):
            # What is in a list is what the list is called.
            if isinstance(one, str) and not _known(name) and "://" not in one:
                continue
            yield from _within((*way, str(number)), one, depth - 1)


def _password(url: str) -> str | None:
    try:
        found = urlsplit(url).password
    except ValueError:
        return None
    return found if found and len(found) >= _SHORTEST else None


def _files() -> list[Path]:
    """The file of the settings, and those of the modules beside it that are called settings too."""
    from django.conf import settings

    main = settings.SETTINGS_MODULE or os.environ.get("DJANGO_SETTINGS_MODULE", "")
    beside = main.rpartition(".")[0]
    modules: list[Any] = [
        module
        for name, module in sorted(sys.modules.items())
        if name == main or (name.rpartition(".")[0] == beside and "settings" in name)
    ]
    paths = (getattr(module, "__file__", None) for module in modules)
    return [Path(path) for path in paths if path and path.endswith(".py")]


def _line(path: Path, text: str) -> int:
    """The line in which a value stands as a literal, or as the password of a URL; 0 where there is none."""
    if len(text) < _SHORTEST:
        return 0
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return 0
    shapes = (f'"{text}"', f"'{text}'", f":{text}@", repr(str(text)))
    return next((number for number, line in enumerate(lines, 1) if any(one in line for one in shapes)), 0)
