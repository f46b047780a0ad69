"""The databases that the suite runs on behave as deployments are told to set them."""

from __future__ import annotations

import os
import threading

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection, transaction

from tests.servers import granian, run_processes


@pytest.mark.django_db
def test_the_run_is_on_the_database_it_was_asked_for(database_vendor: str) -> None:
    expected = {"sqlite": "sqlite", "postgres": "postgresql"}
    assert database_vendor == expected[os.environ.get("STOCKADE_TEST_DATABASE", "sqlite")]


@pytest.mark.django_db
def test_sqlite_is_in_wal_mode_and_postgresql_is_reached_through_a_socket(database_vendor: str) -> None:
    with connection.cursor() as cursor:
        if database_vendor == "sqlite":
            cursor.execute("PRAGMA journal_mode")
            assert cursor.fetchone() == ("wal",)
        else:
            cursor.execute("SELECT inet_server_addr()")
            assert cursor.fetchone() == (None,)


@pytest.mark.django_db
async def test_an_async_test_sees_the_rows_of_its_own_transaction() -> None:
    await Group.objects.acreate(name="Editors")
    assert await Group.objects.acount() == 1


@pytest.mark.django_db(transaction=True)
def test_threads_wait_for_each_other_instead_of_failing() -> None:
    """Read-then-write in eight threads at once: deferred SQLite transactions would fail with `database is locked`."""
    group = Group.objects.create(name="0")
    errors: list[BaseException] = []

    def add_one() -> None:
        try:
            with transaction.atomic():
                row = Group.objects.select_for_update().get(pk=group.pk)
                row.name = str(int(row.name) + 1)
                row.save()
        except BaseException as error:  # noqa: BLE001 - reported below, in the main thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=add_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    group.refresh_from_db()
    assert (errors, group.name) == ([], "8")


def create_group(index: int, prefix: str) -> int:
    Group.objects.create(name=f"{prefix}{index}")
    return os.getpid()


@pytest.mark.django_db(transaction=True)
def test_processes_share_the_test_database() -> None:
    pids = run_processes(3, create_group, "process-", django=True)
    assert len({*pids, os.getpid()}) == 4
    assert sorted(Group.objects.values_list("name", flat=True)) == ["process-0", "process-1", "process-2"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("interface", "target"), [("wsgi", "tests.ground.site:wsgi"), ("asginl", "tests.ground.site:asgi")]
)
def test_a_real_server_answers_from_the_test_database(interface: str, target: str) -> None:
    import httpx2

    get_user_model().objects.create_user("alice")
    with granian(target, interface=interface) as server:
        assert httpx2.get(f"{server.base_url}/users", timeout=60).json() == {"users": ["alice"]}
        pid = server.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
