"""Who calls: users with sessions, each with tokens as a login gives them."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from typing import Any

PASSWORD = "correct horse battery"
HASH = f"md5$salt${hashlib.md5(b'salt' + PASSWORD.encode(), usedforsecurity=False).hexdigest()}"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Credential:
    """One session of one user, and its tokens."""

    name: str
    session: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """A user and her sessions.

    Args:
        kid: the key that signed all of them.
    """

    pk: int
    name: str
    kid: str
    credentials: tuple[Credential, ...]


def populate(count: int, sessions: int) -> list[Person]:
    """New users, all of them in the role, each with live sessions. Needs Django and migrated tables."""
    from django.contrib.auth.models import Group, User
    from django.db import transaction

    from tests.faults.project.views import ROLE

    role, _ = Group.objects.get_or_create(name=ROLE)
    prefix = f"u{next(_numbers)}-"
    with transaction.atomic():
        made = [User(username=f"{prefix}{number}", password=HASH) for number in range(count)]
        User.objects.bulk_create(made)
        users = list(User.objects.filter(username__startswith=prefix).order_by("pk"))
        User.groups.through.objects.bulk_create(
            [User.groups.through(user_id=user.pk, group_id=role.pk) for user in users]
        )
        return [_person(user, sessions) for user in users]


def _person(user: Any, sessions: int) -> Person:
    import stockade
    from stockade import keyring

    kid = keyring.ring().signer().kid
    credentials = []
    for number in range(sessions):
        pair = stockade.issue(user)
        credentials.append(Credential(f"{user.username}/{number}", pair.session, pair.access, pair.refresh))
    return Person(user.pk, user.username, kid, tuple(credentials))


def administrator() -> tuple[str, str]:
    """A superuser who is logged in to the admin: the cookies of her browser, and the token of its forms."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User

    user = User.objects.create(username="administrator", is_staff=True, is_superuser=True)
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    csrf = "c" * 32
    return f"sessionid={session.session_key}; csrftoken={csrf}", csrf
