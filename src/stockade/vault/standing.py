"""How the secrets that this process has asked for stand: how strong, how old, used for more than one thing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stockade.core import clock
from stockade.vault.files import Files
from stockade.vault.kept import Kept
from stockade.vault.read import asked, demanded, providers, several
from stockade.vault.strength import least, weakness
from stockade.vault.text import Secret

OLD = 365 * 86_400.0  # seconds: what is older was forgotten
FALLBACKS = "_FALLBACKS"
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Standing:
    """One secret.

    Args:
        name: under which it was asked for.
        place: of the provider that has it.
        length: characters.
        bits: at most, as if every character were chosen at random among its kind.
        days: since its value was written; None where its place does not tell.
        wrong: ends of sentences that begin with its name; empty where all is well.
    """

    name: str
    place: str
    length: int
    bits: int
    days: int | None
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Value:
    """One value; NAME_FALLBACKS has several, and each opens what NAME does."""

    name: str
    owner: str
    text: Secret
    asked: bool


def standings(more: Mapping[str, str] | None = None, old: float = OLD) -> Iterator[Standing]:
    """Every secret that was asked for, by name.

    Args:
        more: values of settings that did not come from here, by the setting's name; only compared and measured.
        old: seconds.
    """
    values = sorted(_values(more or {}), key=lambda one: one.name)
    for one in values:
        place, days = _where(one.name) if one.asked else ("settings", None)
        wrong = []
        length = demanded(one.owner)
        # What somebody else has chosen was waived where it is read.
        why = weakness(one.text, least(one.owner) if length is None else length) if length != 0 else None
        if why is not None:
            wrong.append(why)
        same = sorted({other.name for other in values if other.owner != one.owner and other.text == one.text})
        if same:
            wrong.append(f"is the same as {', '.join(same)}")
        if days is not None and days * _DAY > old:
            wrong.append(f"is {days} days old")
        yield Standing(one.name, place, len(one.text), _bits(one.text), days, tuple(wrong))


def _values(more: Mapping[str, str]) -> Iterator[_Value]:
    for name, text in asked().items():
        owner = name.removesuffix(FALLBACKS)
        if owner == name:
            yield _Value(name, owner, text, True)
        else:
            for one in several(text):
                yield _Value(name, owner, one, True)
    for name, plain in more.items():
        yield _Value(name, name.partition(" ")[0].removesuffix(FALLBACKS), Secret(plain), False)


def _where(name: str) -> tuple[str, int | None]:
    for provider in providers():
        if provider.find(name) is None:
            continue
        made = provider.made(name) if isinstance(provider, Files | Kept) else None
        shown = provider.source.address.shown if isinstance(provider, Kept) else provider.name
        return shown, None if made is None else max(0, int((clock.now() - made) / _DAY))
    return "gone", None


def _bits(value: str) -> int:
    if not value:
        return 0
    kinds = (
        (26, any("a" <= c <= "z" for c in value)),
        (26, any("A" <= c <= "Z" for c in value)),
        (10, any(c.isdigit() for c in value)),
        (32, any(not c.isalnum() for c in value)),
    )
    return int(len(value) * math.log2(max(2, sum(size for size, there in kinds if there))))
