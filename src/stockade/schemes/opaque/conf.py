"""Settings of opaque tokens and API keys: how long they live, how many there are, what ends them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stockade.conf import Section, choice, duration, integer, setting


def lifetime(value: Any) -> float | None:
    """Seconds; None for no end."""
    return None if value is None else duration(value)


@dataclass(frozen=True)
class TokenSettings(Section):
    """How tokens of `Authorization: Token` live."""

    NAME = "TOKEN"

    lifetime: float | None = setting(
        "LIFETIME", lifetime, "90d", id="stockade.E150",
        why="How long a new token is good, unless it is made for another time. None: for ever, as DRF's.",
    )  # fmt: skip
    most: int = setting(
        "MOST", integer(1, 10_000), 50, id="stockade.E151",
        why="How many tokens a user may make by himself that have not ended; one more is refused.",
    )  # fmt: skip
    logins: int = setting(
        "LOGINS", integer(1, 1000), 10, id="stockade.E152",
        why="How many tokens that were given for a password a user has: each login gives a new one, since of the old "
        "ones only digests are kept. One more ends the one that was not used for longest.",
    )  # fmt: skip
    password_change: str = setting(
        "PASSWORD_CHANGE", choice("end", "keep"), "end", id="stockade.E153",
        why='Whether a changed password ends the user\'s tokens. "keep": they go on, as DRF\'s do.',
    )  # fmt: skip
    last_used_every: float = setting(
        "LAST_USED_EVERY", duration, "10m", id="stockade.E154",
        why="How exact the time of a token's last use is: it is written at most once in this time.",
    )  # fmt: skip

    @property
    def ends_with_password(self) -> bool:
        """Whether a changed password ends tokens."""
        return self.password_change == "end"  # noqa: S105 - no password, a choice


@dataclass(frozen=True)
class KeySettings(Section):
    """How API keys live."""

    NAME = "API_KEY"

    lifetime: float | None = setting(
        "LIFETIME", lifetime, "365d", id="stockade.E155",
        why="How long a new key is good, unless it is made for another time. None: for ever.",
    )  # fmt: skip
    most: int = setting(
        "MOST", integer(1, 10_000), 20, id="stockade.E156",
        why="How many keys a user may make by himself that have not ended; one more is refused.",
    )  # fmt: skip
    overlap: float = setting(
        "OVERLAP", duration, "24h", id="stockade.E157",
        why="How long a key that was rotated goes on beside the one that replaces it, unless said otherwise.",
    )  # fmt: skip
