"""The same for tests without pytest."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar
from unittest import TestCase

from django.test import Client

from stockade.testing import state
from stockade.testing.acting import as_principal
from stockade.testing.captured import CapturedEvents, capture_events
from stockade.testing.clients import Acting, StockadeClient
from stockade.testing.travel import MovingTime, moving_time


class StockadeTestCase(TestCase):
    """Mix it into a TestCase of Django or DRF, in front: ``class ArticleTests(StockadeTestCase, TestCase)``.

    Each test starts with an empty state. `self.client` is of the other class's `client_class` (DRF's APIClient with
    APITestCase) and has `as_principal`, `self.events` is what was emitted, `self.time` moves time.
    `state_in_memory = False` keeps the project's STATE.
    """

    client_class: type[Client] = StockadeClient
    state_in_memory: ClassVar[bool] = True
    events: CapturedEvents
    time: MovingTime

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        known = (vars(base).get("client_class") for base in cls.__mro__ if base is not StockadeTestCase)
        theirs: type[Client] = next((found for found in known if found is not None), Client)
        if theirs is not Client and not issubclass(theirs, Acting):
            cls.client_class = type(theirs.__name__, (Acting, theirs), {})

    @classmethod
    def setUpClass(cls) -> None:
        """Leave a state that others use alone."""
        if cls.state_in_memory and state.ready() and state.use_memory():
            cls.addClassCleanup(state.use_own)
        super().setUpClass()

    def setUp(self) -> None:
        """Start clean."""
        super().setUp()
        state.reset()
        self.addCleanup(state.reset)
        self.time = self.enterContext(moving_time())
        self.events = self.enterContext(capture_events())

    def as_principal(self, user: Any = None, **how: Any) -> AbstractContextManager[Any]:
        """See `stockade.testing.as_principal`."""
        return as_principal(user, **how)
