"""A clean start for each test: nothing counted, nothing remembered, nothing left in a queue."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import Any
from unittest import TestCase

from django.test import override_settings

from stockade import conf
from stockade.core import clock
from stockade.core.errors import ConfigurationError, Unavailable
from stockade.events import bus
from stockade.gate.registry import get_gate

_MEMORY = "memory://"
_override: Any = None


def reset() -> None:
    """Forget what limits have counted, what workers remember of credentials, keys and states, and what waits to be
    written.

    What is built from settings stays, so this costs microseconds; when settings change it is built anew by itself. The
    state is empty after it, but loaded: the first request asks the database for nothing.
    """
    clock.unshift()
    bus.forget()
    # Only what was imported can have something to forget.
    for name in (
        "stockade.keyring",
        "stockade.truth.loading",
        "stockade.truth.lists",
        "stockade.truth.reconciler",
    ):
        room: Any = sys.modules.get(name)
        if room is not None:
            room.forget()
    if conf.configured():
        with contextlib.suppress(ConfigurationError, Unavailable):  # said by checks, and by the first request
            gate = get_gate()
            gate.reset()
            # A new birth marker: workers drop what they remember. What a test revokes is written from here on.
            gate.load((), 0)
            if (lists := sys.modules.get("stockade.truth.lists")) is not None:
                lists.begin_empty()


class stockade_settings(override_settings):  # noqa: N801 - named and used as Django's
    """`override_settings` for single keys of STOCKADE: a context manager, and a decorator for tests and TestCases.

    Keys that hold a dict (LIMITS, JWT, EVENTS) are changed by their own keys, others are replaced::

        with stockade_settings(LIMITS={"user": "2/min"}):
            ...
    """

    def __init__(self, **changes: Any) -> None:
        super().__init__()
        self._changes = changes

    def enable(self) -> None:
        """Change what STOCKADE is now, not what it was where the decorator was written."""
        now = dict(conf.raw())
        for name, value in self._changes.items():
            old = now.get(name)
            now[name] = {**old, **value} if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        self.options = {"STOCKADE": now}
        super().enable()

    def decorate_class(self, cls: type) -> type:
        """Change STOCKADE for all tests of a TestCase."""
        if not issubclass(cls, TestCase):
            raise TypeError("stockade_settings decorates TestCases and functions.")
        original = cls.setUpClass.__func__  # type: ignore[attr-defined]
        changes = self._changes

        def set_up_class(within: type[TestCase]) -> None:
            within.enterClassContext(stockade_settings(**changes))
            original(within)

        cls.setUpClass = classmethod(set_up_class)  # type: ignore[assignment]
        return cls


def ready() -> bool:
    """Whether this is a Django project that is set up, has Stockade installed, and configures it."""
    if "stockade.apps" not in sys.modules:
        return False
    from django.apps import apps

    return apps.ready and conf.configured()


def use_memory() -> bool:
    """Run tests on ``memory://`` whatever STATE says: what tests count must not reach a state that others use.

    Returns:
        Whether there was something to do, and so something to undo.
    """
    global _override
    if _override is not None or conf.raw().get("STATE") == _MEMORY:
        return False
    _override = stockade_settings(STATE=_MEMORY)
    _override.enable()
    return True


def use_own() -> None:
    """Undo `use_memory`."""
    global _override
    if _override is not None:
        override, _override = _override, None
        override.disable()
