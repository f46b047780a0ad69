"""What an operator's own code does to users, as views: each change in a worker, and answered when it has returned."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.contrib.auth.models import Group, User
from django.core import serializers
from django.core.management import call_command
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

import stockade
from stockade import keyring, truth
from stockade.policy import Public
from stockade.web.decorators import protect
from tests.faults.project.views import ROLE


def deactivate(pk: int, active: bool = False) -> None:
    user = User.objects.get(pk=pk)
    user.is_active = active
    user.save()


def password(pk: int) -> None:
    user = User.objects.get(pk=pk)
    user.set_password(f"another of {pk}")
    user.save()


def role(pk: int, member: bool = False) -> None:
    group = Group.objects.get(name=ROLE)
    user = User.objects.get(pk=pk)
    if member:
        user.groups.add(group)
    else:
        user.groups.remove(group)


def bulk_update(pk: int, active: bool = False) -> None:
    user = User.objects.get(pk=pk)
    user.is_active = active
    User.objects.bulk_update([user], ["is_active"])


def update(pk: int, active: bool = False) -> None:
    """`QuerySet.update` sends no signal."""
    User.objects.filter(pk=pk).update(is_active=active)


def raw(pk: int, active: bool = False) -> None:
    """SQL that Django sees nothing of."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE auth_user SET is_active = %s WHERE id = %s", [active, pk])


def end_all(pk: int) -> None:
    stockade.end_sessions(User.objects.get(pk=pk))


def loaddata(pk: int, active: bool = False) -> None:
    """A fixture, as `manage.py loaddata` reads it."""
    user = User.objects.get(pk=pk)
    user.is_active = active
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(serializers.serialize("json", [user]))
        file.flush()
        call_command("loaddata", file.name, verbosity=0)


def ban(pk: int, lifted: bool = False) -> None:
    if lifted:
        truth.unban(user=pk)
    else:
        truth.ban(user=pk)


def retire(kid: str) -> None:
    keyring.retire(kid, compromised=True)


def rotate() -> None:
    keyring.rotate(now=True)


CHANGES: dict[str, Callable[..., None]] = {
    found.__name__: found
    for found in (
        ban,
        deactivate,
        password,
        role,
        update,
        raw,
        bulk_update,
        loaddata,
        end_all,
        retire,
        rotate,
    )
}


@csrf_exempt
@protect(policy=Public(), limited=False)
def change(request: HttpRequest) -> HttpResponse:
    """`{"what": ..., "atomic": bool, "invalidate": bool, ...}`: does it, and answers 204 when that is over."""
    asked: dict[str, Any] = json.loads(request.body)
    work = CHANGES[asked.pop("what")]
    atomic, invalidate = asked.pop("atomic", False), asked.pop("invalidate", False)
    with transaction.atomic() if atomic else nullcontext():
        work(**asked)
    if invalidate:
        stockade.invalidate(asked["pk"])
    return HttpResponse(status=204)
