"""What the checks say of a project's own settings for passwords, and that they say nothing of good ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, ScryptPasswordHasher
from django.contrib.auth.password_validation import get_default_password_validators
from django.core.exceptions import ValidationError

import stockade.passwords
from stockade.pipeline.start import findings
from stockade.pipeline.weak_passwords import password_findings
from stockade.schemes.passwords import Argon2

HASHERS = "django.contrib.auth.hashers"
DJANGO = "django.contrib.auth.password_validation"
HERE = "tests.passwords.test_findings"


class Few(PBKDF2PasswordHasher):
    """As many as Django took in 2021."""

    iterations = 260_000


class Small(ScryptPasswordHasher):
    """A megabyte."""

    work_factor = 2**10


class Tiny(Argon2):
    """A megabyte."""

    memory_cost = 1024


class Upper:
    """As many projects have it."""

    def validate(self, password: str, user: Any = None) -> None:
        if not any(one.isupper() for one in password):
            raise ValidationError("No capital.")

    def get_help_text(self) -> str:
        return ""


class AtMost:
    """The same."""

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) > 32:
            raise ValidationError("Too long.")

    def get_help_text(self) -> str:
        return ""


class NeedsUser:
    """One that cannot be asked without a user."""

    def validate(self, password: str, user: Any = None) -> None:
        assert user.pk

    def get_help_text(self) -> str:
        return ""


@pytest.fixture(autouse=True)
def good(settings: Any) -> Any:
    get_default_password_validators.cache_clear()
    settings.PASSWORD_HASHERS = ["stockade.schemes.passwords.Argon2"]
    settings.AUTH_PASSWORD_VALIDATORS = stockade.passwords.validators()
    yield settings
    get_default_password_validators.cache_clear()


def ids() -> list[str]:
    return [one.id.removeprefix("stockade.") for one in password_findings()]


@pytest.mark.parametrize("minimum", [8, 15, 64])
def test_nothing_is_said_of_ours(good: Any, minimum: int) -> None:
    good.AUTH_PASSWORD_VALIDATORS = stockade.passwords.validators(minimum)
    assert ids() == []


@pytest.mark.parametrize(
    ("hasher", "found"),
    [
        (f"{HASHERS}.MD5PasswordHasher", ["W240"]),
        (f"{HASHERS}.BCryptPasswordHasher", ["W241"]),
        (f"{HASHERS}.BCryptSHA256PasswordHasher", []),
        (f"{HASHERS}.PBKDF2PasswordHasher", []),
        (f"{HERE}.Few", ["W242"]),
        (f"{HERE}.Small", ["W243"]),
        (f"{HERE}.Tiny", ["W243"]),
        (f"{HASHERS}.ScryptPasswordHasher", []),
        (f"{HASHERS}.Argon2PasswordHasher", []),
    ],
)
def test_a_hasher_that_gives_a_stolen_table_away_is_named(good: Any, hasher: str, found: list[str]) -> None:
    good.PASSWORD_HASHERS = [hasher, "stockade.schemes.passwords.Argon2"]
    assert ids() == found


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], ["W244", "W245"]),
        ([f"{DJANGO}.MinimumLengthValidator"], ["W245"]),
        ([f"{DJANGO}.CommonPasswordValidator"], ["W244"]),
        ([f"{DJANGO}.MinimumLengthValidator", f"{DJANGO}.CommonPasswordValidator"], []),
        ([f"{HERE}.NeedsUser", f"{DJANGO}.MinimumLengthValidator", f"{DJANGO}.CommonPasswordValidator"], []),
    ],
    ids=["none", "length", "common", "both", "one that fails"],
)
def test_short_and_common_passwords_are_tried(good: Any, names: list[str], found: list[str]) -> None:
    good.AUTH_PASSWORD_VALIDATORS = [{"NAME": name} for name in names]
    assert ids() == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (f"{DJANGO}.NumericPasswordValidator", ["W246"]),
        (f"{HERE}.Upper", ["W246"]),
        (f"{HERE}.AtMost", ["W247"]),
    ],
)
def test_rules_about_characters_and_a_maximum_are_found_by_trying(
    good: Any, name: str, found: list[str]
) -> None:
    good.AUTH_PASSWORD_VALIDATORS = [*stockade.passwords.validators(), {"NAME": name}]
    told = list(password_findings())
    assert [one.id.removeprefix("stockade.") for one in told] == found
    assert name in told[0].message


def test_a_list_that_cannot_be_read_stops_the_start(good: Any, tmp_path: Path) -> None:
    good.STOCKADE = {"STATE": "memory://"}
    good.MIDDLEWARE = ["stockade.web.Middleware", *good.MIDDLEWARE]
    good.AUTH_PASSWORD_VALIDATORS = stockade.passwords.validators(breached=tmp_path / "gone")
    assert "stockade.E241" in [one.id for one in findings() if one.stops]


def test_a_hasher_that_makes_no_hash_does_not_come_first(good: Any) -> None:
    """Nobody could set a password any more."""
    good.STOCKADE = {"STATE": "memory://"}
    good.MIDDLEWARE = ["stockade.web.Middleware", *good.MIDDLEWARE]
    good.PASSWORD_HASHERS = ["stockade.schemes.passwords.Wrapped", "stockade.schemes.passwords.Argon2"]
    assert "stockade.E242" in [one.id for one in findings() if one.stops]
    good.PASSWORD_HASHERS = good.PASSWORD_HASHERS[::-1]
    assert "stockade.E242" not in [one.id for one in findings()]
