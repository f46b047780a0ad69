"""What ends a credential ends it on the next request, though the worker has seen the token and asks no SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

import stockade
from stockade.core import clock
from stockade.pipeline import registry as registries

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.every_state]


@pytest.fixture(params=["jwt", "token", "api_key"])
def seen(
    request: pytest.FixtureRequest,
    alice: User,
    client_of: Callable[..., Client],
    configure: Callable[..., None],
) -> Client:
    """A client of alice whose credential, of each scheme, this worker has seen."""
    if request.param == "token":
        configure(SCHEMES=["token"])
        client = Client(
            HTTP_AUTHORIZATION=f"Token {stockade.create_token(alice).token}", raise_request_exception=False
        )
    elif request.param == "api_key":
        configure(SCHEMES=["api_key"])
        key = stockade.create_key("backup", owner=alice).token
        client = Client(HTTP_X_API_KEY=key, raise_request_exception=False)
    else:
        client = client_of(alice)
    assert client.get("/private/").status_code == 200
    return client


def test_the_steady_state_asks_no_sql(seen: Client) -> None:
    seen.get("/editors/")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert seen.get("/editors/").status_code == 200
    assert len(queries) == 0


def end(user: User) -> None:
    """Throw him out of everything."""
    stockade.end_sessions(user)
    stockade.end_tokens(user)


def test_ending_sessions_and_tokens(alice: User, seen: Client) -> None:
    end(alice)
    assert seen.get("/private/").status_code == 401


def test_a_changed_password(alice: User, seen: Client) -> None:
    alice.set_password("another horse battery")
    alice.save()
    # What a machine calls with is its owner's, not his password's.
    expected = 200 if "HTTP_X_API_KEY" in seen.defaults else 401
    assert seen.get("/private/").status_code == expected


def test_deactivation(alice: User, seen: Client) -> None:
    alice.is_active = False
    alice.save(update_fields=["is_active"])
    assert seen.get("/private/").status_code == 401


def test_deletion(alice: User, seen: Client) -> None:
    alice.delete()
    assert seen.get("/private/").status_code == 401


def test_a_role_that_is_taken_away(alice: User, seen: Client) -> None:
    assert seen.get("/editors/").status_code == 200
    alice.groups.clear()
    assert seen.get("/editors/").status_code == 403


def test_a_role_that_is_given(alice: User, seen: Client) -> None:
    alice.groups.clear()
    assert seen.get("/editors/").status_code == 403
    Group.objects.get(name="Editors").user_set.add(alice)
    assert seen.get("/editors/").status_code == 200


def test_a_group_that_is_renamed(alice: User, seen: Client) -> None:
    group = Group.objects.get(name="Editors")
    group.name = "Writers"
    group.save()
    assert seen.get("/editors/").status_code == 403


def test_a_login_date_moves_nothing(alice: User, seen: Client) -> None:
    alice.save(update_fields=["last_login"])
    with CaptureQueriesContext(connection) as queries:
        assert seen.get("/editors/").status_code == 200
    assert len(queries) == 0


def test_an_update_without_signals_bites_within_thirty_seconds(alice: User, seen: Client) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert seen.get("/private/").status_code == 200
    clock.shift(31)
    assert seen.get("/private/").status_code == 401


def test_an_update_without_signals_bites_at_once_when_told(alice: User, seen: Client) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    stockade.invalidate(alice)
    assert seen.get("/private/").status_code == 401


def test_while_a_change_is_not_committed_sql_is_asked_each_time(alice: User, seen: Client) -> None:
    """Between the mark and the commit another worker could read the old rows; it must not keep them."""
    with transaction.atomic():
        alice.is_active = False
        alice.save()
        for _ in range(3):
            with CaptureQueriesContext(connection) as queries:
                seen.get("/private/")
            assert len(queries) >= 1
    assert seen.get("/private/").status_code == 401


def test_a_change_that_was_rolled_back_changes_nothing(alice: User, seen: Client) -> None:
    with transaction.atomic():
        alice.is_active = False
        alice.save()
        transaction.set_rollback(True)
    assert seen.get("/private/").status_code == 200


def test_a_replayed_dead_token_costs_no_sql(alice: User, seen: Client) -> None:
    end(alice)
    assert seen.get("/private/").status_code == 401
    with CaptureQueriesContext(connection) as queries:
        assert seen.get("/private/").status_code == 401
    assert len(queries) == 0


def test_a_lost_state_forgets_no_revocation(alice: User, seen: Client) -> None:
    from stockade.gate.registry import get_gate

    end(alice)
    get_gate().reset()
    assert seen.get("/private/").status_code == 401


def test_the_dead_token_is_in_the_log(alice: User, seen: Client, log: Callable[[], list[Any]]) -> None:
    end(alice)
    seen.get("/private/")
    last = log()[-1]
    assert (last.event.tag, last.reason) == ("authn_credential_fail", "ended")


def test_no_thread_sees_a_mixture_of_two_readings(alice: User, seen: Client) -> None:
    registry = registries.current()
    assert registry is not None
    entries = registry.engine.memory._entries
    (before,) = entries.values()
    read = before.principal, before.epochs, before.world, before.fresh_until
    alice.groups.clear()
    assert seen.get("/editors/").status_code == 403
    (after,) = entries.values()
    assert after is not before
    assert (before.principal, before.epochs, before.world, before.fresh_until) == read


GONE = ["/gone/plain/", "/gone/drf/", "/gone/async/", "/gone/rule/"]


@pytest.mark.parametrize("path", GONE)
def test_a_caller_deleted_by_raw_sql_is_401_where_the_view_reads_his_row(
    path: str, alice: User, seen: Client, log: Callable[[], list[Any]]
) -> None:
    """No signal tells: the worker knows him for thirty seconds yet. That is no 500, and no clue that he was."""
    delete_by_hand(alice)
    answer = seen.get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert "WWW-Authenticate" in answer
    assert [(record.event.name, record.reason) for record in log()] == [("AUTHN_FAIL", "gone")]


async def test_so_it_is_under_asgi(alice: User) -> None:
    token = (await sync_to_async(stockade.issue)(alice)).access
    client = AsyncClient(raise_request_exception=False)
    bearer = {"authorization": f"Bearer {token}"}
    assert (await client.get("/gone/async/", headers=bearer)).status_code == 200
    await sync_to_async(delete_by_hand)(alice)
    for path in GONE:
        assert (await client.get(path, headers=bearer)).status_code == 401


def test_another_row_that_is_not_there_stays_a_bug(alice: User, seen: Client) -> None:
    assert seen.get("/gone/other/").status_code == 500


def delete_by_hand(user: User) -> None:
    """As another program would, which knows nothing of sessions and tokens either."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM auth_user_groups WHERE user_id = %s", [user.pk])
        cursor.execute("DELETE FROM stockade_session WHERE user_id = %s", [user.pk])
        cursor.execute("DELETE FROM stockade_opaquetoken WHERE user_id = %s", [user.pk])
        cursor.execute("DELETE FROM auth_user WHERE id = %s", [user.pk])
