"""Entries of the ban list: however they are written, each change is announced, told of, and in one spelling."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import connection, transaction

import stockade
from stockade import truth
from stockade.core import clock
from stockade.core.errors import Unavailable
from stockade.gate.protocol import DIRTY, Gate
from stockade.models import ListEntry, Lockout, SecurityEvent
from stockade.truth import bans
from tests.truth.conftest import configuration

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def keeping(project: Any, tmp_path: Any) -> None:
    project.STOCKADE = {**configuration(tmp_path / "state"), "EVENTS": {"SINKS": ["database"]}}


def epoch(gate: Gate) -> int:
    return gate.ask((), ()).lists


def told() -> list[tuple[str, str]]:
    return list(SecurityEvent.objects.order_by("pk").values_list("event", "reason"))


WAYS: dict[str, Callable[[], Any]] = {
    "ban": lambda: stockade.ban("192.0.2.1"),
    "allow": lambda: stockade.allow("192.0.2.1"),
    "save": lambda: ListEntry(value="192.0.2.1").save(),
    "create": lambda: ListEntry.objects.create(value="192.0.2.1"),
    "a proxy": lambda: Lockout.objects.create(value="192.0.2.1"),
    "a fixture": lambda: [
        each.save()
        for each in serializers.deserialize(
            "json",
            json.dumps([{"model": "stockade.listentry", "fields": {"value": "::ffff:192.0.2.1"}}]),
        )
    ],
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_add_moves_the_epoch_and_is_told_of(way: str, gate: Gate) -> None:
    before = epoch(gate)
    WAYS[way]()
    assert epoch(gate) > before
    assert ListEntry.objects.get().value == "192.0.2.1"
    assert told() == [("ban_created", "allow:address" if way == "allow" else "deny:address")]


GONE: dict[str, Callable[[ListEntry], Any]] = {
    "unban": lambda entry: stockade.unban(entry.value),
    "delete": lambda entry: entry.delete(),
    "a queryset": lambda entry: ListEntry.objects.all().delete(),
    "remove": lambda entry: bans.remove([entry.pk]),
}


@pytest.mark.parametrize("way", GONE)
def test_every_way_to_remove_moves_the_epoch_and_is_told_of(way: str, gate: Gate) -> None:
    entry = stockade.ban("192.0.2.1")
    before, pk = epoch(gate), entry.pk
    GONE[way](entry)
    assert epoch(gate) > before
    assert not ListEntry.objects.exists()
    assert told()[-1] == ("ban_removed", "deny:address")
    assert SecurityEvent.objects.last().details == {"entry": str(pk), "value": "192.0.2.1"}  # type: ignore[union-attr]


def test_readers_ask_sql_from_before_the_commit_until_after_it(gate: Gate) -> None:
    with transaction.atomic():
        stockade.ban("192.0.2.1")
        assert epoch(gate) == DIRTY
    assert epoch(gate) > 0


def test_a_ban_that_was_rolled_back_leaves_no_mark_for_long_and_no_event(gate: Gate) -> None:
    with transaction.atomic():
        stockade.ban("192.0.2.1")
        transaction.set_rollback(True)
    assert told() == []
    truth.reconcile(gate, older=-1)
    assert epoch(gate) != DIRTY


def test_without_the_state_nothing_is_changed(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise Unavailable(reason="state")

    monkeypatch.setattr(type(gate), "mark", away)
    with pytest.raises(Unavailable):
        stockade.ban("192.0.2.1")
    assert not ListEntry.objects.exists()


def test_banning_again_changes_the_entry_in_whatever_spelling(gate: Gate) -> None:
    first = stockade.ban("192.0.2.0/24", reason="one", expires="1h")
    again = stockade.ban("::ffff:192.0.2.0/120", reason="two")
    assert (again.pk, again.expires_at, again.reason) == (first.pk, None, "two")
    assert [event for event, _ in told()] == ["ban_created", "ban_changed"]


def test_an_allowed_address_may_be_banned_as_well(gate: Gate) -> None:
    stockade.allow("192.0.2.1")
    stockade.ban("192.0.2.1")
    assert ListEntry.objects.count() == 2
    assert stockade.disallow("192.0.2.1")
    assert not stockade.disallow("192.0.2.1")
    assert ListEntry.objects.get().verb == "deny"


def test_the_log_says_who_was_banned_until_when_by_whom_and_why(gate: Gate) -> None:
    user = User.objects.create_user("alice")
    entry = stockade.ban(user=user, reason="spam", expires="1h", by="bob")
    event = SecurityEvent.objects.get(event="ban_created")
    assert (event.subject, event.reason) == (str(user.pk), "deny:user")
    until = entry.expires_at.isoformat(timespec="seconds") if entry.expires_at else ""
    assert event.details == {"entry": str(entry.pk), "why": "spam", "expires": until, "by": "bob"}


def test_when_a_ban_ends_may_be_said_in_several_ways(gate: Gate) -> None:
    now = clock.now_datetime()
    for expires in ("1h", 3600, datetime.timedelta(hours=1), now + datetime.timedelta(hours=1)):
        end = stockade.ban("192.0.2.1", expires=expires).expires_at
        assert end is not None
        assert abs((end - now).total_seconds() - 3600) < 60


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (stockade.ban, "one of them"),
        (lambda: stockade.ban("192.0.2.1", user=1), "one of them"),
        (lambda: stockade.ban("192.0.2.7/24"), "192.0.2.0/24"),
        (lambda: stockade.ban("alice"), "no address"),
        (lambda: stockade.ban(User()), "user="),  # type: ignore[arg-type]
        (lambda: stockade.ban(user=User()), "saved"),
        (lambda: stockade.ban(user="alice"), "primary key"),
        (lambda: stockade.ban(session=""), "or an id"),
        (lambda: stockade.ban(session="a\0b"), "an id"),
        (lambda: stockade.ban(session="x" * 101), "at most 100"),
        (lambda: stockade.ban("192.0.2.1", expires="soon"), "no time"),
        (lambda: stockade.ban("192.0.2.1", expires=clock.now_datetime().replace(tzinfo=None)), "time zone"),
        (lambda: stockade.ban("192.0.2.1", expires=clock.now_datetime()), "over already"),
        (lambda: stockade.ban("192.0.2.1", reason="x" * 201), "at most 200"),
        (lambda: stockade.ban("192.0.2.1", reason="a\0b"), "printable"),
    ],
)  # fmt: skip
def test_a_ban_that_cannot_be_meant_is_told_what_to_write(
    call: Callable[[], Any], says: str, gate: Gate
) -> None:
    with pytest.raises(ValueError, match=says):
        call()
    assert not ListEntry.objects.exists()
    assert epoch(gate) != DIRTY


def test_only_addresses_are_allowed(gate: Gate) -> None:
    with pytest.raises(ValueError, match="Only addresses"):
        ListEntry.objects.create(verb="allow", kind="user", value="1")
    with pytest.raises(ValidationError):
        ListEntry(verb="allow", kind="session", value="abc").full_clean()
    with pytest.raises(ValidationError) as caught:
        ListEntry(value="192.0.2.7/24").full_clean()
    assert "192.0.2.0/24" in str(caught.value)


def test_pruning_takes_what_ran_out_long_ago_and_moves_nothing(gate: Gate) -> None:
    stockade.ban("192.0.2.1", expires="1h")
    stockade.ban("192.0.2.2", expires="60d")
    stockade.ban("192.0.2.3")
    before = epoch(gate)
    clock.shift(31 * 86400 + 3600)
    assert bans.prune() == 1
    assert set(ListEntry.objects.values_list("value", flat=True)) == {"192.0.2.2", "192.0.2.3"}
    assert epoch(gate) == before
    assert [event for event, _ in told()] == ["ban_created"] * 3


def test_a_point_query_is_answered_by_the_index(gate: Gate) -> None:
    from stockade.truth import lists

    who = lists.Asked("2001:db8::1", "7", ("a", "b"))
    assert lists.hit(lists.about(who), who) is None
    ListEntry.objects.bulk_create([ListEntry(value=f"10.{n >> 8}.{n & 255}.0/24") for n in range(2000)])
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(
                "EXPLAIN QUERY PLAN SELECT id FROM stockade_listentry WHERE (kind='address' AND value IN ('a','b'))"
                " OR (kind='user' AND value='7')"
            )
            plan = " ".join(str(row) for row in cursor.fetchall())
        assert "SCAN" not in plan, plan
