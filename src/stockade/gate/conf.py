"""The settings of the gate."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stockade.conf import Section, boolean, duration, names, setting
from stockade.core import address
from stockade.gate.mapped import MAP_SIZE, MIN_MAP_SIZE, TIMEOUT
from stockade.gate.redis import address as redis

_SIZES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_STATES = '"memory://", "lmdb://", "lmdb:///a/directory", "redis://host:6379/0" or "redis+sentinel://host/service/0"'


class StateUrl(str):
    """A URL that may hold a password: its repr does not."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<state {redis.parse(str(self)).public}>"


def state(value: Any) -> str:
    """A URL that `registry.open_gate` takes."""
    if not isinstance(value, str):
        raise ValueError(f"Write {_STATES}.")
    scheme, separator, rest = value.partition("://")
    if scheme in redis.SCHEMES:
        redis.parse(value)
        return StateUrl(value)
    if not separator or scheme not in ("memory", "lmdb"):
        shown = scheme if separator else "a text without ://"  # what follows may hold a password
        raise ValueError(f"{shown!r} names no state. Write {_STATES}.")
    if scheme == "memory" and rest:
        raise ValueError('Nothing follows in "memory://".')
    if rest and (not Path(rest).is_absolute() or "?" in rest or "#" in rest):
        raise ValueError(
            f'{value!r}: write three slashes and the absolute path of a directory: "lmdb:///a/directory".'
        )
    return value


def size(value: Any) -> int:
    """Bytes from ``"256M"``, ``"2G"`` or a number of bytes."""
    found = 0
    if isinstance(value, int) and not isinstance(value, bool):
        found = value
    elif match := re.fullmatch(r"\s*(\d{1,9})\s*([kmg])(?:i?b)?\s*", str(value).lower(), re.ASCII):
        found = int(match[1]) * _SIZES[match[2]]
    if not MIN_MAP_SIZE <= found <= 1 << 40:
        raise ValueError('Write a size from 1M on, such as "256M" or "2G".')
    return found // 4096 * 4096


def _away(value: Any) -> str:
    if value not in ("refuse", "admit"):
        raise ValueError('Write "refuse" or "admit".')
    return str(value)


@dataclass(frozen=True)
class GateSettings(Section):
    """STATE and what belongs to it."""

    state: str = setting(
        "STATE",
        state,
        "lmdb://",
        why="Where limits and epochs are shared: by a host's processes (lmdb), by many hosts (redis), or not at all "
        "(memory).",
        id="stockade.E020",
    )
    state_size: int = setting(
        "STATE_SIZE",
        size,
        f"{MAP_SIZE >> 20}M",
        why="Room for the state, reserved on disk (lmdb). A limit key takes about 200 bytes.",
        id="stockade.E021",
    )
    state_timeout: float = setting(
        "STATE_TIMEOUT",
        duration,
        f"{TIMEOUT:g}s",
        why="How long a request waits for its turn to write before it is answered with 503 (a writer was stopped).",
        id="stockade.E030",
    )
    state_away: str = setting(
        "STATE_AWAY",
        _away,
        "refuse",
        why="What happens while the state is away: 503 (refuse), or the request without limits, its session, user and "
        "keys asked of SQL (admit). Logins are refused either way.",
        id="stockade.E037",
    )
    state_keep: float = setting(
        "STATE_KEEP",
        duration,
        "31d",
        why="How long an ended session is kept when room is short: at least as long as its tokens may live.",
        id="stockade.E031",
    )


def _networks(value: Any) -> tuple[str, ...]:
    return tuple(address.spelled(address.network(text)) for text in names(value))


@dataclass(frozen=True)
class AddressSettings(Section):
    """Addresses that are refused or let in by the settings, beside the bans in the database."""

    NAME = "ADDRESSES"

    allow: tuple[str, ...] = setting(
        "allow",
        _networks,
        [],
        why="Addresses and CIDR blocks that no wider or equal ban keeps out.",
        id="stockade.E032",
    )
    deny: tuple[str, ...] = setting(
        "deny",
        _networks,
        [],
        why="Addresses and CIDR blocks that are banned. Of entries that cover an address the most specific decides.",
        id="stockade.E033",
    )
    only_allowed: bool = setting(
        "only_allowed",
        boolean,
        False,
        why="Refuse every address that no entry allows, here or in the database.",
        id="stockade.E034",
    )
