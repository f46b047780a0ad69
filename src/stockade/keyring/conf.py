"""Settings of the key ring, and the keys that its rows are wrapped with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from stockade.conf import Section, choice, duration, raw, setting
from stockade.core.errors import ConfigurationError
from stockade.vault import Secret, secret, several
from stockade.vault.read import lasting
from stockade.vault.strength import GENERATE, least, weakness

ALGORITHMS = ("ES256", "EdDSA", "RS256", "HS256")
DEFAULT_ALGORITHM = "ES256"


@dataclass(frozen=True)
class KeyringSettings(Section):
    """``STOCKADE["KEYRING"]``."""

    NAME: ClassVar[str] = "KEYRING"

    jwks_max_age: float = setting(
        "JWKS_MAX_AGE",
        duration,
        "10m",
        why="How long others may keep our public keys (Cache-Control of the JWKS). A new key is published for longer "
        "than this before it signs.",
        id="stockade.E072",
    )
    rotation: float = setting(
        "ROTATION",
        duration,
        "90d",
        why="How long a key signs before `stockade keyring rotate --if-due` publishes the next one.",
        id="stockade.E075",
    )
    margin: float = setting(
        "MARGIN",
        duration,
        "1m",
        why="What is added to every wait of a key: for clocks that differ, a slow fetch of the JWKS, a slow commit.",
        id="stockade.E076",
    )


def wanted_algorithm() -> str:
    """What new keys sign with: ``JWT["ALGORITHM"]``, which the schemes declare and document; the ring lies below."""
    section = raw().get("JWT")
    value = section.get("ALGORITHM", DEFAULT_ALGORITHM) if isinstance(section, dict) else DEFAULT_ALGORITHM
    try:
        return choice(*ALGORITHMS)(value)
    except ValueError as error:
        raise ConfigurationError(
            "stockade.E073", "STOCKADE['JWT']['ALGORITHM'] is wrong.", str(error)
        ) from None


@dataclass(frozen=True, slots=True)
class WrappingKeys:
    """What rows are wrapped with (the first) and may have been wrapped with (all), as the operator wrote them."""

    all: tuple[Secret, ...] = field(repr=False)


def wrapping_keys() -> WrappingKeys:
    """STOCKADE_KEY (a Django setting, else from the vault), else SECRET_KEY; then the fallbacks of both.

    With STOCKADE_KEY set, SECRET_KEY still unwraps: so a project moves from one to the other without losing its keys.

    Raises:
        ConfigurationError: E071, STOCKADE_KEY is weak; or what the vault raises.
    """
    from django.conf import settings

    own = getattr(settings, "STOCKADE_KEY", None) or lasting("STOCKADE_KEY")
    found: list[Secret] = []
    if own is not None:
        key = _text(own)
        why = weakness(key, least("STOCKADE_KEY"))
        if why is not None:
            raise ConfigurationError("stockade.E071", f"STOCKADE_KEY {why}.", GENERATE)
        found.append(key)
        older = getattr(settings, "STOCKADE_KEY_FALLBACKS", None)
        if older is None:
            older = secret("STOCKADE_KEY_FALLBACKS", default=(), cast=several, min_length=0)
        found += map(_text, older)
    found.append(_text(settings.SECRET_KEY))
    found += map(_text, settings.SECRET_KEY_FALLBACKS)
    return WrappingKeys(tuple(found))


def _text(value: object) -> Secret:
    if isinstance(value, bytes):
        return Secret(value.decode("utf-8", "surrogateescape"))
    return Secret(str(value))
