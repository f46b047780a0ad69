"""A project whose user model is its own: settings and, run as a program, what its changes must move."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

SECRET_KEY = "of a project that lives for a second"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "stockade", "tests.truth.people"]
AUTH_USER_MODEL = os.environ["CUSTOM_USER"]
DATABASES = {
    name: {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"} for name in ("default", "elsewhere")
}
DATABASE_ROUTERS = ["tests.truth.custom_site.Elsewhere"] if "CUSTOM_ROUTER" in os.environ else []
MIGRATION_MODULES = dict.fromkeys(
    ("auth", "contenttypes", "stockade", "people")
)  # tables straight from the models
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}}


class Elsewhere:
    """Users live in another database than Stockade's tables."""

    def db_for_read(self, model: Any, **_: Any) -> str:
        return "elsewhere" if model._meta.app_label == "people" else "default"

    db_for_write = db_for_read


def main() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from stockade.gate.registry import get_gate

    for name in DATABASES:
        call_command("migrate", run_syncdb=True, verbosity=0, database=name)
    get_gate().load([], 0)
    {
        "people.Person": persons,
        "people.Plain": plain,
        "people.Member": squads,
        "people.Guest": circles,
        "people.Owner": badges,
    }[AUTH_USER_MODEL]()
    print("fine")


def moves(name: str, user: Any, change: Callable[[], object]) -> None:
    """Fail unless `change` moves the epoch of `user`."""
    from stockade.gate.registry import get_gate
    from tests.truth.conftest import subject

    pk = user.pk
    before = subject(get_gate(), pk)
    change()
    after = subject(get_gate(), pk)
    assert after > before, f"{name}: {before} then {after}"


def plain() -> None:
    """A UUID key and nothing else."""
    from stockade.models import Epoch
    from tests.truth.people.models import Plain

    ada = Plain.objects.create(email="ada@example.com")
    assert not Epoch.objects.exists(), "a new user moves nothing"
    moves("save", ada, ada.save)
    moves("save in a transaction", ada, lambda: in_transaction(ada))
    moves("by hand", ada, lambda: Plain(pk=ada.pk, email=ada.email).save(force_update=True))
    moves("as text", ada, lambda: Plain(pk=str(ada.pk), email=ada.email).save(force_update=True))
    moves("hexadecimal", ada, lambda: Plain(pk=ada.pk.hex, email=ada.email).save(force_update=True))
    moves("deletion", ada, ada.delete)


def in_transaction(user: Any) -> None:
    """Save inside a transaction of the user's database; until it commits, readers ask SQL."""
    from django.db import transaction

    from stockade.gate.protocol import DIRTY
    from stockade.gate.registry import get_gate
    from tests.truth.conftest import subject

    with transaction.atomic(using=user._state.db):
        user.save()
        assert subject(get_gate(), user.pk) == DIRTY


def persons() -> None:
    """A parent, a proxy, a child, memberships."""
    from django.contrib.auth.models import Group, Permission

    from stockade.gate.registry import get_gate
    from stockade.models import Epoch
    from tests.truth.conftest import subject, world
    from tests.truth.people.models import Colleague, Employee, Membership, Party, Person, Team

    gate = get_gate()
    ada = Person.objects.create(email="ada@example.com")
    employee = Employee.objects.create(email="emil@example.com")
    assert not Epoch.objects.exists(), "a new user moves nothing, UUID or not"

    moves("user", ada, ada.save)
    moves("proxy", ada, Colleague.objects.get(pk=ada.pk).save)
    moves("child", employee, employee.save)
    moves("child as a user", employee, Person.objects.get(pk=employee.pk).save)
    moves("parent alone", ada, Party.objects.get(pk=ada.pk).save)
    made = Person(id=ada.pk.hex, party_ptr_id=ada.pk.hex, email=ada.email)
    made._state.adding = False
    moves("a key written in hexadecimal", ada, made.save)

    group = Group.objects.create(name="Editors")
    moves("membership by manager", ada, lambda: ada.groups.add(group))
    row = Membership.objects.get()
    moves("membership saved", ada, row.save)
    moves("membership deleted", ada, row.delete)
    other = Person.objects.create(email="otto@example.com")
    moves("membership made again", ada, lambda: row.save(force_insert=True))
    row.member = other
    moves("membership moved to another, for the one who loses it", ada, row.save)
    row.member = ada
    moves("membership moved to another, for the one who gets it", ada, row.save)
    row.delete()
    moves("membership made", ada, lambda: Membership.objects.create(member=ada, group=group))
    moves("group clears", ada, group.people.clear)
    moves(
        "permissions under another name", ada, lambda: ada.extra_permissions.add(Permission.objects.first())
    )
    before = subject(gate, ada.pk)
    ada.friends.add(employee)
    assert subject(gate, ada.pk) == before, "friends are no permissions"

    team = Team.objects.create(name="Core")
    before = world(gate)
    team.save()
    assert world(gate) > before, "a child of Group is a group"
    moves("deletion", ada, ada.delete)


def squads() -> None:
    """Roles are what `groups` leads to, also where that is no group of Django's."""
    from stockade.gate.registry import get_gate
    from tests.truth.conftest import world
    from tests.truth.people.models import Member, Squad

    ada = Member.objects.create(email="ada@example.com")
    squad = Squad.objects.create(name="Editors")
    moves("squad added", ada, lambda: ada.groups.add(squad))
    moves("squad removed", ada, lambda: ada.groups.remove(squad))
    moves("member added", ada, lambda: squad.members.add(ada))
    moves("members cleared", ada, squad.members.clear)
    before = world(get_gate())
    squad.name = "Admins"
    squad.save()
    assert world(get_gate()) > before, "a renamed role is another role for everybody"


def circles() -> None:
    """Roles that say themselves who has them."""
    from stockade.gate.registry import get_gate
    from tests.truth.conftest import world
    from tests.truth.people.models import Circle, Guest

    ada = Guest.objects.create(email="ada@example.com")
    circle = Circle.objects.create(name="Editors")
    moves("guest added", ada, lambda: circle.guests.add(ada))
    moves("guest removed", ada, lambda: circle.guests.remove(ada))
    moves("circle added", ada, lambda: ada.groups.add(circle))
    moves("circles cleared", ada, ada.groups.clear)
    circle.guests.add(ada)
    moves("guests cleared", ada, circle.guests.clear)
    before = world(get_gate())
    circle.save()
    assert world(get_gate()) > before


def badges() -> None:
    """Roles that are rows with a foreign key to the user."""
    from tests.truth.people.models import Badge, Owner

    ada = Owner.objects.create(email="ada@example.com")
    bob = Owner.objects.create(email="bob@example.com")
    moves("badge given", ada, lambda: Badge.objects.create(name="Editors", owner=ada))
    badge = Badge.objects.get()
    badge.name = "Admins"
    moves("badge renamed", ada, badge.save)
    badge.owner = bob
    moves("badge moved", ada, badge.save)
    moves("badge deleted", bob, badge.delete)


if __name__ == "__main__":
    main()
    sys.exit(0)
