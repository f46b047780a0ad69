"""Finds the enabled schemes by name."""

from __future__ import annotations

from collections.abc import Callable

from stockade import conf
from stockade.core.errors import ConfigurationError
from stockade.schemes.conf import SchemeSettings
from stockade.schemes.protocol import Scheme


def _jwt() -> Scheme:
    from stockade.schemes.jwt import JWTScheme

    return JWTScheme()


KNOWN: dict[str, Callable[[], Scheme]] = {"jwt": _jwt}


def enabled_schemes() -> tuple[Scheme, ...]:
    """The schemes of the setting SCHEMES, in order.

    Raises:
        ConfigurationError: a name that no scheme has.
    """
    found = []
    for name in conf.load(SchemeSettings).schemes:
        make = KNOWN.get(name)
        if make is None:
            raise ConfigurationError(
                "stockade.E101",
                f"SCHEMES names {name!r}, which is no scheme.",
                f"Known: {', '.join(sorted(KNOWN))}.",
            )
        found.append(make())
    return tuple(found)
