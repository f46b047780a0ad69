"""The two clocks of Stockade, in one place so that tests can move time instead of sleeping.

`now` is the wall clock: for what is written down, signed or compared with another host (RFC 7519 NumericDate).
`ticks` never goes backwards and is the same for every process of a host (CLOCK_BOOTTIME, which also counts while
the machine is suspended): for limits and ages, so that a stepped wall clock opens no limit.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from functools import partial

_shift: float = 0.0
_shift_us: int = 0

_wall: Callable[[], float] = time.time
_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)  # Linux; elsewhere the monotonic clock


def now() -> float:
    """Seconds since the epoch, as a float."""
    return _wall() + _shift


def now_datetime() -> datetime.datetime:
    """The wall clock as an aware datetime in UTC."""
    return datetime.datetime.fromtimestamp(now(), datetime.UTC)


_steady: Callable[[], int] = (
    partial(time.clock_gettime_ns, _BOOTTIME) if _BOOTTIME is not None else time.monotonic_ns
)


def ticks() -> int:
    """Microseconds of a clock that never steps back and is shared by all processes of this host."""
    return _steady() // 1000 + _shift_us


def moved() -> bool:
    """Whether a test has moved the clocks of this process; then another host's clock does not go with them."""
    return _shift_us != 0


def shift(seconds: float) -> None:
    """Move both clocks of this process by `seconds`; for `stockade.testing` only."""
    global _shift, _shift_us
    _shift += seconds
    _shift_us += round(seconds * 1_000_000)


def unshift() -> None:
    """Undo every `shift` of this process."""
    global _shift, _shift_us
    _shift, _shift_us = 0.0, 0
