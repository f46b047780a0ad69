"""Argon2id with OWASP's parameters as Django hashers, and no more hashing at once than the machine has cores."""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher, BasePasswordHasher, get_hasher, mask_hash

from stockade.conf import load, on_change
from stockade.core.errors import Unavailable
from stockade.schemes.conf import LoginSettings
from stockade.schemes.wrapped import inner


class Turns:
    """A bounded number of turns: who gets none in time is told to come again, instead of a queue without end.

    Without this a burst of logins takes 19 MiB and a core each, all at once, and every other request waits with it.
    """

    def __init__(self, turns: int, wait: float) -> None:
        self._free = threading.BoundedSemaphore(turns)
        self._wait = wait

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold one turn.

        Raises:
            Unavailable: none came free in time.
        """
        if not self._free.acquire(timeout=self._wait):
            raise Unavailable("Too many logins at once. Try again shortly.", reason="hashing_busy")
        try:
            yield
        finally:
            self._free.release()


_turns: Turns | None = None
_lock = threading.Lock()


def turns() -> Turns:
    """The turns of this process, as many as the setting says."""
    global _turns
    found = _turns
    if found is None:
        with _lock:
            if _turns is None:
                settings = load(LoginSettings)
                _turns = Turns(settings.concurrent_hashes or os.cpu_count() or 1, settings.hash_wait)
            found = _turns
    return found


@on_change
def _forget() -> None:
    global _turns, _lock
    _turns, _lock = None, threading.Lock()


# A forked worker would inherit the turns that its parent's threads held at that moment, and never get them back.
os.register_at_fork(after_in_child=_forget)


class Argon2(Argon2PasswordHasher):
    """For PASSWORD_HASHERS. Argon2id with 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet).

    It reads Django's own Argon2 hashes and brings them to these parameters at the next login.
    """

    time_cost = 2
    memory_cost = 19456
    parallelism = 1

    def encode(self, password: str, salt: str, *args: Any, **kwargs: Any) -> str:
        """Hash, when it is this one's turn.

        Raises:
            Unavailable: its turn did not come in time.
        """
        with turns().take():
            return str(super().encode(password, salt, *args, **kwargs))

    def verify(self, password: str, encoded: str) -> bool:
        """Verify, when it is this one's turn; the same."""
        with turns().take():
            return bool(super().verify(password, encoded))


@dataclass(frozen=True, slots=True)
class Parts:
    """A wrapped hash.

    Args:
        memory: of Argon2, in KiB; `passes` over it, in `lanes`.
        recipe: of the old hash.
        salt, digest: of Argon2.
    """

    memory: int
    passes: int
    lanes: int
    recipe: str
    salt: bytes
    digest: bytes


class Wrapped(BasePasswordHasher):
    """For PASSWORD_HASHERS, behind `Argon2`: verifies what `stockade passwords wrap` has put into Argon2id.

    ``wrapped$memory,passes,lanes$recipe of the old hash$salt$Argon2id of the old digest``. It makes no hash of a
    password: at the next login Django writes one of the first hasher's in its place.
    """

    algorithm = "wrapped"
    library = "argon2"

    def wrap(self, encoded: str) -> str | None:
        """Put an old hash into Argon2id; None if it is of no kind that can be.

        Raises:
            Unavailable: its turn did not come in time.
        """
        old = inner.take_apart(encoded)
        if old is None:
            return None
        outer = _outer()
        made = Parts(
            outer.memory_cost, outer.time_cost, outer.parallelism, old.recipe, secrets.token_bytes(16), b""
        )
        with turns().take():
            digest = self._argon2(old.digest, made)
        cost = f"{made.memory},{made.passes},{made.lanes}"
        return f"{self.algorithm}${cost}${old.recipe}${_text(made.salt)}${_text(digest)}"

    def holds(self, old: str, encoded: str) -> bool:
        """Whether `encoded` is this old hash, wrapped."""
        apart, parts = inner.take_apart(old), self.parts(encoded)
        if apart is None or apart.recipe != parts.recipe:
            return False
        with turns().take():
            return hmac.compare_digest(self._argon2(apart.digest, parts), parts.digest)

    def verify(self, password: str, encoded: str) -> bool:
        """Verify, when it is this one's turn.

        Raises:
            Unavailable: its turn did not come in time.
        """
        parts = self.parts(encoded)
        with turns().take():
            found = self._argon2(inner.again(parts.recipe, password), parts)
        return hmac.compare_digest(found, parts.digest)

    def run_inner(self, password: str, encoded: str) -> None:
        """Do what the old hash costs, and nothing with it."""
        recipe = self.parts(encoded).recipe
        with turns().take():
            inner.again(recipe, password)

    def run_outer(self, encoded: str) -> None:
        """Do what Argon2 costs in it."""
        parts = self.parts(encoded)
        with turns().take():
            self._argon2("", parts)

    def parts(self, encoded: str) -> Parts:
        """What a wrapped hash is made of."""
        head, salt, digest = encoded.rsplit("$", 2)
        algorithm, cost, recipe = head.split("$", 2)
        if algorithm != self.algorithm:
            raise ValueError("That is no wrapped hash.")
        memory, passes, lanes = map(int, cost.split(","))
        return Parts(memory, passes, lanes, recipe, _bytes(salt), _bytes(digest))

    def decode(self, encoded: str) -> dict[str, Any]:
        """As Django's hashers tell their parts."""
        parts = self.parts(encoded)
        return {
            "algorithm": self.algorithm,
            "inner": inner.cost(parts.recipe) or (parts.recipe.partition("$")[0],),
            "memory_cost": parts.memory,
            "time_cost": parts.passes,
            "parallelism": parts.lanes,
            "salt": parts.salt.hex(),
            "hash": parts.digest.hex(),
        }

    def safe_summary(self, encoded: str) -> Any:
        """What the admin shows."""
        decoded = self.decode(encoded)
        return {
            "algorithm": f"Argon2 over {decoded['inner'][0]}",
            "memory cost": decoded["memory_cost"],
            "time cost": decoded["time_cost"],
            "parallelism": decoded["parallelism"],
            "hash": mask_hash(decoded["hash"]),
        }

    def must_update(self, encoded: str) -> bool:
        """Always: a plain Argon2 hash is verified for less."""
        return True

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing: `stockade.schemes.evening` does it."""

    def _argon2(self, digest: str, parts: Parts) -> bytes:
        load: Any = getattr(self, "_load_library")  # noqa: B009 - Django's own, which its types leave out
        library = load()
        found: bytes = library.low_level.hash_secret_raw(
            digest.encode(),
            parts.salt,
            parts.passes,
            parts.memory,
            parts.lanes,
            32,
            library.low_level.Type.ID,
        )
        return found


def _outer() -> Any:
    """Whose parameters a wrapped hash gets: those of the first hasher, if that is Argon2."""
    first = get_hasher("default")
    return first if isinstance(first, Argon2PasswordHasher) else Argon2()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
