"""Every way in which the ORM, the admin or a fixture changes a user, a group, a key or a session bites at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core import serializers
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, pre_delete

from stockade import keyring, truth
from stockade.core import clock
from stockade.gate.protocol import DIRTY, Gate
from stockade.models import Epoch, Session, SigningKey
from stockade.truth import signals
from tests.servers import child_environment
from tests.truth.conftest import session, subject, world

pytestmark = pytest.mark.django_db(transaction=True)

Moved = Callable[[], bool]


@pytest.fixture(params=["autocommit", "atomic"])
def around(request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], None]:
    """Run a change by itself, or inside a transaction as ATOMIC_REQUESTS has it."""

    def run(change: Callable[[], Any]) -> None:
        if request.param == "autocommit":
            change()
        else:
            with transaction.atomic():
                change()

    return run


@pytest.fixture
def group(db: None) -> Group:
    return Group.objects.create(name="Editors")


@pytest.fixture
def permission(db: None) -> Permission:
    return Permission.objects.first()  # type: ignore[return-value]


class TestUsers:
    def test_a_deactivation(self, gate: Gate, alice: User, bob: User, around: Any) -> None:
        alice.is_active = False
        around(alice.save)
        assert subject(gate, alice) > 0
        assert subject(gate, bob) == 0

    def test_single_fields(self, gate: Gate, alice: User, around: Any) -> None:
        alice.is_superuser = True
        around(lambda: alice.save(update_fields=["is_superuser"]))
        assert subject(gate, alice) > 0

    def test_a_password(self, gate: Gate, alice: User, around: Any) -> None:
        alice.set_password("another horse battery")
        around(alice.save)
        assert subject(gate, alice) > 0

    def test_a_login_moves_nothing(self, gate: Gate, alice: User, around: Any) -> None:
        alice.last_login = clock.now_datetime()
        around(lambda: alice.save(update_fields=["last_login"]))
        assert subject(gate, alice) == 0
        assert not Epoch.objects.exists()

    def test_last_login_is_no_cover_for_other_fields(self, gate: Gate, alice: User, around: Any) -> None:
        around(lambda: alice.save(update_fields=["last_login", "is_active"]))
        assert subject(gate, alice) > 0

    def test_a_deletion(self, gate: Gate, alice: User, around: Any) -> None:
        pk = alice.pk
        around(alice.delete)
        assert subject(gate, pk) > 0

    def test_a_deletion_by_queryset(self, gate: Gate, alice: User, bob: User, around: Any) -> None:
        around(lambda: User.objects.filter(pk=alice.pk).delete())
        assert subject(gate, alice.pk) > 0
        assert subject(gate, bob) == 0

    def test_a_fixture(self, gate: Gate, alice: User, around: Any) -> None:
        text = serializers.serialize("json", [alice])
        around(lambda: [found.save() for found in serializers.deserialize("json", text)])
        assert subject(gate, alice) > 0

    def test_an_instance_made_by_hand_over_an_existing_row(
        self, gate: Gate, alice: User, around: Any
    ) -> None:
        around(lambda: User(pk=alice.pk, username="alice", is_active=False).save())
        assert subject(gate, alice) > 0

    def test_a_primary_key_written_as_text(self, gate: Gate, alice: User, around: Any) -> None:
        around(lambda: User(pk=f"0{alice.pk}", username="alice").save())
        assert subject(gate, alice) > 0

    def test_a_new_user_costs_nothing(self, gate: Gate, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            User(username="new").save()
        assert not Epoch.objects.exists()

    def test_without_the_setting_nothing_is_touched(
        self, project: Any, alice: User, group: Group, django_assert_num_queries: Any
    ) -> None:
        """Stockade only observes then: no SQL, and no table, which may not be there yet."""
        del project.STOCKADE
        with django_assert_num_queries(1):
            alice.save()
        alice.groups.add(group)
        group.save()
        assert not Epoch.objects.exists()

    def test_a_save_that_fails_leaves_a_mark_only(self, gate: Gate, alice: User, bob: User) -> None:
        import copy
        import pickle

        from django.db import IntegrityError

        bob.username = "alice"
        with pytest.raises(IntegrityError):
            bob.save()
        for copied in (
            copy.deepcopy(bob),
            pickle.loads(pickle.dumps(bob)),
        ):  # a cache may take him nevertheless
            assert copied == bob
        assert subject(gate, bob) == DIRTY
        bob.username = "bob"
        bob.save()
        truth.reconcile(older=-1)
        assert subject(gate, bob) > 0


class TestMemberships:
    @pytest.mark.parametrize("which", ["groups", "user_permissions"])
    @pytest.mark.parametrize("how", ["add", "remove", "set", "clear", "create"])
    def test_from_the_users_side(
        self,
        gate: Gate,
        alice: User,
        bob: User,
        group: Group,
        permission: Permission,
        around: Any,
        how: str,
        which: str,
    ) -> None:
        manager, other = getattr(alice, which), group if which == "groups" else permission
        self.prepare(manager, other, how)
        truth.reconcile(older=-1)
        before = subject(gate, alice)
        around(lambda: self.change(manager, other, how))
        assert subject(gate, alice) > before
        assert subject(gate, bob) == 0

    @pytest.mark.parametrize("which", ["groups", "user_permissions"])
    @pytest.mark.parametrize("how", ["add", "remove", "set", "clear"])
    def test_from_the_other_side(
        self,
        gate: Gate,
        alice: User,
        bob: User,
        group: Group,
        permission: Permission,
        around: Any,
        how: str,
        which: str,
    ) -> None:
        manager, other = (group if which == "groups" else permission).user_set, alice
        self.prepare(manager, other, how)
        before = subject(gate, alice)
        around(lambda: self.change(manager, other, how))
        assert subject(gate, alice) > before
        assert subject(gate, bob) == 0

    @staticmethod
    def prepare(manager: Any, other: Any, how: str) -> None:
        if how in ("remove", "clear"):
            manager.add(other)

    @staticmethod
    def change(manager: Any, other: Any, how: str) -> None:
        match how:
            case "add" | "remove":
                getattr(manager, how)(other)
            case "set":
                manager.set([other])
            case "clear":
                manager.clear()
            case "create":
                if manager.model is Group:
                    manager.create(name="new")
                else:
                    manager.create(name="new", codename="new", content_type_id=other.content_type_id)

    def test_adding_what_is_there_moves_nothing(self, gate: Gate, alice: User, group: Group) -> None:
        alice.groups.add(group)
        before = subject(gate, alice)
        alice.groups.add(group)
        assert subject(gate, alice) == before

    def test_a_crowd_is_read_again_by_everybody(
        self, gate: Gate, group: Group, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(signals, "MANY", 3)
        users = [User.objects.create_user(f"user{number}") for number in range(4)]
        group.user_set.add(*users[:3])
        assert world(gate) == 0
        assert all(subject(gate, user) > 0 for user in users[:3])
        group.user_set.set(users)
        before = world(gate)
        group.user_set.clear()
        assert world(gate) > before


class TestWorld:
    @pytest.mark.parametrize("how", ["save", "delete"])
    @pytest.mark.parametrize("which", ["group", "permission"])
    def test_groups_and_permissions(
        self, gate: Gate, group: Group, permission: Permission, around: Any, how: str, which: str
    ) -> None:
        around(getattr(group if which == "group" else permission, how))
        assert world(gate) > 0

    @pytest.mark.parametrize("how", ["add", "remove", "set", "clear"])
    @pytest.mark.parametrize("side", ["group", "permission"])
    def test_what_a_group_may_do(
        self, gate: Gate, group: Group, permission: Permission, around: Any, how: str, side: str
    ) -> None:
        manager, other = (group.permissions, permission) if side == "group" else (permission.group_set, group)
        TestMemberships.prepare(manager, other, how)
        before = world(gate)
        around(lambda: TestMemberships.change(manager, other, how))
        assert world(gate) > before

    def test_a_new_group_concerns_nobody(self, gate: Gate) -> None:
        Group.objects.create(name="new")
        assert world(gate) == 0

    def test_keys(self, gate: Gate, around: Any) -> None:
        seen = [world(gate)]
        around(lambda: keyring.ring().signer())
        seen.append(world(gate))
        around(lambda: keyring.rotate(now=True))
        seen.append(world(gate))
        around(lambda: keyring.retire(keyring.ring().signer().kid, compromised=True))
        seen.append(world(gate))
        around(lambda: SigningKey.objects.first().delete())  # type: ignore[union-attr]
        seen.append(world(gate))
        assert sorted(set(seen)) == seen


class TestSessions:
    def test_an_end_written_by_hand(self, gate: Gate, alice: User, session_of: Any, around: Any) -> None:
        row = session_of(alice)
        row.ended_at = clock.now_datetime()
        around(row.save)
        assert session(gate, row) == 1

    def test_a_deleted_row(self, gate: Gate, alice: User, session_of: Any, around: Any) -> None:
        row = session_of(alice)
        pk = row.pk
        around(lambda: Session.objects.filter(pk=pk).delete())
        assert session(gate, pk) == 1

    def test_other_saves_move_nothing(self, gate: Gate, alice: User, session_of: Any, around: Any) -> None:
        row = session_of(alice)
        around(row.save)
        around(lambda: row.save(update_fields=["generation"]))
        assert session(gate, row) == 0

    def test_sessions_of_a_deleted_user(self, gate: Gate, alice: User, session_of: Any, around: Any) -> None:
        row = session_of(alice)
        around(alice.delete)
        assert session(gate, row.pk) == 1


class TestInDjangosTestCase:
    """A TestCase never commits: what happens inside its transaction counts as done, or a project's tests would see
    every user marked for ever."""

    @pytest.fixture(autouse=True)
    def inside(self, db: None) -> Any:
        block = transaction.atomic()
        block._from_testcase = True
        with block:
            yield
            transaction.set_rollback(True)

    def test_published_at_once(self, gate: Gate, alice: User, group: Group, session_of: Any) -> None:
        alice.save()
        first = subject(gate, alice)
        alice.groups.add(group)
        second = subject(gate, alice)
        with transaction.atomic():
            alice.save()
        third = subject(gate, alice)
        truth.invalidate(alice)
        assert 0 < first < second < third < subject(gate, alice)
        group.save()
        assert world(gate) > 0
        row = session_of(alice)
        truth.end_sessions(alice)
        assert session(gate, row) == 1


def test_models_that_are_not_ours_keep_djangos_fast_paths() -> None:
    """A receiver for every sender would make each cascade of the project load its rows, each m2m insert ask first."""
    from stockade.demo.articles.models import Article

    for signal in (pre_delete, post_delete):
        assert not signal.has_listeners(Article)
    assert not m2m_changed.has_listeners(Article)


@pytest.mark.parametrize(
    "chosen",
    [
        {"CUSTOM_USER": "people.Person"},
        {"CUSTOM_USER": "people.Plain"},
        {"CUSTOM_USER": "people.Plain", "CUSTOM_ROUTER": "1"},
        {"CUSTOM_USER": "people.Member"},
        {"CUSTOM_USER": "people.Guest"},
        {"CUSTOM_USER": "people.Owner"},
    ],
    ids=["parent and children", "plain", "in another database", "squads", "circles", "badges"],
)
def test_custom_user_models(chosen: dict[str, str]) -> None:
    """UUID keys, a proxy, a child with a table of its own, a parent that is saved alone, a membership with a model."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.truth.custom_site"],
        env={
            **child_environment(),
            "DJANGO_SETTINGS_MODULE": "tests.truth.custom_site",
            **chosen,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.strip().endswith("fine")
