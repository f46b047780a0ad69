"""What every test can use: the two databases, real servers, a browser, and async tests on Django's own bridge."""

from __future__ import annotations

import gc
import inspect
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync

from tests import postgres, repeating, scheduling, servers

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Chromium as root, without GPU, in a network that answers nothing but the loopback address.
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


# --- the run ---


def pytest_configure(config: pytest.Config) -> None:
    _expect_source()
    if os.environ.get("STOCKADE_TEST_DATABASE") == "postgres" and "STOCKADE_TEST_POSTGRES" not in os.environ:
        from django.conf import settings

        settings.DATABASES["default"]["HOST"] = postgres.start()  # this process has read its settings already


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL: what it could fail (`tests/repeating.py`). On SQLite: all but the tests about PostgreSQL."""
    if os.environ.get("STOCKADE_TEST_DATABASE") == "postgres":
        left_out = {item for item in items if not repeating.on_postgresql(item)}
    else:
        left_out = {item for item in items if item.get_closest_marker("postgres")}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    if hasattr(config, "workerinput"):
        by_id = {item.nodeid: item for item in items}
        items[:] = [by_id[node] for nodes in scheduling.units(list(by_id)).values() for node in nodes]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """In place of xdist's own, where a run says `--dist loadfile`."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.whole import Whole

    return Whole(config, log)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What the modules have made lives to the end: no collection need look at it again (a tenth of the run)."""
    if not gc.get_freeze_count():  # the nursery of `test_controls.py` has done so before it forked
        gc.collect()
        gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    postgres.stop()
    if os.environ.get("STOCKADE_TEST_DIR_OWNER") == str(os.getpid()):
        shutil.rmtree(os.environ.pop("STOCKADE_TEST_DIR"), ignore_errors=True)
        del os.environ["STOCKADE_TEST_DIR_OWNER"]


def _expect_source() -> None:
    """`tests/test_controls.py` runs tests on a changed copy of the source: make sure that it is what they import."""
    expected = os.environ.get("STOCKADE_TEST_SOURCE")
    if expected:
        import stockade

        # A namespace or an installed package in its place would make every control look useless or useful by chance.
        found = list(stockade.__path__)
        if not any(Path(entry).is_relative_to(expected) for entry in found):
            pytest.exit(f"stockade was imported from {found}, not from {expected}", returncode=3)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests through `async_to_sync`, as Django's TestCase does.

    Its `sync_to_async` calls then run in this thread, on this thread's database connection and transaction, so the
    plain `db` fixture works. A bare event loop would send them to another thread and another connection.
    """
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    async_to_sync(pyfuncitem.obj)(**{name: pyfuncitem.funcargs[name] for name in names})
    return True


@pytest.fixture(autouse=True)
def process_as_found() -> Iterator[None]:
    """What a test leaves in the process is nothing to the next, in whichever order a run takes them."""
    from tests import around

    with around.as_found():
        yield


# --- servers ---


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_test_environment: None, django_db_blocker: Any
) -> None:
    """The run's database, which tests that commit leave as they found it.

    `tests/test_controls.py` names a file for its tables, STOCKADE_TEST_TABLES: the first run writes it.
    """
    from tests import emptying, tables

    kept = os.environ.get("STOCKADE_TEST_TABLES")
    if kept and Path(kept).exists():
        tables.take(Path(kept))
    else:
        request.getfixturevalue("django_db_setup")
    with django_db_blocker.unblock():
        if kept and not Path(kept).exists():
            tables.keep(Path(kept))
        emptying.begin()


@pytest.fixture
def database_vendor() -> str:
    """`sqlite` or `postgresql`: which database this run is on."""
    from django.db import connection

    return connection.vendor


# --- the browser ---


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The machine's Chromium. In CI it must be there; elsewhere its absence is reported."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        message = "Chromium is missing: no page was tested in a browser (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture
def browser(chromium_path: str) -> Iterator[Browser]:
    """A fresh headless Chromium, driven by Playwright.

    One for each test: Playwright keeps an event loop running in this thread, and Django refuses database calls
    there. Fetch what the test needs from the database before asking for `browser` or `page`.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Its own socket lies in its temporary folder, and a socket's path has 107 characters at most (unix(7)).
        with tempfile.TemporaryDirectory(prefix="c", dir=os.environ.get("STOCKADE_TEST_SHORT")) as short:
            chromium = playwright.chromium.launch(
                executable_path=chromium_path, args=CHROMIUM_OPTIONS, env={**os.environ, "TMPDIR": short}
            )
        try:
            yield chromium
        finally:
            chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a fresh context (no cookies). Every wait, of `expect` too, has the same bound."""
    from playwright.sync_api import expect

    bound = (
        30_000  # ms; half the patience of `tests/waiting.py`: a page that stays wrong fails a control in time
    )
    expect.set_options(timeout=bound)
    context = browser.new_context()
    context.set_default_timeout(bound)
    try:
        yield context.new_page()
    finally:
        context.close()


@pytest.fixture(scope="session")
def database_server() -> str:
    """The folder of the run's PostgreSQL socket, for whoever makes a database of his own there; "" on SQLite."""
    return os.environ.get("STOCKADE_TEST_POSTGRES", "")


@pytest.fixture(scope="session")
def python() -> str:
    """The interpreter of this environment, for tests that start a fresh one."""
    return sys.executable


__all__ = ["servers"]
