"""Wrapping while people log in and change their passwords: several processes on one table."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import User
from django.db import connections
from django.test import override_settings

from stockade.models import WrappedPassword
from stockade.schemes import login
from stockade.schemes.wrapped import move
from tests.schemes.conftest import STOCKADE
from tests.schemes.wrapped.old import HASHES, PASSWORD, SETTING, user
from tests.servers import run_processes

NEW = "a new one of nineteen"
USERS = 24
OLD = [f"django.contrib.auth.hashers.{name}PasswordHasher" for name in ("PBKDF2", "MD5")]
PARTS = ("wrap", "wrap", "change", "log in")


def _take_part(index: int, settings: dict[str, Any]) -> str:
    """One of the four."""
    part = PARTS[index]
    with override_settings(**settings):
        if part == "wrap":
            move.run()
            return part
        for number in range(USERS):
            if part == "change" and number % 2:
                changed = User.objects.get(username=f"user{number}")
                changed.set_password(NEW)
                changed.save(update_fields=["password"])
            if part == "log in" and not number % 2:
                login.verify(f"user{number}", PASSWORD)
    return part


@pytest.mark.django_db(transaction=True)
def test_of_wrapping_changing_and_logging_in_at_once_nothing_is_lost(hashers: Any) -> None:
    """Every user has the password that was last set, whoever wrote last, and no hash is left as it was."""
    for number in range(USERS):
        user(f"user{number}", HASHES["md5" if number % 3 else "pbkdf2 sha256"])
    settings = {
        "PASSWORD_HASHERS": [*SETTING, *OLD],
        "STOCKADE": {**STOCKADE, "LIMITS": {"login_address": None}},
    }
    connections.close_all()
    assert run_processes(len(PARTS), _take_part, settings, django=True, seconds=240) == list(PARTS)
    move.run()
    for number in range(USERS):
        encoded = User.objects.values_list("password", flat=True).get(username=f"user{number}")
        assert check_password(NEW if number % 2 else PASSWORD, encoded), number
        assert encoded.startswith(("argon2$", "wrapped$")), number
    undone = move.undo()
    assert undone is None or undone.restored <= USERS // 2
    for number in range(1, USERS, 2):  # a way back never leads behind a change
        encoded = User.objects.values_list("password", flat=True).get(username=f"user{number}")
        assert check_password(NEW, encoded)
    assert not WrappedPassword.objects.exists()
