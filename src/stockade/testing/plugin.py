"""The pytest plugin: fixtures, and a clean start for each test of a project that configures Stockade.

Loaded in every environment that Stockade is installed in, so it imports nothing of Django before a test asks for it,
and does nothing at all in a project that has no STOCKADE setting.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from stockade.core.principal import Principal
    from stockade.testing.api import APIClient
    from stockade.testing.captured import CapturedEvents
    from stockade.testing.clients import StockadeClient
    from stockade.testing.travel import MovingTime


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the one option."""
    parser.addini(
        "stockade_state",
        "memory (default): tests run on memory:// whatever STATE says. settings: they run on what STATE says.",
        default="memory",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Start clean, before any fixture of the test."""
    if "stockade.apps" not in sys.modules:
        return
    from stockade.testing import state

    if state.ready():
        if item.config.getini("stockade_state") != "settings":
            state.use_memory()
        state.reset()


def pytest_unconfigure() -> None:
    """Leave settings as they were."""
    if "stockade.testing.state" in sys.modules:
        from stockade.testing import state

        state.use_own()


@pytest.fixture
def as_principal() -> Iterator[Callable[..., Principal]]:
    """Act as a principal, until the end of the test or of a block.

    `as_principal(user, roles=[...], scopes=[...])` makes every request of every test client as that user from then
    on. For a block, use `stockade.testing.as_principal`.
    """
    from stockade.testing.acting import as_principal as acting

    with ExitStack() as stack:

        def act(user: Any = None, **how: Any) -> Principal:
            return stack.enter_context(acting(user, **how))

        yield act


@pytest.fixture
def stockade_client() -> StockadeClient:
    """A `StockadeClient`: Django's test client with `as_principal`."""
    from stockade.testing.clients import StockadeClient

    return StockadeClient()


@pytest.fixture
def stockade_api_client() -> APIClient:
    """An `APIClient`: DRF's test client with `as_principal`."""
    from stockade.testing.api import APIClient

    return APIClient()


@pytest.fixture
def captured_events() -> Iterator[CapturedEvents]:
    """The events emitted since the test began, as a list with `of(event)` and `one(event)`."""
    from stockade.testing.captured import capture_events

    with capture_events() as captured:
        yield captured


@pytest.fixture
def moving_time() -> Iterator[MovingTime]:
    """Time that moves by `moving_time.forward("10m")`, and is back to normal after the test."""
    from stockade.testing.travel import moving_time as moving

    with moving() as time:
        yield time


@pytest.fixture
def stockade_settings() -> Iterator[Callable[..., None]]:
    """Change single keys of STOCKADE until the end of the test: `stockade_settings(LIMITS={"user": "2/min"})`."""
    from stockade.testing.state import stockade_settings as override

    with ExitStack() as stack:

        def change(**changes: Any) -> None:
            context: AbstractContextManager[Any] = override(**changes)
            stack.enter_context(context)

        yield change
