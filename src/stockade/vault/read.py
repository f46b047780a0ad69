"""`secret("NAME")`: asks the providers in order, refuses what is missing or weak, and says what to set instead."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final, TypeVar, overload

from stockade.core.errors import ConfigurationError
from stockade.vault.files import Files
from stockade.vault.providers import Environment, Provider, valid_name
from stockade.vault.strength import GENERATE, least, weakness
from stockade.vault.text import Secret

T = TypeVar("T")
D = TypeVar("D")


class _Missing:
    """No default was given."""


_MISSING: Final = _Missing()
_BUILT_IN: dict[str, Provider] = {"environment": Environment(), "files": Files()}
_used: tuple[Provider, ...] | None = None


def use(*providers: Provider) -> None:
    """Ask these providers, in this order, from now on; none: back to STOCKADE_SECRETS_ORDER and its default.

    For a provider of your own, in settings.py before the first `secret`.
    """
    global _used
    _used = providers or None


def _providers() -> Sequence[Provider]:
    if _used is not None:
        return _used
    order = os.environ.get("STOCKADE_SECRETS_ORDER", "environment,files").replace(" ", "").split(",")
    if len(set(order)) != len(order) or not all(name in _BUILT_IN for name in order):
        raise ConfigurationError(
            "stockade.E064",
            "STOCKADE_SECRETS_ORDER is wrong.",
            f'Write a list of {" and ".join(sorted(_BUILT_IN))}, such as "files,environment".',
        )
    return [_BUILT_IN[name] for name in order]


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
        ConfigurationError: E060 missing, E061 weak, E062 unreadable file, E063 malformed, E064 unknown provider. No
            message holds the value.
    """
    if not valid_name(name):
        raise ConfigurationError(
            "stockade.E060", "A secret has an impossible name.", "Use letters, digits and _."
        )
    found: Secret | None = None
    remedies: list[str] = []
    for provider in _providers():
        found = provider.find(name)
        if found is not None:
            break
        remedies.append(provider.remedy(name))
    if found is None:
        if default is _MISSING:
            raise ConfigurationError(
                "stockade.E060", f"The secret {name} is missing.", f"Set {', or '.join(remedies)}."
            )
        if not isinstance(default, str) or cast is not None:
            return default
        found = Secret(default)
    length = least(name) if min_length is None else min_length
    why = weakness(found, length) if length > 0 else None
    if why is not None:
        raise ConfigurationError(
            "stockade.E061",
            f"The secret {name} {why}.",
            f"{GENERATE} If it is not yours to choose: min_length=0.",
        )
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


def several(text: str) -> tuple[Secret, ...]:
    """A cast for lists of secrets: separated by commas or line ends, for key fallbacks."""
    parts = (part.strip() for part in text.replace("\n", ",").split(","))
    return tuple(Secret(part) for part in parts if part)
