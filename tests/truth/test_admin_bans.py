"""Bans and lockouts in the admin: what is done there bites and is told of, and nobody does more than he may."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, RequestFactory

import stockade
from stockade.core import clock
from stockade.core.errors import LoginFailed
from stockade.gate.protocol import Gate
from stockade.models import ListEntry, SecurityEvent
from stockade.schemes import lockouts, login
from tests.truth.conftest import configuration

pytestmark = pytest.mark.django_db(transaction=True)
BANS, LOCKOUTS = "/admin/stockade/listentry/", "/admin/stockade/lockout/"
HERE = "127.0.0.1"


@pytest.fixture(autouse=True)
def keeping(project: Any, tmp_path: Any) -> None:
    project.STOCKADE = {
        **configuration(tmp_path / "state"),
        "EVENTS": {"SINKS": ["database"]},
        # Of a day: a machine that was suspended for a minute between two pages has forgotten nothing.
        "LIMITS": {"login": "5/day", "login_address": "30/day"},
    }


@pytest.fixture
def root(gate: Gate) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def staff(*permissions: str) -> Client:
    """A colleague who may do these things only."""
    user = User.objects.create_user("colleague", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="stockade", codename__in=permissions)
    )
    client = Client()
    client.force_login(user)
    return client


def form(value: str, kind: str = "address", verb: str = "deny", **rest: str) -> dict[str, str]:
    return {
        "verb": verb,
        "kind": kind,
        "value": value,
        "reason": "",
        "expires_at_0": "",
        "expires_at_1": "",
        **rest,
    }


def errors(page: Any) -> str:
    assert page.status_code == 200, page
    return str(page.context["adminform"].form.errors)


def epoch(gate: Gate) -> int:
    return gate.ask((), ()).lists


def test_a_ban_is_added_changed_and_removed_and_each_time_told_of(root: Client, gate: Gate) -> None:
    me = str(User.objects.get(username="root").pk)
    assert root.post(f"{BANS}add/", form("::ffff:192.0.2.0/120", reason="spam")).status_code == 302
    entry = ListEntry.objects.get()
    assert (entry.value, entry.reason, entry.created_by) == ("192.0.2.0/24", "spam", me)
    first = epoch(gate)
    assert first > 0
    change = f"{BANS}{entry.pk}/change/"
    tomorrow = {"expires_at_0": "2099-01-01", "expires_at_1": "00:00:00", "reason": "worse"}
    assert root.post(change, {**form("10.0.0.0/8"), **tomorrow}).status_code == 302
    entry.refresh_from_db()
    assert (entry.value, entry.reason, entry.expires_at is not None) == ("192.0.2.0/24", "worse", True)
    second = epoch(gate)
    assert second > first
    page = root.get(BANS)
    assert b"192.0.2.0/24" in page.content
    chosen = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    assert root.post(BANS, chosen).status_code == 302
    assert not ListEntry.objects.exists()
    assert epoch(gate) > second
    told = SecurityEvent.objects.filter(event__startswith="ban_").order_by("pk")
    assert [event.event for event in told] == ["ban_created", "ban_changed", "ban_removed"]
    assert {event.details["by"] for event in told} == {me}


def test_a_user_is_banned_by_name_or_primary_key(root: Client, alice: User, bob: User) -> None:
    assert root.post(f"{BANS}add/", form("alice", "user")).status_code == 302
    assert root.post(f"{BANS}add/", form(str(bob.pk), "user")).status_code == 302
    assert set(ListEntry.objects.values_list("value", flat=True)) == {str(alice.pk), str(bob.pk)}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (form("192.0.2.7/24"), "192.0.2.0/24"),
        (form("nonsense"), "no address"),
        (form("nobody", "user"), "There is no such user"),
        (form("root", "user"), "That is you"),
        (form("alice", "user", "allow"), "primary key"),
        (form("abc", "session", "allow"), "Only addresses"),
        (form(HERE), "your own address"),
        (form("127.0.0.0/8"), "your own address"),
        (form("0.0.0.0/0"), "your own address"),
        (form("192.0.2.1", expires_at_0="2001-01-01", expires_at_1="00:00:00"), "over already"),
        (form("192.0.2.1", expires_at_0="soon", expires_at_1=""), "valid date"),
        (form(""), "required"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_said_in_the_form(
    fields: dict[str, str], says: str, root: Client, alice: User
) -> None:
    assert says in errors(root.post(f"{BANS}add/", fields))
    assert not ListEntry.objects.exists()


def test_the_same_in_another_spelling_is_said_to_be_there(root: Client) -> None:
    stockade.ban("192.0.2.1")
    assert "already" in errors(root.post(f"{BANS}add/", form("::ffff:192.0.2.1")))


def test_who_is_let_in_may_ban_the_network_around_him(root: Client) -> None:
    stockade.allow(HERE)
    assert root.post(f"{BANS}add/", form("127.0.0.0/8")).status_code == 302
    assert "your own address" not in str(ListEntry.objects.get(verb="deny"))


def test_who_may_only_look_bans_nobody(gate: Gate) -> None:
    colleague = staff("view_listentry")
    entry = stockade.ban("192.0.2.1")
    assert colleague.get(BANS).status_code == 200
    assert colleague.post(f"{BANS}add/", form("192.0.2.2")).status_code == 403
    assert colleague.post(f"{BANS}{entry.pk}/change/", form("192.0.2.2")).status_code == 403
    colleague.post(BANS, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"})
    assert ListEntry.objects.get() == entry


# -- lockouts ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def locked(alice: User, gate: Gate) -> str:
    """The key of alice's lockout."""
    for name in ("alice", "<script>x</script>"):
        for _ in range(5):
            with pytest.raises(LoginFailed):
                login.verify(name, "wrong", RequestFactory().post("/", REMOTE_ADDR="192.0.2.1"))
    return lockouts.find(user="alice")[0].key


def test_lockouts_are_shown_and_cleared(root: Client, locked: str) -> None:
    page = root.get(LOCKOUTS).content.decode()
    assert "alice" in page
    assert "5 of 5" in page
    assert "no such account" in page
    assert "script>x" not in page
    assert "192.0.2.1" not in page
    assert "192.0.2.1" in root.get(f"{LOCKOUTS}?all").content.decode()
    assert LOCKOUTS in root.get("/admin/").content.decode()
    assert root.post(LOCKOUTS, {"key": locked}).status_code == 302
    assert lockouts.find(user="alice") == []
    assert len(lockouts.find()) == 1
    event = SecurityEvent.objects.get(event="lockout_cleared")
    assert (event.account, event.details["limit"]) == ("alice", "login")
    assert "Cleared 0 lockouts" in root.post(LOCKOUTS, {"key": locked}, follow=True).content.decode()


def test_who_may_look_clears_nothing_and_who_may_not_sees_nothing(locked: str) -> None:
    colleague = staff("view_lockout")
    page = colleague.get(LOCKOUTS).content.decode()
    assert "alice" in page
    assert "Clear" not in page
    assert colleague.post(LOCKOUTS, {"key": locked}).status_code == 403
    assert len(lockouts.find(user="alice")) == 1
    User.objects.get(username="colleague").user_permissions.clear()
    assert colleague.get(LOCKOUTS).status_code == 403
    assert Client().get(LOCKOUTS).status_code == 302


def test_who_may_clear_may_look(locked: str) -> None:
    colleague = staff("delete_lockout")
    assert "Clear" in colleague.get(LOCKOUTS).content.decode()
    assert colleague.post(LOCKOUTS, {"key": locked}).status_code == 302
    assert lockouts.find(user="alice") == []


def test_a_lockout_is_not_cleared_by_a_foreign_page(root: Client, locked: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="root"))
    assert strict.post(LOCKOUTS, {"key": locked}).status_code == 403
    assert len(lockouts.find(user="alice")) == 1


def test_a_lockout_has_no_rows_to_edit(root: Client, locked: str) -> None:
    for path in ("add/", "1/change/", "1/delete/"):
        assert root.get(f"{LOCKOUTS}{path}").status_code == 404


def test_a_lockout_that_is_over_is_not_shown(root: Client, locked: str) -> None:
    clock.shift(25 * 3600)
    assert "No lockouts" in root.get(LOCKOUTS).content.decode()
