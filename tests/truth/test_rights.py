"""What a user may do, and the password, cannot be changed without a trace: an event in the change's own transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission, User
from django.core import serializers
from django.db import DatabaseError, transaction
from django.test import Client

import stockade
from stockade import events
from stockade.core.errors import Unavailable
from stockade.events import Event, Record
from stockade.models import SecurityEvent
from stockade.schemes.users import trusted_user
from stockade.testing import CapturedEvents, capture_events
from stockade.truth import telling
from tests.truth.conftest import configuration

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def keeping(project: Any, tmp_path: Any) -> None:
    """The table is a sink, and the users of these tests are there before anything is told."""
    project.STOCKADE = {**configuration(tmp_path / "state"), "EVENTS": {"SINKS": ["database"]}}


@pytest.fixture
def log(gate: Any, alice: User, bob: User) -> Iterator[CapturedEvents]:
    with capture_events() as captured:
        yield captured


@pytest.fixture
def group(db: None) -> Group:
    return Group.objects.create(name="Editors")


@pytest.fixture
def permission(db: None) -> Permission:
    return Permission.objects.get(codename="delete_user")


def only(log: CapturedEvents, event: Event = Event.AUTHZ_CHANGE) -> Record:
    """The one event, which is also the one row."""
    record = log.one(event)
    row = SecurityEvent.objects.get(event=event.tag)
    assert (row.subject, row.reason, row.details) == (record.subject, record.reason, dict(record.details))
    return record


class TestPasswords:
    def test_a_set_password(self, log: CapturedEvents, alice: User) -> None:
        alice.set_password("another horse battery")
        alice.save()
        record = only(log, Event.PASSWORD_CHANGE)
        assert (record.subject, record.outcome) == (str(alice.pk), "success")
        assert "pbkdf2" not in repr(record)
        assert "another" not in repr(record)
        assert not log.of(Event.AUTHZ_CHANGE)

    def test_a_hash_written_by_hand(self, log: CapturedEvents, alice: User) -> None:
        """The way of whoever would not like it to be noticed."""
        alice.password = make_password("mine now")
        alice._password = None
        alice.save(update_fields=["password"])
        assert only(log, Event.PASSWORD_CHANGE).subject == str(alice.pk)

    def test_a_password_that_is_taken_away(self, log: CapturedEvents, alice: User) -> None:
        alice.set_unusable_password()
        alice.save()
        assert only(log, Event.PASSWORD_CHANGE).reason == "unusable"

    def test_the_same_password_hashed_anew_is_no_change(
        self, log: CapturedEvents, alice: User, project: Any
    ) -> None:
        """Django does that at a login, when the hasher has changed."""
        project.PASSWORD_HASHERS = [
            "django.contrib.auth.hashers.PBKDF2PasswordHasher",
            "django.contrib.auth.hashers.MD5PasswordHasher",
        ]
        before = alice.password
        assert alice.check_password(PASSWORD)
        alice.refresh_from_db()
        assert alice.password != before
        assert not log.of(Event.PASSWORD_CHANGE)

    def test_a_new_user_has_changed_nothing(self, log: CapturedEvents) -> None:
        User.objects.create_user("carol", password=PASSWORD)
        assert list(log) == []

    def test_by_fixture(self, log: CapturedEvents, alice: User) -> None:
        alice.set_password("another")
        text = serializers.serialize("json", [alice])
        for found in serializers.deserialize("json", text):
            found.save()
        assert only(log, Event.PASSWORD_CHANGE).subject == str(alice.pk)


class TestRights:
    @pytest.mark.parametrize("name", ["is_superuser", "is_staff", "is_active"])
    def test_a_flag(self, log: CapturedEvents, alice: User, name: str) -> None:
        setattr(alice, name, not getattr(alice, name))
        alice.save()
        record = only(log)
        assert (record.subject, record.reason) == (str(alice.pk), "user_changed")
        assert dict(record.details) == {name: getattr(alice, name)}

    def test_what_is_not_written_has_not_changed(self, log: CapturedEvents, alice: User) -> None:
        alice.is_superuser = True
        alice.save(update_fields=["first_name"])
        alice.refresh_from_db()
        alice.first_name = "Alice"
        alice.save()
        assert list(log) == []

    def test_a_trusted_user_that_is_saved_untouched(self, log: CapturedEvents, alice: User) -> None:
        user = trusted_user(User, alice.pk)
        user.first_name = "Alice"
        user.save()
        assert list(log) == []

    def test_a_new_superuser(self, log: CapturedEvents) -> None:
        """Whoever makes himself an account needs no other's."""
        user = User.objects.create_superuser("mallory", password=PASSWORD)
        record = only(log)
        assert (record.subject, record.reason) == (str(user.pk), "user_created")
        assert dict(record.details) == {"is_staff": True, "is_superuser": True}

    def test_a_row_overwritten_by_an_instance_made_by_hand(self, log: CapturedEvents, alice: User) -> None:
        User(pk=alice.pk, username="alice", password=alice.password, is_superuser=True).save()
        assert only(log).details["is_superuser"] is True

    def test_a_deletion(self, log: CapturedEvents, alice: User, session_of: Any) -> None:
        session_of(alice)
        pk = str(alice.pk)
        alice.delete()
        assert (only(log).subject, only(log).reason) == (pk, "user_deleted")
        ended = only(log, Event.SESSION_ENDED)
        assert (ended.subject, ended.reason) == (pk, "deleted")

    def test_who_did_it(self, log: CapturedEvents, alice: User, bob: User) -> None:
        from stockade.core.context import RequestContext, current
        from stockade.testing import make_principal

        context = RequestContext("r1", {}, "192.0.2.1")
        context.principal = make_principal(bob, session="s1")
        token = current.set(context)
        try:
            alice.is_staff = True
            alice.save()
        finally:
            current.reset(token)
        record = only(log)
        assert (record.subject, record.details["by"], record.session) == (str(alice.pk), str(bob.pk), "s1")
        assert record.request_id == "r1"


class TestRoles:
    @pytest.mark.parametrize("which", ["groups", "user_permissions"])
    @pytest.mark.parametrize("side", ["user", "other"])
    def test_given_and_taken(
        self,
        log: CapturedEvents,
        alice: User,
        bob: User,
        group: Group,
        permission: Permission,
        which: str,
        side: str,
    ) -> None:
        other: Any = group if which == "groups" else permission
        manager = getattr(alice, which) if side == "user" else other.user_set
        own = other if side == "user" else alice
        name = "Editors" if which == "groups" else "delete_user"
        for change, verb in ((manager.add, "added"), (manager.remove, "removed")):
            change(own)
            record = only(log)
            assert (record.subject, record.reason) == (str(alice.pk), f"{which}_{verb}")
            assert record.details["names"] == name
            log.clear()
            SecurityEvent.objects.all().delete()
            change(own)  # again: nothing changes
            assert list(log) == []
        manager.add(own)
        log.clear()
        SecurityEvent.objects.all().delete()
        manager.clear()
        assert (only(log).subject, only(log).reason) == (str(alice.pk), f"{which}_removed")

    def test_each_user_has_an_event_of_its_own(
        self, log: CapturedEvents, alice: User, bob: User, group: Group
    ) -> None:
        group.user_set.set([alice, bob])
        assert {record.subject for record in log.of(Event.AUTHZ_CHANGE)} == {str(alice.pk), str(bob.pk)}

    def test_a_crowd_is_told_of_once(self, log: CapturedEvents, group: Group, monkeypatch: Any) -> None:
        monkeypatch.setattr(telling, "MANY", 3)
        group.user_set.set([User.objects.create_user(f"user{number}") for number in range(4)])
        record = only(log)
        assert (record.subject, record.details["users"]) == ("", 4)

    @pytest.mark.parametrize("side", ["group", "permission"])
    def test_what_a_group_may_do(
        self, log: CapturedEvents, group: Group, permission: Permission, side: str
    ) -> None:
        manager: Any = group.permissions if side == "group" else permission.group_set
        other = permission if side == "group" else group
        for change, verb in ((manager.add, "added"), (manager.remove, "removed")):
            change(other)
            record = only(log)
            assert (record.subject, record.reason) == ("", f"group_permissions_{verb}")
            assert dict(record.details) == {"groups": "Editors", "names": "delete_user"}
            log.clear()
            SecurityEvent.objects.all().delete()

    def test_a_renamed_group_gives_its_members_another_role(self, log: CapturedEvents, group: Group) -> None:
        group.name = "Admins"
        group.save()
        record = only(log)
        assert (record.reason, dict(record.details)) == ("group_renamed", {"old": "Editors", "new": "Admins"})
        log.clear()
        group.save()
        assert list(log) == []

    def test_a_deleted_group(self, log: CapturedEvents, group: Group) -> None:
        group.delete()
        assert (only(log).reason, dict(only(log).details)) == ("group_deleted", {"name": "Editors"})


class TestSessions:
    def test_an_end_written_by_hand(self, log: CapturedEvents, alice: User, session_of: Any) -> None:
        from stockade.core import clock

        row = session_of(alice)
        row.ended_at = clock.now_datetime()
        row.save()
        row.save()
        record = only(log, Event.SESSION_ENDED)
        assert (record.subject, record.session, record.reason) == (str(alice.pk), str(row.pk), "by_hand")

    def test_a_deleted_one(self, log: CapturedEvents, alice: User, session_of: Any) -> None:
        row = session_of(alice)
        pk = str(row.pk)
        row.delete()
        assert only(log, Event.SESSION_ENDED).session == pk
        ended = session_of(alice)
        stockade.end_sessions(alice)
        log.clear()
        ended.refresh_from_db()
        ended.delete()
        assert list(log) == []


class TestTransactions:
    def test_a_change_that_was_rolled_back_has_no_event(
        self, log: CapturedEvents, alice: User, group: Group
    ) -> None:
        with transaction.atomic():
            alice.is_superuser = True
            alice.set_password("another")
            alice.save()
            alice.groups.add(group)
            group.name = "Admins"
            group.save()
            assert len(log) == 4
            transaction.set_rollback(True)
        assert list(log) == []
        assert not SecurityEvent.objects.exists()

    def test_a_change_that_cannot_be_told_of_does_not_happen(
        self, log: CapturedEvents, alice: User, monkeypatch: Any
    ) -> None:
        def full(*_: Any) -> None:
            raise DatabaseError("disk full")

        monkeypatch.setattr("stockade.events.emission.insert", full)
        alice.is_superuser = True
        with pytest.raises(DatabaseError), transaction.atomic():
            alice.save()
        alice.refresh_from_db()
        assert not alice.is_superuser

    def test_a_state_that_is_away_refuses_and_tells_nothing(
        self, log: CapturedEvents, gate: Any, alice: User, monkeypatch: Any
    ) -> None:
        def away(*_: Any) -> None:
            raise Unavailable

        monkeypatch.setattr(gate, "mark", away)
        alice.is_superuser = True
        with pytest.raises(Unavailable):
            alice.save()
        assert list(log) == []

    def test_the_admin_tells_of_what_it_does_and_who_is_let_in(
        self, log: CapturedEvents, alice: User, group: Group, project: Any
    ) -> None:
        project.ROOT_URLCONF = "tests.urls"
        root = User.objects.create_superuser("root", password=PASSWORD)
        log.clear()
        SecurityEvent.objects.all().delete()
        client = Client()
        client.force_login(root)
        form = {
            "username": "alice", "email": "", "first_name": "", "last_name": "", "is_active": "on", "is_staff": "on",
            "groups": [group.pk], "user_permissions": [], "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00",
        }  # fmt: skip
        answer = client.post(f"/admin/auth/user/{alice.pk}/change/", form)
        assert answer.status_code == 302, answer.content.decode()[:2000]
        assert [record.reason for record in log.of(Event.AUTHZ_CHANGE)] == ["user_changed", "groups_added"]
        assert events.Event.PASSWORD_CHANGE not in {record.event for record in log}
