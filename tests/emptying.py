"""Empties the database after a test that commits: what Django's `flush` leaves, at a tenth of its cost.

`flush` has PostgreSQL make every table and index anew, and has every app write its content types and permissions
again. Here rows are deleted, and rows that were there before the first test are put back only where they changed.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction
from django.test import TransactionTestCase

Rows = list[tuple[Any, ...]]
_first: dict[str, Rows] = {}  # by table: what the migrations have written
_flush = TransactionTestCase._fixture_teardown


def begin() -> None:
    """From now on tests leave the default database as it is now."""
    connection = connections["default"]
    with connection.cursor() as cursor:
        for table in connection.introspection.django_table_names(only_existing=True, include_views=False):
            rows = _rows(cursor, table)
            if rows:
                _first[table] = rows
    TransactionTestCase._fixture_teardown = _fixture_teardown


def _fixture_teardown(case: TransactionTestCase) -> None:
    if list(case._databases_names(include_mirrors=False)) == ["default"] and case.available_apps is None:
        empty()
    else:
        _flush(case)


def empty() -> None:
    """Delete every row of the default database that was not there at the beginning."""
    connection = connections["default"]
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    deletions = [_delete(table) for table in tables if table not in _first]
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Every table is emptied: which row refers to which need not be looked up. One statement is one round trip.
            deletions = ["; ".join(["SET LOCAL session_replication_role = replica", *deletions])]
        for deletion in deletions:
            cursor.execute(deletion)
        for table, rows in _first.items():
            if _rows(cursor, table) != rows:
                cursor.execute(_delete(table))
                marks = ", ".join(["%s"] * len(rows[0]))
                cursor.executemany(f"INSERT INTO {connection.ops.quote_name(table)} VALUES ({marks})", rows)


def _delete(table: str) -> str:
    return f"DELETE FROM {connections['default'].ops.quote_name(table)}"


def _rows(cursor: Any, table: str) -> Rows:
    cursor.execute(f"SELECT * FROM {connections['default'].ops.quote_name(table)} ORDER BY 1")
    found: Rows = cursor.fetchall()
    return found
