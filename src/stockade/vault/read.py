"""`secret("NAME")`: asks the providers in order, refuses what is missing or weak, and says what to set instead."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final, TypeVar, overload

from stockade.core.errors import ConfigurationError
from stockade.vault import telling
from stockade.vault.files import Files
from stockade.vault.places import SCHEMES, by_url
from stockade.vault.providers import Environment, Provider, valid_name
from stockade.vault.strength import GENERATE, least, weakness
from stockade.vault.telling import Notice, What
from stockade.vault.text import Secret

T = TypeVar("T")
D = TypeVar("D")


class _Missing:
    """No default was given."""


_MISSING: Final = _Missing()
_BUILT_IN: dict[str, Provider] = {"environment": Environment(), "files": Files()}
_used: tuple[Provider, ...] | None = None
_ordered: tuple[str, tuple[Provider, ...]] | None = None
_asked: dict[str, Secret] = {}
_first: dict[str, Secret] = {}  # what settings.py was given, whoever has asked since
_holding = False
_judged: dict[str, tuple[Secret, int]] = {}  # what was found strong enough, and for how many characters


def use(*providers: Provider | str) -> None:
    """Ask these providers, in this order, from now on; none: back to STOCKADE_SECRETS_ORDER and its default.

    For settings.py, before the first `secret`.

    Args:
        providers: what STOCKADE_SECRETS_ORDER may hold, or a provider of your own.

    Raises:
        ConfigurationError: E064, a word or URL is wrong.
    """
    global _used
    made = tuple(
        _provider(one, number) if isinstance(one, str) else one for number, one in enumerate(providers, 1)
    )
    _used = made or None
    _asked.clear()
    _first.clear()
    _judged.clear()


def providers() -> Sequence[Provider]:
    """The places that are asked, in their order.

    Raises:
        ConfigurationError: E064, STOCKADE_SECRETS_ORDER is wrong.
    """
    global _ordered
    if _used is not None:
        return _used
    text = os.environ.get("STOCKADE_SECRETS_ORDER", "environment,files")
    found = _ordered
    if found is None or found[0] != text:
        order = text.replace(" ", "").split(",")
        if len(set(order)) != len(order):
            raise _wrong_order("names a place twice")
        found = _ordered = (text, tuple(_provider(one, number) for number, one in enumerate(order, 1)))
    return found[1]


def _provider(one: str, number: int) -> Provider:
    if one in _BUILT_IN:
        return _BUILT_IN[one]
    found = by_url(one)
    if found is None:  # not quoted: it may be a secret that got there by mistake
        raise _wrong_order(f"has an unknown place, number {number} of the list")
    return found


def _wrong_order(why: str) -> ConfigurationError:
    return ConfigurationError(
        "stockade.E064",
        f"STOCKADE_SECRETS_ORDER {why}.",
        f"Write {', '.join(sorted(_BUILT_IN))} and URLs that begin with {', '.join(SCHEMES)}, each once, with commas "
        'between them, such as "files,environment".',
    )


def asked() -> dict[str, Secret]:
    """What `secret` has given last, by name."""
    return dict(_asked)


def origin(value: object) -> str | None:
    """The name under which `secret` gave this very value, first or last; None if it did not."""
    if not isinstance(value, str):
        return None
    given = (*_asked.items(), *_first.items())
    return next((name for name, one in given if one == value), None)


def given(name: str) -> tuple[Secret, ...]:
    """What `secret` has given under a name, first and last."""
    return tuple(found[name] for found in (_first, _asked) if name in found)


def demanded(name: str) -> int | None:
    """How many characters the secret of this name had to have when it was judged last; None where it never was."""
    judged = _judged.get(name)
    return judged[1] if judged is not None else None


@overload
def secret(name: str, *, min_length: int | None = None) -> Secret: ...
@overload
def secret(name: str, *, default: D, min_length: int | None = None) -> Secret | D: ...
@overload
def secret(name: str, *, cast: Callable[[str], T], min_length: int | None = None) -> T: ...
@overload
def secret(name: str, *, default: D, cast: Callable[[str], T], min_length: int | None = None) -> T | D: ...
def secret(
    name: str,
    *,
    default: object = _MISSING,
    cast: Callable[[str], object] | None = None,
    min_length: int | None = None,
) -> object:
    """The secret called `name`, from the first provider that has it.

    Asking again is cheap, and sees a file that has changed since.

    Args:
        name: letters, digits and underscores.
        default: what to return where no provider has it. A str becomes a `Secret` and must be strong as well;
            anything else (None, say) is returned as it is.
        cast: turns the text into what is wanted, e.g. ``int``, ``SecretStr`` or ``several``.
        min_length: the least number of characters. By default 32 for names that end in SECRET_KEY or STOCKADE_KEY,
            else 12. 0 switches every check of strength off, for what others have chosen.

    Returns:
        A `Secret` (a str with a redacted repr), or what `cast` makes of it.

    Raises:
        ConfigurationError: E060 missing, E061 weak, E062 unreadable file, E063 malformed, E064 unknown provider,
            E065 a secrets manager gives nothing, E066 its library is not installed. No message holds the value.
    """
    if not valid_name(name):
        raise ConfigurationError(
            "stockade.E060", "A secret has an impossible name.", "Use letters, digits and _."
        )
    found: Secret | None = None
    remedies: list[str] = []
    for provider in providers():
        found = provider.find(name)
        if found is not None:
            break
        remedies.append(provider.remedy(name))
    there = found is not None
    if found is None:
        if default is _MISSING:
            raise ConfigurationError(
                "stockade.E060", f"The secret {name} is missing.", f"Set {', or '.join(remedies)}."
            )
        if not isinstance(default, str) or cast is not None:
            return default
        found = Secret(default)
    length = least(name) if min_length is None else min_length
    judged = _judged.get(name)
    known = judged is not None and judged[0] is found and judged[1] >= length
    why = weakness(found, length) if length > 0 and not known else None
    if why is not None:
        raise ConfigurationError(
            "stockade.E061",
            f"The secret {name} {why}.",
            f"{GENERATE} If it is not yours to choose: min_length=0.",
        )
    if not known:
        _judged[name] = (found, length)
    if there:
        _asked[name] = found
        _first.setdefault(name, found)
    return found if cast is None else _cast(name, found, cast)


def _cast(name: str, found: Secret, cast: Callable[[str], object]) -> object:
    try:
        return cast(found)
    except Exception:  # noqa: BLE001, S110 - a converter's own message quotes what it could not convert
        pass
    # Out here for the same reason: the converter's exception must not be the context of this one.
    kind = getattr(cast, "__name__", type(cast).__name__)
    raise ConfigurationError(
        "stockade.E063", f"The secret {name} could not be read as {kind}.", "Check its format."
    )


def hold() -> None:
    """Say that this process serves: from now on `lasting` gives what it gave last while that cannot be had."""
    global _holding
    _holding = True


def lasting(name: str) -> Secret | None:
    """A secret; in a process that serves, what it was last where it is gone or cannot be used now.

    None where it never was.

    Raises:
        ConfigurationError: as for `secret`, where it never could be used.
    """
    known = given(name) if _holding else ()
    try:
        found = secret(name, default=None)
    except ConfigurationError:
        if not known:
            raise
        found = None
    return found if found is not None or not known else known[-1]


class Live:
    """A secret and its fallbacks as they are now, at each call; for what takes a callable, such as WEBHOOKS.

    What it gives first is what signs; what NAME_FALLBACKS holds is still taken. While the secret is gone or cannot be
    used, what it was last is used on, and told.

    Args:
        name: as for `secret`.
        min_length: as for `secret`.

    Raises:
        ConfigurationError: as for `secret`, now.
    """

    __slots__ = ("_failing", "_last", "_least", "name")

    def __init__(self, name: str, *, min_length: int | None = None) -> None:
        self.name, self._least, self._failing = name, min_length, ""
        self._last = self._now()

    def __repr__(self) -> str:
        return f"Live({self.name!r})"

    def __call__(self) -> tuple[Secret, ...]:
        reason = ""
        try:
            self._last = self._now()
        except ConfigurationError as error:
            reason = error.id
        if reason != self._failing:
            self._failing = reason
            what = What.AWAY if reason else What.BACK
            telling.tell(Notice(what, "secrets", reason, (self.name,)))
        return self._last

    def _now(self) -> tuple[Secret, ...]:
        return (secret(self.name, min_length=self._least), *fallbacks(self.name))


def fallbacks(name: str) -> tuple[Secret, ...]:
    """What NAME_FALLBACKS holds, separated by commas or line ends; nothing where there is none."""
    return secret(f"{name}_FALLBACKS", default=(), cast=several, min_length=0)


def several(text: str) -> tuple[Secret, ...]:
    """A cast for lists of secrets: separated by commas or line ends, for key fallbacks."""
    parts = (part.strip() for part in text.replace("\n", ",").split(","))
    return tuple(Secret(part) for part in parts if part)
