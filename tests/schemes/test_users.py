"""The trusted user: no SQL until touched, one query then, and no way to undo a deactivation by accident."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import SynchronousOnlyOperation, ValidationError
from django.db import DatabaseError, connection, models, transaction
from django.db.models.signals import post_init, post_save

from stockade import conf
from stockade.schemes.users import TrustedUser, aload, load, read_user, renewed, trusted_user
from tests.schemes.user_models import (
    TABLES,
    Bare,
    Company,
    Customer,
    Greedy,
    Person,
    Staff,
    Tracking,
    Watched,
    Worker,
)


@pytest.fixture(scope="module")
def tables(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        with connection.schema_editor() as editor:
            for model in TABLES:
                editor.create_model(model)
        yield
        with connection.schema_editor() as editor:
            for model in reversed(TABLES):
                editor.delete_model(model)


@pytest.fixture(autouse=True)
def _db(db: None) -> None:
    pass


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", "alice@example.org", "secret", first_name="Alice")


def deactivate(user: models.Model) -> None:
    type(user)._default_manager.filter(pk=user.pk).update(is_active=False)


def is_active(user: models.Model) -> bool:
    return bool(type(user)._default_manager.values_list("is_active", flat=True).get(pk=user.pk))


# -- what it is ------------------------------------------------------------------------------------------------------


def test_is_an_instance_of_the_real_model_and_costs_no_query(alice, django_assert_num_queries):
    with django_assert_num_queries(0):
        user = trusted_user(User, alice.pk)
        assert type(user) is User
        assert (user.pk, user.id, user.is_active) == (alice.pk, alice.pk, True)
        assert user.is_authenticated
        assert not user.is_anonymous
        assert user == alice
        assert hash(user) == hash(alice)
        assert not user._state.adding


def test_says_inactive_when_told_so(alice, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert trusted_user(User, alice.pk, is_active=False).is_active is False


def test_first_touch_loads_the_whole_row_in_one_query(alice, django_assert_num_queries):
    user = trusted_user(User, alice.pk)
    with django_assert_num_queries(1):
        assert (user.username, user.email, user.first_name) == ("alice", "alice@example.org", "Alice")
        assert str(user) == "alice"
        assert user.check_password("secret")
        assert not user.is_superuser
        assert user.last_login is None
        assert user.is_active


def test_an_assigned_value_is_not_overwritten_by_the_load(alice):
    user = trusted_user(User, alice.pk)
    user.email = "new@example.org"
    assert user.username == "alice"
    assert user.email == "new@example.org"


def test_key_given_as_text_is_converted(alice):
    assert trusted_user(User, str(alice.pk)).pk == alice.pk
    with pytest.raises(ValidationError):
        trusted_user(User, "no number")


def test_deleted_row_raises_does_not_exist_on_touch(alice):
    user = trusted_user(User, alice.pk)
    alice.delete()
    with pytest.raises(User.DoesNotExist):
        _ = user.email
    with pytest.raises(User.DoesNotExist):
        _ = user.email  # and again: a failed load leaves nothing half-read


def test_two_requests_do_not_share_an_instance(alice):
    factory = TrustedUser(User, alice.pk)
    first, second = factory(), factory()
    first.email = "assigned@in.one"
    first.is_active = False
    assert second.email == "alice@example.org"
    assert second.is_active
    third = renewed(first)
    assert third.is_active  # what a request assigns is not what the database said
    assert third.email == "alice@example.org"


def test_renewing_keeps_trust_and_nothing_else(alice, django_assert_num_queries):
    kept = trusted_user(User, alice.pk, is_active=False)
    with django_assert_num_queries(0):
        fresh = renewed(kept)
        assert fresh is not kept
        assert type(fresh) is User
        assert fresh == alice
        assert fresh.is_active is False
    assert fresh.username == "alice"
    assert renewed(alice) is alice


# -- saving ----------------------------------------------------------------------------------------------------------


def test_attack_saving_another_field_does_not_undo_a_deactivation(alice):
    user = trusted_user(User, alice.pk)
    deactivate(alice)
    user.first_name = "A."
    user.save()
    assert not is_active(alice)
    assert User.objects.get(pk=alice.pk).first_name == "A."


def test_attack_saving_an_untouched_instance_does_not_undo_a_deactivation(alice):
    user = trusted_user(User, alice.pk)
    deactivate(alice)
    user.save()
    assert not is_active(alice)


def test_attack_saving_after_a_load_does_not_undo_a_deactivation(alice):
    user = trusted_user(User, alice.pk)
    assert user.email
    deactivate(alice)
    user.save()
    assert not is_active(alice)


def test_attack_saving_after_a_refresh_does_not_undo_a_deactivation(alice):
    user = trusted_user(User, alice.pk)
    user.refresh_from_db()
    deactivate(alice)
    user.save()
    assert not is_active(alice)


def test_attack_naming_the_unassigned_field_does_not_undo_a_deactivation(alice):
    user = trusted_user(User, alice.pk)
    deactivate(alice)
    user.save(update_fields=["is_active"])
    user.save(update_fields=["is_active", "first_name"])
    assert not is_active(alice)


def test_attack_saving_to_a_named_database_does_not_undo_a_deactivation(alice):
    user = trusted_user(User, alice.pk)
    load(user)
    deactivate(alice)
    user._state.db = "replica"  # as Django leaves it after a read from one
    user.first_name = "A."
    user.save(using="default")
    assert not is_active(alice)


@pytest.mark.usefixtures("tables")
def test_attack_validating_before_the_save_does_not_undo_a_deactivation():
    worker = Worker(code="w1", password="!")
    worker.save()
    user = trusted_user(Worker, "w1")
    deactivate(worker)
    user.save()  # calls full_clean, which assigns every field that it validates
    assert not is_active(worker)


@pytest.mark.usefixtures("tables")
def test_attack_reloading_all_deferred_fields_does_not_undo_a_deactivation():
    greedy = Greedy.objects.create(name="g", password="!")
    user = trusted_user(Greedy, greedy.pk)
    assert user.name == "g"
    deactivate(greedy)
    user.save()
    assert not is_active(greedy)


def test_attack_a_copy_does_not_undo_a_deactivation(alice):
    user = trusted_user(User, alice.pk)
    for duplicate in (copy.copy(user), copy.deepcopy(user), pickle.loads(pickle.dumps(user))):
        deactivate(alice)
        duplicate.first_name = "copied"
        duplicate.save()
        duplicate.save()
        assert not is_active(alice)


def test_an_assigned_is_active_is_saved(alice):
    user = trusted_user(User, alice.pk)
    user.is_active = False
    assert user.is_active is False
    user.save()
    assert not is_active(alice)
    user.is_active = True
    user.save(update_fields=["is_active"])
    assert is_active(alice)


def test_attack_saving_does_not_bring_a_deleted_user_back(alice):
    user = trusted_user(User, alice.pk)
    load(user)
    User.objects.filter(pk=alice.pk).delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        user.save()
    assert not User.objects.filter(pk=alice.pk).exists()


def test_saving_sends_signals_with_the_trusted_instance(alice):
    seen = []

    def receiver(instance, update_fields, **rest):
        seen.append((instance, update_fields))

    post_save.connect(receiver, sender=User)
    try:
        user = trusted_user(User, alice.pk)
        user.save()
    finally:
        post_save.disconnect(receiver, sender=User)
    assert seen[0][0] is user
    assert "is_active" not in seen[0][1]
    assert "email" in seen[0][1]


def test_other_instances_are_saved_as_ever(alice):
    trusted_user(User, alice.pk)
    alice.is_active = False
    alice.save()
    assert not is_active(alice)
    deferred = User.objects.only("id").get(pk=alice.pk)
    assert deferred.is_active is False
    fresh = User(username="new", password="!")
    fresh.full_clean()
    fresh.save()
    assert is_active(fresh)


# -- reading again ---------------------------------------------------------------------------------------------------


def test_refresh_reads_everything_and_is_active_too(alice, django_assert_num_queries):
    user = trusted_user(User, alice.pk)
    User.objects.filter(pk=alice.pk).update(is_active=False, email="b@example.org")
    with django_assert_num_queries(1):
        user.refresh_from_db()
        assert user.is_active is False
        assert user.email == "b@example.org"
    User.objects.filter(pk=alice.pk).update(is_active=True, email="c@example.org")
    with django_assert_num_queries(1):
        user.refresh_from_db()
        assert user.is_active is True
        assert user.email == "c@example.org"


def test_refresh_of_is_active_alone(alice):
    user = trusted_user(User, alice.pk)
    deactivate(alice)
    user.refresh_from_db(fields=["is_active"])
    assert user.is_active is False
    assert "is_active" not in user.__dict__


def test_refresh_drops_what_was_assigned(alice):
    user = trusted_user(User, alice.pk)
    user.is_active = False
    user.refresh_from_db()
    assert user.is_active is True


def test_refresh_of_another_field_keeps_an_assigned_is_active(alice):
    user = trusted_user(User, alice.pk)
    user.is_active = False
    user.refresh_from_db(fields=["email"])
    assert user.is_active is False
    user.save()
    assert not is_active(alice)


def test_refresh_of_a_deleted_row_leaves_no_empty_fields(alice):
    user = trusted_user(User, alice.pk)
    User.objects.filter(pk=alice.pk).delete()
    with pytest.raises(User.DoesNotExist):
        user.refresh_from_db()
    assert user.__dict__.keys() <= {"_state", "id", "_prefetched_objects_cache"}


def test_a_single_field_can_be_deferred_again(alice, django_assert_num_queries):
    user = trusted_user(User, alice.pk)
    load(user)
    del user.email
    with django_assert_num_queries(1):
        assert user.email == "alice@example.org"


# -- what Django and libraries do with users --------------------------------------------------------------------------


def test_survives_pickle_and_copies(alice, django_assert_num_queries):
    user = trusted_user(User, alice.pk)
    for duplicate in (copy.copy(user), copy.deepcopy(user), pickle.loads(pickle.dumps(user))):
        with django_assert_num_queries(0):
            assert duplicate == user
            assert duplicate.is_active
        with django_assert_num_queries(1):
            assert (duplicate.username, duplicate.email) == ("alice", "alice@example.org")
    load(user)
    again = pickle.loads(pickle.dumps(user))
    with django_assert_num_queries(0):
        assert (again.username, again.is_active) == ("alice", True)


def test_permissions_and_groups(alice, django_assert_num_queries):
    group = Group.objects.create(name="Editors")
    group.permissions.add(Permission.objects.get(codename="view_user"))
    alice.groups.add(group)
    user = trusted_user(User, alice.pk)
    with django_assert_num_queries(3):  # the row, its own permissions, its groups'
        assert user.has_perm("auth.view_user")
        assert not user.has_perm("auth.delete_user")
    assert list(user.groups.all()) == [group]
    assert not trusted_user(User, alice.pk, is_active=False).has_perm("auth.view_user")


def test_password_upgrade_writes_only_the_password(alice, settings):
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    user = trusted_user(User, alice.pk)
    deactivate(alice)
    assert user.check_password("secret")
    assert User.objects.get(pk=alice.pk).password.startswith("pbkdf2_sha1")
    assert not is_active(alice)


def test_login_updates_the_last_login_alone(alice, django_assert_num_queries):
    from django.contrib.auth.models import update_last_login

    user = trusted_user(User, alice.pk)
    with django_assert_num_queries(1):
        update_last_login(User, user)
    assert User.objects.get(pk=alice.pk).last_login is not None


async def test_touch_in_a_coroutine_is_djangos_usual_error_and_aload_helps(alice):
    user = trusted_user(User, alice.pk)
    with pytest.raises(SynchronousOnlyOperation):
        _ = user.email
    await aload(user)
    assert user.email == "alice@example.org"
    await user.arefresh_from_db()
    user.first_name = "A"
    await user.asave()


def test_can_be_deleted(alice):
    trusted_user(User, alice.pk).delete()
    assert not User.objects.filter(pk=alice.pk).exists()


def test_works_in_queries(alice):
    user = trusted_user(User, alice.pk)
    assert {user} == {alice}
    assert user.logentry_set.count() == 0
    assert LogEntry.objects.filter(user=user).count() == 0
    LogEntry.objects.create(user=user, action_flag=1, change_message="")
    assert LogEntry.objects.get().user == user


# -- other user models -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("tables")
def test_model_without_is_active_and_with_uuid_key(django_assert_num_queries):
    bare = Bare.objects.create(email="b@example.org", password="!")
    user = trusted_user(Bare, str(bare.pk))
    with django_assert_num_queries(0):
        assert user.pk == bare.pk
        assert user.is_active is True  # AbstractBaseUser's own
    with django_assert_num_queries(1):
        assert user.email == "b@example.org"
    user.email = "c@example.org"
    user.save()
    assert Bare.objects.get().email == "c@example.org"


@pytest.mark.usefixtures("tables")
def test_foreign_keys_load_the_row_once(django_assert_num_queries):
    company = Company.objects.create(name="ACME")
    Worker(code="boss", password="!").save()
    Worker(code="w2", password="!", company=company, boss_id="boss").save()
    user = trusted_user(Worker, "w2")
    with django_assert_num_queries(2):
        assert user.company == company
        assert user.company_id == company.pk
        assert user.boss_id == "boss"
    selected = Worker.objects.select_related("company", "boss").get(pk="w2")
    with django_assert_num_queries(0):
        assert selected.company.name == "ACME"
        assert selected.boss == trusted_user(Worker, "boss")


@pytest.mark.usefixtures("tables")
def test_multi_table_inheritance(django_assert_num_queries):
    customer = Customer.objects.create(username="c", password="!", number="7")
    user = trusted_user(Customer, customer.pk)
    with django_assert_num_queries(0):
        assert user.is_active
        assert (user.pk, user.id) == (customer.pk, customer.pk)
    with django_assert_num_queries(1):
        assert (user.number, user.username, user.email) == ("7", "c", "")
    deactivate(customer)
    user.number = "8"
    user.save()
    assert not is_active(customer)
    assert Customer.objects.get().number == "8"
    assert trusted_user(Person, customer.pk).username == "c"


@pytest.mark.usefixtures("tables")
def test_proxy_model(django_assert_num_queries):
    person = Person.objects.create(username="p", password="!")
    user = trusted_user(Staff, person.pk)
    with django_assert_num_queries(1):
        assert type(user) is Staff
        assert user == person
        assert user.is_active
        assert (user.username, user.email) == ("p", "")
    deactivate(person)
    user.save()
    assert not is_active(person)


@pytest.mark.usefixtures("tables")
def test_model_with_its_own_init_is_made_by_it(django_assert_num_queries):
    tracked = Tracking.objects.create(name="t", password="!")
    before = Tracking.made
    with django_assert_num_queries(0):
        user = trusted_user(Tracking, tracked.pk)
        assert user.extra == "set by __init__"
        assert Tracking.made == before + 1
        assert renewed(user).extra == "set by __init__"
        assert user.is_active
    with django_assert_num_queries(1):
        assert (user.name, user.password) == ("t", "!")
    deactivate(tracked)
    user.save()
    assert not is_active(tracked)


@pytest.mark.usefixtures("tables")
def test_a_foreign_descriptor_is_left_in_place_and_read_with_the_row(django_assert_num_queries):
    watched = Watched.objects.create(name="w", password="!", is_active=False)
    user = trusted_user(Watched, watched.pk)
    with django_assert_num_queries(1):
        assert (user.is_active, user.name) == (False, "w")
    user.refresh_from_db()
    assert user.is_active is False
    user.is_active = True
    user.save()
    assert is_active(watched)


@pytest.mark.usefixtures("tables")
def test_an_attribute_that_is_no_column_survives_a_refresh():
    bare = Bare.objects.create(email="b@example.org", password="!")
    user = trusted_user(Bare, bare.pk)
    user.is_active = False
    user.refresh_from_db()
    assert user.is_active is False
    assert user.email == "b@example.org"


def test_receivers_of_init_signals_see_the_instance(alice):
    seen = []

    def receiver(instance, **rest):
        seen.append(instance)

    post_init.connect(receiver, sender=User)
    try:
        user = trusted_user(User, alice.pk)
    finally:
        post_init.disconnect(receiver, sender=User)
    assert seen[0] is user
    assert user.is_active
    assert user.username == "alice"


class _Replicas:
    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"


def test_reads_where_it_writes_whatever_the_router_says_of_reading(alice, settings):
    settings.DATABASE_ROUTERS = [_Replicas()]
    conf.forget()
    user = trusted_user(User, alice.pk)
    assert user.email == "alice@example.org"  # "replica" does not exist: asking it would raise
    assert user._state.db == "default"
    deactivate(alice)
    user.save()
    settings.DATABASE_ROUTERS = []
    assert not is_active(alice)


# -- who that is -----------------------------------------------------------------------------------------------------


def test_read_user_is_one_query(alice, django_assert_num_queries):
    alice.groups.set([Group.objects.create(name="A"), Group.objects.create(name="B")])
    with django_assert_num_queries(1):
        facts = read_user(get_user_model(), alice.pk)
    assert facts is not None
    assert (facts.is_active, facts.is_superuser, facts.password) == (True, False, alice.password)
    assert facts.groups == {"A", "B"}
    assert alice.password not in repr(facts)


def test_read_user_without_groups(alice):
    deactivate(alice)
    facts = read_user(User, alice.pk)
    assert facts is not None
    assert facts.groups == frozenset()
    assert not facts.is_active


@pytest.mark.parametrize("pk", [0, -1, 10**30, "x", "", None, "\0", 1.5, [], {}])
def test_read_user_of_nobody(pk):
    assert read_user(User, pk) is None


@pytest.mark.usefixtures("tables")
def test_read_user_of_a_model_without_flags_and_groups(django_assert_num_queries):
    bare = Bare.objects.create(email="b@example.org", password="hash")
    with django_assert_num_queries(1):
        facts = read_user(Bare, bare.pk)
    assert facts is not None
    assert (facts.is_active, facts.is_superuser, facts.password, facts.groups) == (
        True,
        False,
        "hash",
        frozenset(),
    )
    assert read_user(Bare, "no uuid") is None


@pytest.mark.usefixtures("tables")
def test_read_user_of_a_child_model():
    customer = Customer.objects.create(username="c", password="!", number="7")
    customer.groups.add(Group.objects.create(name="A"))
    facts = read_user(Customer, customer.pk)
    assert facts is not None
    assert facts.groups == {"A"}
