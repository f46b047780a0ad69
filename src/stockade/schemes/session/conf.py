"""Settings of sessions in a cookie: how long they live, and how exactly their use is written down."""

from __future__ import annotations

from dataclasses import dataclass

from stockade.conf import Section, duration, setting


@dataclass(frozen=True)
class SessionSettings(Section):
    """How sessions live that a browser keeps by Django's cookie."""

    NAME = "SESSION"

    idle: float = setting(
        "IDLE", duration, "7d", id="stockade.E131",
        why="A login that is not used for this long is over.",
    )  # fmt: skip
    absolute: float = setting(
        "ABSOLUTE", duration, "14d", id="stockade.E132",
        why="A login is over this long after it was made, however often it is used. Django's SESSION_COOKIE_AGE and "
        "set_expiry shorten it.",
    )  # fmt: skip
    used_every: float = setting(
        "LAST_USED_EVERY", duration, "10m", id="stockade.E133",
        why="How exact the time of a session's last use is: it is written at most once in this time, and no request "
        "else writes. Half of IDLE where that is shorter.",
    )  # fmt: skip

    @property
    def note_every(self) -> float:
        """Seconds between two notes of the same session's use: one in use must not run out in between."""
        return min(self.used_every, self.idle / 2)
