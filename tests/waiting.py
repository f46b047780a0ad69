"""How the tests wait for what another thread, process or browser decides: polling, with one bound for all."""

from __future__ import annotations

import time
from collections.abc import Callable

# s. So long does nothing take that works, on a loaded machine with two processors; what works ends no wait later.
PATIENCE = 60.0
PAUSE = 0.02


def eventually(condition: Callable[[], object], *, seconds: float = PATIENCE) -> bool:
    """Whether `condition()` comes to hold, asked again and again until it does or `seconds` are over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)  # somebody else decides when; there is no clock to move
    return True


def until(condition: Callable[[], object], what: str = "it", *, seconds: float = PATIENCE) -> None:
    """Wait until `condition()` holds.

    Raises:
        AssertionError: it does not within `seconds`; the message names `what` was waited for.
    """
    if not eventually(condition, seconds=seconds):
        raise AssertionError(f"{what}: still not so after {seconds:.0f} s")
