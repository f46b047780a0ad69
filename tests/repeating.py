"""Which tests run again on PostgreSQL: those that its SQL, types, collations, locks or transactions could fail."""

from __future__ import annotations

import re

import pytest

# What reaches the database, and would be the same test on any: what it is about is decided before a row is read, or in
# another process. Nothing belongs here that writes rows which are the point, or that several write at once.
SAME_ON_ANY = {
    r"tests/edge/test_browser\.py": "what a browser makes of our headers",
    # test_api.py asks a demo that is on PostgreSQL
    r"tests/demo/test_(page|browser_mode|mine|watch|tour|profile|issuer|webhooks)\.py": "pages and commands",
    r"tests/drf/schema/": "the OpenAPI document",
    r"tests/drf/foreign/": "the authenticators, permissions and queries of other packages",
    r"tests/schemes/every/test_every\.py::.*\[(canaries|stolen)::": "logs, reports, and what the same code writes",
    r"tests/schemes/test_browser_wire\.py::(?!test_logging_out_while)": "cookies and headers on the wire",
    r"tests/schemes/test_login_time\.py": "how many hashes are computed",
    r"tests/schemes/test_npm_client\.py": "a client in another language",
    r"tests/schemes/external/test_(hostile_issuer|oidc_provider)\.py": "what an issuer answers over HTTP",
    r"tests/webhooks/": "signatures, and a state that is no database",
}
_SAME = re.compile("|".join(SAME_ON_ANY))

# pytest-django lets nobody else connect, and nobody else has a database that was migrated for a process to share.
_OPENERS = {"db", "transactional_db", "django_db_setup", "live_server", "database_server"}


def on_postgresql(item: pytest.Item) -> bool:
    """Whether the run on PostgreSQL has this test."""
    return bool(item.get_closest_marker("postgres")) or (
        reaches_database(item) and not _SAME.match(item.nodeid)
    )


def reaches_database(item: pytest.Item) -> bool:
    """Whether a test can reach the run's database: for any other it is the same test on every database."""
    from django.test import TransactionTestCase

    cls = getattr(item, "cls", None)
    if item.get_closest_marker("django_db") or (cls is not None and issubclass(cls, TransactionTestCase)):
        return True
    return not _OPENERS.isdisjoint(getattr(item, "fixturenames", ()))
