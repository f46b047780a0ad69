"""Credentials of each package after the import: they go on, and what should end them does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

import stockade
from stockade.core import clock
from stockade.models import OpaqueToken
from stockade.schemes.imports import move
from stockade.schemes.opaque import prune
from tests.around import Log
from tests.schemes.imports.cases.conftest import user
from tests.schemes.imports.cases.packages import Package

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_credential_goes_on_after_the_import(token: str, package: Package) -> None:
    move.run(package.source)
    answer = Client().get("/me/", HTTP_AUTHORIZATION=f"{package.keyword} {token}")
    assert answer.json() == {"user": "alice" if package.of_user else "", "scheme": package.name}
    assert package.status(token.swapcase()) == 401
    assert package.status(token[:-1]) == 401


def test_the_database_of_ours_holds_none_of_it(token: str, package: Package) -> None:
    move.run(package.source)
    values = " ".join(str(value) for value in OpaqueToken.objects.values_list()[0])
    assert token not in values
    assert token.partition(".")[2] not in values or "." not in token
    assert token[:8] in values


def test_in_the_steady_state_no_sql_is_asked(token: str, package: Package) -> None:
    move.run(package.source)
    assert package.status(token) == 200
    with CaptureQueriesContext(connection) as queries:
        assert package.status(token) == 200
    assert [query["sql"] for query in queries.captured_queries if package.table in query["sql"]] == []
    assert [query["sql"] for query in queries.captured_queries if "opaquetoken" in query["sql"]] == []


def test_one_that_old_code_makes_later_is_taken_when_it_is_shown(package: Package, alice: User) -> None:
    """In this process or another."""
    move.run(package.source)
    later = package.make(alice)
    assert package.status(later) == 200
    assert OpaqueToken.objects.count() == 1
    clock.shift(31)
    assert package.status(later) == 200


# -- what ends one ----------------------------------------------------------------------------------------------------


def delete_there(credential: str, package: Package) -> None:
    package.row(credential).delete()


def delete_by_queryset(credential: str, package: Package) -> None:
    package.model.objects.filter(pk=package.row(credential).pk).delete()


def revoke(credential: str, package: Package) -> None:
    stockade.end_tokens(ids=[OpaqueToken.objects.get().pk])


def delete_here(credential: str, package: Package) -> None:
    OpaqueToken.objects.get().delete()


def ban(credential: str, package: Package) -> None:
    stockade.ban(session=str(OpaqueToken.objects.get().pk))


@pytest.mark.parametrize("known", [True, False], ids=["known to the worker", "not known"])
@pytest.mark.parametrize("end", [delete_there, delete_by_queryset, revoke, delete_here, ban])
def test_it_ends_on_the_next_request(
    end: Callable[[str, Package], None], known: bool, token: str, package: Package
) -> None:
    move.run(package.source)
    assert not known or package.status(token) == 200
    end(token, package)
    assert package.status(token) in (401, 403)
    move.run(package.source)
    assert package.status(token) in (401, 403)


def test_one_revoked_where_the_packages_table_is_not_at_hand_is_never_imported_again(
    token: str, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a process without the package's app, or by the operator of many tenants, each with a table of its own."""
    move.run(package.source)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(type(package.source), "installed", lambda source: False)
        stockade.end_tokens(ids=[OpaqueToken.objects.get().pk])
    assert package.there() == 1
    clock.shift(31 * 86400)
    prune()
    assert package.status(token) == 401
    move.run(package.source)
    assert package.status(token) == 401


def test_what_the_package_has_no_more_is_deleted_when_it_is_long_over(token: str, package: Package) -> None:
    move.run(package.source)
    package.row(token).delete()
    assert prune() == 0
    clock.shift(31 * 86400)
    assert prune() == 1


def test_one_that_an_old_process_deletes_ends_within_the_age_of_a_principal(
    token: str, package: Package
) -> None:
    """A process without Stockade tells nobody."""
    move.run(package.source)
    assert package.status(token) == 200
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {package.table}")
    clock.shift(31)
    assert package.status(token) == 401
    assert move.run(package.source).gone == 1
    assert OpaqueToken.objects.get().end_reason == package.source.reason


def test_an_end_that_is_rolled_back_was_none(token: str, package: Package) -> None:
    move.run(package.source)
    assert package.status(token) == 200
    try:
        with transaction.atomic():
            package.row(token).delete()
            raise RuntimeError("the view failed")
    except RuntimeError:
        pass
    assert package.status(token) == 200


def test_a_revoked_one_is_revoked_for_old_processes_too(token: str, package: Package) -> None:
    """They go by the package's table; and undoing the import must not bring it back."""
    kept = package.make(user("bob"))
    move.run(package.source)
    stockade.end_tokens(ids=[OpaqueToken.objects.get(visible=token[:8]).pk])
    assert package.there() == 1
    assert package.row(kept)
    move.undo(package.source)
    move.run(package.source)
    assert [package.status(token), package.status(kept)] == [401, 200]


def test_the_deletion_is_in_the_log_once(token: str, package: Package, log: Log) -> None:
    move.run(package.source)
    package.row(token).delete()
    told = [(record.event.name, record.reason) for record in log() if record.event.name.startswith("TOKEN")]
    assert told == [("TOKEN_REVOKED", package.source.reason)]
    assert token not in repr([{name: getattr(r, name) for name in r.__slots__} for r in log()])


# -- guesses ----------------------------------------------------------------------------------------------------------


def test_a_digest_is_no_credential(token: str, package: Package) -> None:
    """Neither ours nor the package's."""
    move.run(package.source)
    assert package.status(token) == 200
    found, theirs = OpaqueToken.objects.get(), package.row(token)
    hashes = [str(getattr(theirs, name, "")).rpartition("$")[2] for name in ("digest", "hashed_key")]
    for value in (found.digest, found.digest[:40], found.stamp[:40], found.visible.ljust(40, "0"), *hashes):
        assert package.status(value) == 401
        assert package.status(f"{found.visible}.{value[:64]}") == 401


def test_guesses_are_limited_by_address(token: str, package: Package, project: Any) -> None:
    project.STOCKADE = {**project.STOCKADE, "LIMITS": {"failed_auth": "3/min"}}
    move.run(package.source)
    guesses = [f"{number:08x}.{number:032x}" if "." in token else f"{number:040x}" for number in range(5)]
    assert [package.status(guess) for guess in guesses] == [401] * 3 + [429] * 2


@pytest.mark.parametrize("mine", ["north", "south"])
def test_one_of_a_tenant_is_nobodys_in_another(mine: str, token: str, package: Package, project: Any) -> None:
    """Each tenant has an import of its own; what another's has is neither taken nor told."""
    at = {"name": mine}
    taken = [
        name for name in project.STOCKADE["SCHEMES"] if name != "simplejwt"
    ]  # whose tokens name no tenant
    project.STOCKADE = {**project.STOCKADE, "SCHEMES": taken, "TENANT": lambda request: at["name"]}
    move.run(package.source)
    assert package.status(token) == 200
    assert OpaqueToken.objects.get().tenant == mine
    at["name"] = "east"
    assert package.status(token) == 401
    assert move.undo(package.source) is None
    at["name"] = mine
    assert package.status(token) == 200
    assert move.run(package.source).tokens == 1
    assert move.undo(package.source) == 1
    assert package.status(token) == 401
