"""What `check --deploy` says of how passwords are chosen and kept, by ASVS 5.0 section 6.2 and 11.4.2.

Validators are asked, not named: each gets passwords that it should take or refuse, made up at random.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterator
from typing import Any

from stockade.core.errors import ConfigurationError
from stockade.passwords.common import listed
from stockade.passwords.ready import RECOMMENDED, SHORTEST
from stockade.pipeline.edge import warn
from stockade.pipeline.finding import Finding

LONGEST = 64  # characters that must be taken (ASVS 5.0, 6.2.9)
_BREACHED = "stockade.passwords.BreachedPassword"
_ARGON2 = "stockade.schemes.passwords.Argon2"
_WRAPPED = "stockade.schemes.passwords.Wrapped"
_FIRST = f'Write PASSWORD_HASHERS = ["{_ARGON2}", *those you have], and see `stockade passwords check`.'
_READY = f"Write AUTH_PASSWORD_VALIDATORS = stockade.passwords.validators({RECOMMENDED})."
# OWASP Password Storage Cheat Sheet: iterations of PBKDF2, memory in KiB of the others.
_PBKDF2 = {"pbkdf2_sha256": 600_000, "pbkdf2_sha1": 1_300_000}
_ARGON2_MEMORY = 7_168
_SCRYPT_MEMORY = 8_192
_FAST = ("md5", "sha1", "sha256", "sha512", "unsalted", "crypt", "plain")


def unusable_findings() -> Iterator[Finding]:
    """What keeps every new password out stops the start: a list that cannot be read, a hasher that makes no hash."""
    from django.conf import settings

    from stockade.passwords.breached import opened

    if next(iter(settings.PASSWORD_HASHERS), "") == _WRAPPED:
        yield Finding(
            "stockade.E242",
            f"PASSWORD_HASHERS begins with {_WRAPPED}, which makes no hash: nobody can set a password.",
            f'Write PASSWORD_HASHERS = ["{_ARGON2}", "{_WRAPPED}", ...].',
        )
    for entry in settings.AUTH_PASSWORD_VALIDATORS:
        path = (entry.get("OPTIONS") or {}).get("path")
        if str(entry.get("NAME", "")).rpartition(".")[2] == "BreachedPassword" and path is not None:
            try:
                opened(str(path))
            except ConfigurationError as error:
                yield Finding.of(error)


def password_findings() -> Iterator[Finding]:
    """How new passwords are hashed, and which are taken."""
    yield from _hashers()
    yield from _validators()


# -- hashers -----------------------------------------------------------------------------------------------------------


def _hashers() -> Iterator[Finding]:
    from django.contrib.auth.hashers import get_hashers

    try:
        first: Any = get_hashers()[0]
    except Exception:  # noqa: BLE001 - Django says what is wrong with PASSWORD_HASHERS
        return
    name, where = str(first.algorithm), f"{type(first).__module__}.{type(first).__qualname__}"
    if name.startswith(_FAST):
        yield warn(
            "W240",
            f"PASSWORD_HASHERS begins with {where}: whoever reads the table tries billions of passwords a second.",
            _FIRST,
        )
    elif name == "bcrypt":
        yield warn(
            "W241",
            f"PASSWORD_HASHERS begins with {where}: bcrypt looks at the first 72 bytes of a password only, or refuses "
            "longer ones with an error (ASVS 5.0, 6.2.8).",
            f'Write PASSWORD_HASHERS = ["{_ARGON2}", *those you have], or bcrypt_sha256, which hashes first.',
        )
    elif name in _PBKDF2 and int(first.iterations) < _PBKDF2[name]:
        yield warn(
            "W242",
            f"PASSWORD_HASHERS begins with {where} of {first.iterations:,} iterations; {_PBKDF2[name]:,} are the "
            "least that stop guessing at a stolen table.",
            _FIRST,
        )
    elif (kib := _memory(first)) is not None and kib[0] < kib[1]:
        yield warn(
            "W243",
            f"PASSWORD_HASHERS begins with {where}, which takes {kib[0]:,} KiB; {kib[1]:,} are the least.",
            _FIRST,
        )


def _memory(hasher: Any) -> tuple[int, int] | None:
    """What a hash takes and should take, in KiB."""
    if hasher.algorithm == "argon2":
        return int(hasher.memory_cost), _ARGON2_MEMORY
    if hasher.algorithm == "scrypt":
        return 128 * int(hasher.work_factor) * int(hasher.block_size) // 1024, _SCRYPT_MEMORY
    return None


# -- validators --------------------------------------------------------------------------------------------------------


def _validators() -> Iterator[Finding]:
    from django.conf import settings
    from django.contrib.auth.password_validation import get_password_validators

    try:
        found = get_password_validators(settings.AUTH_PASSWORD_VALIDATORS)
    except Exception:  # noqa: BLE001 - the first change of a password says what is wrong with it, and takes none
        return
    # Those that ask somebody on the network are not asked.
    remote = [one for one in found if "pwned" in type(one).__module__]
    here = [one for one in found if one not in remote]
    if _taken(here, lambda: _random(string.printable[:94], SHORTEST - 1)):
        yield warn(
            "W244",
            f"AUTH_PASSWORD_VALIDATORS take a password of {SHORTEST - 1} characters (ASVS 5.0, 6.2.1).",
            _READY,
        )
    common = sorted(one for one in listed() if len(one) >= RECOMMENDED)
    if not remote and any(_refusing(here, one) is None for one in common):
        yield warn(
            "W245",
            "AUTH_PASSWORD_VALIDATORS take passwords that everybody tries first (ASVS 5.0, 6.2.4 and 6.2.12).",
            f'Write {{"NAME": "{_BREACHED}"}} into the list. {_READY}',
        )
    kinds: dict[str, Callable[[int], str]] = {
        "of digits alone": lambda length: _random(string.digits, length),
        "of small letters alone": lambda length: _random(string.ascii_lowercase, length),
        "of words with spaces": lambda length: " ".join(
            _random(string.ascii_lowercase, 4) for _ in range(length // 4)
        ),
        "of letters of another script": lambda length: _random("αβγδεζηθικλμνξοπρστυφχψω", length),
    }
    said: set[str] = set()
    for what, make in kinds.items():
        # The longer one for those who ask for more than twenty characters.
        refusing = _refusing(here, make(20)) and _refusing(here, make(LONGEST))
        if refusing is not None and refusing not in said:
            said.add(refusing)
            yield warn(
                "W246",
                f"{refusing} refuses a random password {what}: which kinds of characters it has says nothing of how "
                "hard it is to guess (ASVS 5.0, 6.2.5).",
                f"Take it out of AUTH_PASSWORD_VALIDATORS. {_READY}",
            )
    refusing = _refusing(here, _random(string.ascii_letters + string.digits, LONGEST))
    if refusing is not None and refusing not in said:
        yield warn(
            "W247",
            f"{refusing} refuses a random password of {LONGEST} characters (ASVS 5.0, 6.2.9).",
            f"Take its maximum away. {_READY}",
        )


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def _taken(validators: list[Any], make: Callable[[], str]) -> bool:
    """Whether one of a few such passwords is taken: a single one may be refused by chance, for what it is like."""
    return any(_refusing(validators, make()) is None for _ in range(3))


def _refusing(validators: list[Any], password: str) -> str | None:
    """The name of the first validator that refuses it; None where all take it."""
    from django.core.exceptions import ValidationError

    for validator in validators:
        try:
            validator.validate(password, None)
        except ValidationError:
            return f"{type(validator).__module__}.{type(validator).__qualname__}"
        except Exception:  # noqa: BLE001, S112 - one that needs a user, or a database, has said nothing of it
            continue
    return None
