"""People for the tests."""

from django.contrib.auth.models import Group, User
from django.core.management import call_command

from members.permissions import LIBRARIANS

PASSWORD = "a-long-walk-to-the-harbour"


def member(name="ana", **extra):
    return User.objects.create_user(name, f"{name}@library.example", PASSWORD, **extra)


def librarian(name="rui"):
    call_command("setup_groups")
    user = member(name)
    user.groups.add(Group.objects.get(name=LIBRARIANS))
    return user


def office(name="ines"):
    return member(name, is_staff=True)
