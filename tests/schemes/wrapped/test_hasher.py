"""A wrapped hash takes the password of the old one and no other, for every hasher that Django has had."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.hashers import (
    check_password,
    get_hasher,
    identify_hasher,
    make_password,
    verify_password,
)
from django.contrib.auth.models import User

from stockade.schemes.passwords import Wrapped
from stockade.schemes.wrapped import inner
from stockade.schemes.wrapped.standing import Standing, described, standing
from tests.schemes.wrapped.old import HASHES, PASSWORD


@pytest.fixture
def wrapped() -> Wrapped:
    found = get_hasher("wrapped")
    assert isinstance(found, Wrapped)
    return found


@pytest.mark.parametrize("kind", HASHES)
def test_the_right_password_and_no_other_opens_a_wrapped_hash(kind: str, wrapped: Wrapped) -> None:
    encoded = wrapped.wrap(HASHES[kind])
    assert encoded is not None
    assert verify_password(PASSWORD, encoded) == (True, True), "right, and to be hashed anew"
    for wrong in ("letmein", "lètmein ", "LÈTMEIN", "", "x" * 100, HASHES[kind], encoded):
        assert not check_password(wrong, encoded)


@pytest.mark.parametrize("kind", HASHES)
def test_no_part_of_the_old_digest_is_left_to_guess_at(kind: str, wrapped: Wrapped) -> None:
    """Else a stolen table is as good as before."""
    encoded = wrapped.wrap(HASHES[kind])
    assert encoded is not None
    digest = inner.take_apart(HASHES[kind]).digest  # type: ignore[union-attr]
    assert not any(digest[at : at + 6] in encoded for at in range(len(digest) - 6))


@pytest.mark.parametrize("kind", HASHES)
def test_it_fits_into_the_column_with_the_longest_salt_that_django_makes(kind: str, wrapped: Wrapped) -> None:
    """128 characters, which PostgreSQL holds a row to."""
    salt = "A" * 22
    encoded = wrapped.wrap(HASHES[kind].replace("seasalt", salt).replace("$10000$", "$1000000$"))
    assert encoded is not None
    assert len(encoded) <= User._meta.get_field("password").max_length


def test_two_users_of_one_unsalted_hash_have_two_wrapped_ones(wrapped: Wrapped) -> None:
    one, two = (wrapped.wrap(HASHES["unsalted md5"]) for _ in range(2))
    assert one != two
    assert check_password(PASSWORD, one)
    assert check_password(PASSWORD, two)


def test_bcrypt_takes_what_it_took_before_also_beyond_72_bytes(wrapped: Wrapped) -> None:
    """Newer releases of the library raise an error there, which would be a 500 for whoever has such a password."""
    import bcrypt

    long = "é" * 50
    old = "bcrypt$" + bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    encoded = wrapped.wrap(old)
    assert encoded is not None
    assert check_password(long, encoded)
    assert not check_password("é" * 35, encoded)


@pytest.mark.parametrize(
    "encoded",
    [
        "", "!", "!unusable", "gibberish", "md5$salt$short", "md5$salt$" + "G" * 32, "sha1$$", "x" * 32,
        "pbkdf2_sha256$",
        "pbkdf2_sha256$many$salt$abc", "bcrypt$$2b$12$short", "bcrypt_sha256$" + "x" * 60, "scrypt$1$salt$8$abc",
        "argon2$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", "crypt$$ab1Hv2Lg7ltQo",
    ],
)  # fmt: skip
def test_what_is_no_old_hash_is_left_alone(encoded: str, wrapped: Wrapped) -> None:
    assert wrapped.wrap(encoded) is None


def test_a_wrapped_hash_is_not_wrapped_again(wrapped: Wrapped) -> None:
    encoded = wrapped.wrap(HASHES["md5"])
    assert encoded is not None
    assert wrapped.wrap(encoded) is None


def test_only_the_very_hash_that_was_wrapped_is_recognised(wrapped: Wrapped) -> None:
    encoded = wrapped.wrap(HASHES["md5"])
    assert encoded is not None
    assert wrapped.holds(HASHES["md5"], encoded)
    assert not wrapped.holds(HASHES["md5"].replace("3f86", "3f87"), encoded)
    assert not wrapped.holds(HASHES["sha1"], encoded)


def test_it_makes_no_hash_of_a_password() -> None:
    """Placed first by mistake it must not store something weaker, or something that nobody can verify."""
    with pytest.raises(NotImplementedError):
        make_password("x", hasher="wrapped")


def test_the_admin_shows_its_kind_and_no_digest(wrapped: Wrapped) -> None:
    encoded = wrapped.wrap(HASHES["pbkdf2 sha256"])
    assert encoded is not None
    shown = identify_hasher(encoded).safe_summary(encoded)
    assert shown["algorithm"] == "Argon2 over pbkdf2_sha256"
    assert re.fullmatch(r"[0-9a-f]{6}\*+", shown["hash"])


def test_every_hash_is_told_by_its_worth(wrapped: Wrapped) -> None:
    strong = "pbkdf2_sha256$1000000$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY="
    found: dict[str, Any] = {
        HASHES["md5"]: Standing.WEAK,
        HASHES["unsalted sha1"]: Standing.WEAK,
        HASHES["pbkdf2 sha256"]: Standing.WEAK,
        HASHES["bcrypt"]: Standing.WEAK,
        strong: Standing.RENEWED,
        wrapped.wrap(HASHES["md5"]): Standing.WRAPPED,
        make_password("x"): Standing.TODAY,
        make_password(None): Standing.NONE,
        "": Standing.NONE,
        "crypt$$ab1Hv2Lg7ltQo": Standing.UNREADABLE,
        "wrapped$nonsense": Standing.UNREADABLE,
    }
    assert {encoded: standing(encoded) for encoded in found} == found
    for encoded in found:
        assert described(encoded).count("\t") == 2
        assert "seasalt" not in described(encoded)
