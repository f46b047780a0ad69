"""The hashes of former years: taken apart, and made again from a password as their own hashers did.

Django has dropped some of these hashers, and a project may drop the others: nothing here needs PASSWORD_HASHERS.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import (
    BCryptPasswordHasher,
    BCryptSHA256PasswordHasher,
    PBKDF2PasswordHasher,
    PBKDF2SHA1PasswordHasher,
    ScryptPasswordHasher,
)

_BCRYPT_DIGEST = 31  # characters at the end of a bcrypt hash
_BCRYPT_BYTES = 72  # of a password, and no more, does bcrypt look at
_HEX = {"md5": 32, "sha1": 40}
_BCRYPT = re.compile(r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{22}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Old:
    """An old hash.

    Args:
        recipe: all that must be known, beside the password, to make it again; it has no part of the digest.
        digest: the rest of it, which is what tells the password.
    """

    recipe: str
    digest: str


def take_apart(encoded: str) -> Old | None:
    """What `encoded` is made of; None for a hash that is of none of these kinds, or of none that could be verified."""
    if "$" not in encoded:  # as the first Django wrote it
        return Old("md5$", encoded) if re.fullmatch(r"[0-9a-f]{32}", encoded, re.ASCII) else None
    algorithm, _, rest = encoded.partition("$")
    if algorithm in _HEX:
        salt, _, digest = rest.partition("$")
        good = re.fullmatch(rf"[0-9a-f]{{{_HEX[algorithm]}}}", digest, re.ASCII)
        return Old(f"{algorithm}${salt}", digest) if good else None
    if algorithm in _CODES:
        head, tail = (
            (encoded[:-_BCRYPT_DIGEST], encoded[-_BCRYPT_DIGEST:])
            if algorithm.startswith("bcrypt")
            else _split(encoded)
        )
        recipe = f"{_CODES[algorithm]}{head.removeprefix(algorithm)}"
        return Old(recipe, tail) if tail and _readable(recipe) else None
    return None


def _split(encoded: str) -> tuple[str, str]:
    head, _, tail = encoded.rpartition("$")
    return head, tail


def _readable(recipe: str) -> bool:
    code, _, rest = recipe.partition("$")
    parts = rest.split("$")
    if code.startswith("b"):
        return _BCRYPT.fullmatch(rest) is not None
    if code == "scrypt":
        return len(parts) == 4 and all(parts[at].isdecimal() for at in (0, 2, 3))
    return len(parts) == 2 and parts[0].isdecimal() and bool(parts[1])


def again(recipe: str, password: str) -> str:
    """The digest that this password has by that recipe."""
    code, _, rest = recipe.partition("$")
    return _MAKERS[code](password, rest)


def cost(recipe: str) -> tuple[str, ...]:
    """What `again` costs, as `evening` names kinds of hash: the algorithm and its parameters; none for what is free."""
    code, _, rest = recipe.partition("$")
    if code in _HEX:
        return ()
    algorithm = next(name for name, short in _CODES.items() if short == code)
    parts = rest.split("$")
    if code.startswith("b"):
        named: dict[str, Any] = {"algostr": parts[1], "work_factor": int(parts[2])}
    elif code == "scrypt":
        named = {"block_size": parts[2], "parallelism": parts[3], "work_factor": parts[0]}
    else:
        named = {"iterations": parts[0]}
    named["algorithm"] = algorithm
    return (algorithm, *(f"{name}={value}" for name, value in sorted(named.items())))


# -- the makers: password and the rest of the recipe, to the digest ----------------------------------------------------


def _hex(name: str) -> Callable[[str, str], str]:
    def make(password: str, salt: str) -> str:
        text = (salt + password).encode()
        return hashlib.new(name, text, usedforsecurity=False).hexdigest()

    return make


def _pbkdf2(hasher: type[PBKDF2PasswordHasher]) -> Callable[[str, str], str]:
    def make(password: str, rest: str) -> str:
        iterations, salt = rest.split("$")
        return hasher().encode(password, salt, int(iterations)).rpartition("$")[2]

    return make


def _scrypt(password: str, rest: str) -> str:
    n, salt, r, p = rest.split("$")
    return ScryptPasswordHasher().encode(password, salt, int(n), int(r), int(p)).rpartition("$")[2]


def _bcrypt_sha256(password: str, rest: str) -> str:
    hasher: Any = BCryptSHA256PasswordHasher()
    return _tail(hasher.encode(password, rest.encode()))


def _bcrypt(password: str, rest: str) -> str:
    # As it was verified: newer releases of bcrypt raise an error instead of leaving the rest out of account.
    hasher: Any = BCryptPasswordHasher()
    library = hasher._load_library()  # noqa: SLF001 - as Django finds it
    return _tail(library.hashpw(password.encode()[:_BCRYPT_BYTES], rest.encode()).decode())


def _tail(encoded: str) -> str:
    return encoded[-_BCRYPT_DIGEST:]


# The user model's column has 128 characters: names are short.
_CODES = {
    "pbkdf2_sha256": "p256",
    "pbkdf2_sha1": "p1",
    "bcrypt_sha256": "b256",
    "bcrypt": "b",
    "scrypt": "scrypt",
}
_MAKERS: dict[str, Callable[[str, str], str]] = {
    "md5": _hex("md5"),
    "sha1": _hex("sha1"),
    "p256": _pbkdf2(PBKDF2PasswordHasher),
    "p1": _pbkdf2(PBKDF2SHA1PasswordHasher),
    "b256": _bcrypt_sha256,
    "b": _bcrypt,
    "scrypt": _scrypt,
}
