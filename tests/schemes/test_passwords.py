"""Argon2 with OWASP's parameters, and no more of it at once than the machine has cores."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from typing import Any

import argon2
import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password

from stockade.core.errors import ConfigurationError, Unavailable
from stockade.schemes import passwords
from stockade.schemes.conf import LoginSettings
from stockade.schemes.passwords import Argon2, Turns

HASHER = "stockade.schemes.passwords.Argon2"


@pytest.fixture(autouse=True)
def hashers(project: Any) -> None:
    project.PASSWORD_HASHERS = [HASHER, "django.contrib.auth.hashers.PBKDF2PasswordHasher"]


def test_the_parameters_are_owasps() -> None:
    encoded = make_password("correct horse")
    parameters = argon2.extract_parameters(encoded.removeprefix("argon2"))
    assert parameters.type is argon2.Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19456, 2, 1)


def test_it_verifies_what_it_hashed_and_nothing_else() -> None:
    encoded = make_password("correct horse")
    assert check_password("correct horse", encoded)
    assert not check_password("Correct horse", encoded)
    assert make_password("correct horse") != encoded


def test_djangos_own_argon2_hashes_are_read_and_renewed() -> None:
    from django.contrib.auth.hashers import Argon2PasswordHasher

    old = Argon2PasswordHasher().encode("correct horse", "saltsaltsaltsalt")
    renewed: list[str] = []
    assert isinstance(identify_hasher(old), Argon2)
    assert check_password("correct horse", old, renewed.append)
    assert renewed == ["correct horse"]
    assert not check_password("wrong", old, renewed.append)


def test_no_more_hash_at_once_than_there_are_turns() -> None:
    turns = Turns(2, 30)
    inside, most, lock = 0, 0, threading.Lock()

    def hash_one() -> None:
        nonlocal inside, most
        with turns.take():
            with lock:
                inside += 1
                most = max(most, inside)
            Argon2().encode("x", "saltsaltsaltsalt")
            with lock:
                inside -= 1

    threads = [threading.Thread(target=hash_one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == 2


def test_who_gets_no_turn_in_time_is_told_to_come_again() -> None:
    turns = Turns(1, 0.05)
    with turns.take(), pytest.raises(Unavailable) as caught, turns.take():
        pass
    assert caught.value.status == 503
    assert caught.value.headers["Retry-After"]
    with turns.take():
        pass


def test_a_turn_is_given_back_whatever_happens() -> None:
    turns = Turns(1, 0.05)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.take():
            _ = 1 / 0


@pytest.mark.parametrize("method", ["encode", "verify"])
def test_hashing_takes_a_turn(method: str, configure: Callable[..., None]) -> None:
    configure(LOGIN={"CONCURRENT_HASHES": 1, "HASH_WAIT": 0.05})
    encoded = make_password("x")
    with passwords.turns().take(), pytest.raises(Unavailable):
        Argon2().encode("x", "saltsaltsaltsalt") if method == "encode" else Argon2().verify("x", encoded)


def test_turns_are_as_many_as_cores() -> None:
    assert LoginSettings().concurrent_hashes == 0
    assert passwords.turns()._free._initial_value == os.cpu_count()  # type: ignore[attr-defined]


def _hash_in_child(answer: Any) -> None:
    answer.put(make_password("x")[:6])


def test_a_forked_worker_does_not_inherit_taken_turns(configure: Callable[..., None]) -> None:
    """Turns that the parent's threads held at the fork would never be given back in the child."""
    configure(LOGIN={"CONCURRENT_HASHES": 1, "HASH_WAIT": 0.5})
    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()
    with passwords.turns().take():
        child = context.Process(target=_hash_in_child, args=(answer,))
        child.start()
        child.join(30)
    assert child.exitcode == 0
    assert answer.get() == "argon2"


@pytest.mark.parametrize(
    "login",
    [
        {"CONCURRENT_HASHES": -1},
        {"CONCURRENT_HASHES": "2"},
        {"HASH_WAIT": 0},
        {"HASH_WAIT": "1h"},
        {"PASSWORD_MAX_LENGTH": 8},
        {"DEVICE_LIFETIME": "soon"},
        {"UNKNOWN": 1},
    ],
)
def test_wrong_settings_stop_the_start(login: dict[str, Any], configure: Callable[..., None]) -> None:
    from stockade.conf import load

    configure(LOGIN=login)
    with pytest.raises(ConfigurationError) as caught:
        load(LoginSettings)
    assert caught.value.hint


@pytest.mark.parametrize(
    "jwt",
    [
        {"ALGORITHM": "none"},
        {"ALGORITHM": "HS384"},
        {"ACCESS_LIFETIME": 0},
        {"ACCESS_LIFETIME": "2d"},
        {"ACCESS_LIFETIME": True},
        {"LEEWAY": "2m"},
        {"LEEWAY": -1},
        {"CLOCK_SKEW": "1h"},
        {"ISSUER": ""},
        {"AUDIENCE": None},
        {"REFRESH_IDLE": 0},
    ],
)
def test_wrong_token_settings_stop_the_start(jwt: dict[str, Any], configure: Callable[..., None]) -> None:
    from stockade.conf import load
    from stockade.schemes.conf import JWTSettings

    configure(JWT=jwt)
    with pytest.raises(ConfigurationError) as caught:
        load(JWTSettings)
    assert caught.value.id.startswith("stockade.E11")
    assert caught.value.hint
