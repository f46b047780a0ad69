"""New passwords: common, breached and obvious ones are refused, and nothing else is (ASVS 5.0, 6.2)."""

from __future__ import annotations

import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import (
    get_default_password_validators,
    validate_password,
)
from django.core.exceptions import ValidationError

import stockade.passwords
from stockade.core.errors import ConfigurationError
from stockade.passwords import BreachedPassword, ContextWords
from stockade.passwords.common import is_common, listed
from stockade.passwords.making import build


@pytest.fixture
def ready(settings: Any) -> Any:
    """Have the validators of `stockade.passwords.validators` as the project's."""

    def use(*args: Any, **options: Any) -> None:
        settings.AUTH_PASSWORD_VALIDATORS = stockade.passwords.validators(*args, **options)

    get_default_password_validators.cache_clear()
    yield use
    get_default_password_validators.cache_clear()


def codes(password: str, user: Any = None) -> set[str]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return {one.code for one in error.error_list}
    return set()


@pytest.mark.parametrize(
    "password",
    [
        "password1", "PASSWORD1", "qwertyuiop", "P@ssw0rd", "p4ssw0rd!", "Dragon2024", "monkey!!", "iloveyou123",
        " password ", "Sunshine#1",
    ],
)  # fmt: skip
def test_what_everybody_tries_first_is_refused_without_any_file(ready: Any, password: str) -> None:
    ready()
    assert "password_breached" in codes(password)


def test_three_thousand_common_passwords_of_the_least_length_are_known() -> None:
    """ASVS 5.0, 6.2.4: the top 3000 that match the policy."""
    found = [one for one in listed() if len(one) >= 8]
    assert len(found) >= 3000
    assert all(map(is_common, found))


@pytest.mark.parametrize(
    "password",
    [
        "84739201564738291047", "wkqpzmxnrtyvbdhg", "zwei Kühe tanzen Tango", "любимая длинная фраза",
        "  spaced out  9 ",
        "🐎🔋📎🌂🚲🧊🛶🪁", "x" * 4 + "kWq7vB2n" * 16, "correct horse battery staple", string.punctuation,
    ],
    ids=["digits", "letters", "umlaut", "cyrillic", "spaces around", "emoji", "132 characters", "words", "signs"],
)  # fmt: skip
def test_no_kind_of_character_is_asked_for_or_refused(ready: Any, password: str) -> None:
    """ASVS 5.0, 6.2.5 and 6.2.9."""
    ready()
    assert codes(password) == set()


def test_eight_characters_are_the_least_and_fifteen_may_be(ready: Any) -> None:
    ready()
    assert codes("kW7#vB2") == {"password_too_short"}
    assert codes("kW7#vB2q") == set()
    ready(15)
    get_default_password_validators.cache_clear()
    assert codes("kW7#vB2qkW7#vB") == {"password_too_short"}
    assert codes("kW7#vB2qkW7#vB2") == set()


@pytest.mark.parametrize("minimum", [7, 0, 65, True, "8", None])
def test_a_minimum_below_eight_is_no_setting(minimum: Any) -> None:
    with pytest.raises(ConfigurationError, match="E240"):
        stockade.passwords.validators(minimum)


@pytest.mark.parametrize("words", ["acme", [""], [7]])
def test_words_are_a_list(words: Any) -> None:
    with pytest.raises(ConfigurationError, match="E240"):
        stockade.passwords.validators(words=words)


def test_a_breached_password_is_refused_as_it_was_typed(ready: Any, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_text("Kühe tanzen im Regen\n")
    build([source], tmp_path / "list")
    ready(breached=tmp_path / "list")
    assert codes("Kühe tanzen im Regen") == {"password_breached"}
    assert codes("kühe tanzen im regen") == set()


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_without_its_list_no_password_is_taken(ready: Any, tmp_path: Path, damage: str) -> None:
    """Fail closed: a list that has gone must not let in what is on it."""
    path = tmp_path / "list"
    if damage == "damaged":
        path.write_text("x" * 500)
    ready(breached=path)
    with pytest.raises(ConfigurationError, match="E241"):
        validate_password("zwei Kühe tanzen Tango")


def test_another_list_that_is_written_over_the_open_one_is_taken_once_it_is_whole(
    ready: Any, tmp_path: Path
) -> None:
    path, other, source = tmp_path / "list", tmp_path / "other", tmp_path / "in"
    for target, word in ((path, "Kühe tanzen im Regen"), (other, "Kühe tanzen im Schnee")):
        source.write_text(f"{word}\n" * 3 + "\n".join(f"password {number}" for number in range(len(word))))
        build([source], target)
    ready(breached=path)
    assert codes("Kühe tanzen im Regen") == {"password_breached"}
    whole = other.read_bytes()
    path.write_bytes(whole[:-1])
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="E241"):
            validate_password("zwei Kühe tanzen Tango")
    path.write_bytes(whole)
    assert codes("Kühe tanzen im Schnee") == {"password_breached"}
    assert codes("Kühe tanzen im Regen") == set()


@pytest.mark.parametrize(
    ("password", "refused"),
    [
        ("AcmeAcmeAcme", True), ("acme-anvil-2024", True), ("4cm3 4nv1l!", True), ("tests-tests", True),
        ("alice.liddell", True), ("wonderland1865", True), ("acme makes seventeen anvils", False),
        ("liddell has three rabbits", False), ("kW7#vB2q", False),
    ],
)  # fmt: skip
def test_little_more_than_a_name_is_refused_and_a_sentence_with_one_is_not(
    settings: Any, password: str, refused: bool
) -> None:
    settings.ALLOWED_HOSTS = ["api.acme.example", "10.0.0.7", "[::1]", "*"]
    user = User(username="alice", email="alice@wonderland.example", last_name="Liddell")
    validator = ContextWords(["anvil"])
    if refused:
        with pytest.raises(ValidationError) as caught:
            validator.validate(password, user)
        assert caught.value.code == "password_context"
        assert password not in str(caught.value)
    else:
        validator.validate(password, user)


def test_the_dotted_names_are_for_settings_which_need_no_django() -> None:
    """As settings.py is read: importing it must not have Django look for settings."""
    code = (
        "import sys, stockade.passwords as p; p.validators(15, words=['acme']); "
        "assert not [m for m in sys.modules if m.partition('.')[0] == 'django']"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_help_is_there_for_forms() -> None:
    for validator in (BreachedPassword(), ContextWords()):
        assert validator.get_help_text().endswith(".")
