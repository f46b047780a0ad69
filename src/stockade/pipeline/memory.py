"""What one worker remembers of the credentials that it has seen, so that the steady state asks no SQL."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from sys import maxsize
from threading import Lock
from typing import Any

from stockade.core.credential import Credential
from stockade.core.errors import InvalidCredential
from stockade.core.principal import Principal
from stockade.pipeline.plans import Plan
from stockade.schemes.foreign import Given
from stockade.schemes.protocol import Scheme
from stockade.schemes.users import recipe


def no_user(_: Any) -> None:
    """Of a caller who is no user."""


class Entry:
    """One verified credential: what was proven, who it is, and under which epochs that was read.

    Args:
        scheme: who answers for it.
        credential: what its signature proved; immutable.
        keys: the gate's epoch keys that end what is remembered.
    """

    __slots__ = (
        "credential", "epochs", "expires", "fresh_until", "given", "keys", "make_user", "networks", "plan", "plans",
        "principal", "refusal", "scheme", "user_of", "world",
    )  # fmt: skip

    def __init__(self, scheme: Scheme, credential: Credential, keys: tuple[bytes, ...]) -> None:
        self.scheme = scheme
        self.credential = credential
        self.expires = credential.expires
        self.keys = keys
        self.epochs: tuple[int, ...] = ()
        self.world = -2  # matches no answer of the gate: SQL is asked before first use
        self.fresh_until = 0
        self.principal: Principal | None = None
        self.refusal: str = (
            ""  # why it does not hold any more; kept, so that a replayed dead token costs no SQL
        )
        # `make_user(user_of)` is an instance for one request, see `users.recipe`.
        self.make_user: Callable[[Any], Any] = no_user
        self.user_of: Any = None
        self.plan: Plan | None = None  # of the view that was called last, which is most often called next
        self.plans: dict[Any, Plan] | None = None  # of all views, from the second on
        self.given: Given | None = None  # of a foreign scheme, and of this request alone
        self.networks: tuple[Any, ...] = ()  # where the credential may be shown; empty for anywhere

    def learn(
        self, principal: Principal | None, refusal: str, epochs: tuple[int, ...], world: int, fresh_until: int
    ) -> None:
        """Remember what SQL said under epochs that were read from the gate BEFORE SQL was asked.

        Once, before others see the entry: what is remembered later is another entry.

        Args:
            fresh_until: tick from which on SQL is asked again, or the credential has expired; 0 keeps nothing beyond
                this request.
        """
        self.principal, self.refusal, self.plan, self.plans = principal, refusal, None, None
        if principal is not None and principal.user is not None:
            self.make_user, self.user_of = recipe(principal.user)
        if principal is not None and principal.credential is not None:
            self.networks = principal.credential.networks
        # Most never move: one tuple for all of them.
        self.epochs = _UNMOVED.get(epochs, epochs)
        self.world = world
        self.fresh_until = fresh_until


_NO_SCHEME: Any = None  # what is not remembered is never proven again

# In the place of an entry: a session's cookie that is nobody's, which never changes.
NOBODY = Entry(_NO_SCHEME, Credential("session", "", ""), ())


class ForeignEntry(Entry):
    """What a foreign scheme has said of one request. Nothing of it is remembered, so nothing ends it.

    Args:
        principal: whom it makes of the caller, with its credential.
        given: the objects that it gave.
    """

    __slots__ = ()

    def __init__(self, principal: Principal, given: Given) -> None:
        credential = principal.credential
        assert credential is not None  # noqa: S101 - whoever was authenticated has shown one
        super().__init__(_NO_SCHEME, credential, ())
        self.principal, self.given = principal, given
        self.make_user, self.user_of = _as_given, given.user
        self.fresh_until = maxsize


def _as_given(user: Any) -> Any:
    return user


_UNMOVED: dict[tuple[int, ...], tuple[int, ...]] = {(0,) * length: (0,) * length for length in range(8)}


class Memory:
    """Entries by the SHA-256 of the header that showed the credential. Bounded: the oldest tenth goes when it is full.

    The header itself is not kept, so a dump of a worker's memory holds no token that is not being used that moment.
    Issuer and audience are settings of the process, and a change of settings drops the memory.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: dict[bytes, Entry] = {}
        self._lock = Lock()
        self.marker: bytes | None = None  # the gate's birth marker when the entries were read

    def recall(self, header: str, tenant: str = "") -> tuple[bytes, Entry | None]:
        """The key of a header's value, and the entry if this worker has seen the credential.

        The keyword belongs to the key, so that no value is accepted under another's. So does the tenant, whose name
        holds no NUL: what was proven to one is not known to another.
        """
        if tenant:
            header = f"{tenant}\0{header}"
        key = sha256(header.encode("utf-8", "surrogatepass")).digest()
        return key, self._entries.get(key)

    def put(self, key: bytes, entry: Entry) -> Entry:
        """Remember an entry; returns the one that is kept (a concurrent request may have been first)."""
        if len(self._entries) >= self._size:
            with self._lock:
                if len(self._entries) >= self._size:
                    for old in list(self._entries)[: max(1, self._size // 10)]:
                        self._entries.pop(old, None)
        return self._entries.setdefault(key, entry)

    def renew(self, key: bytes, entry: Entry) -> Entry:
        """Put what was read again in the place of what was read before; what was forgotten meanwhile stays so."""
        if key in self._entries:
            self._entries[key] = entry
        return entry

    def drop(self, key: bytes) -> None:
        """Forget one credential."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything: keys or groups have changed, or the state was lost."""
        with self._lock:
            self._entries = {}

    def __len__(self) -> int:
        return len(self._entries)


def dead(reason: str) -> InvalidCredential:
    """The refusal of a credential whose signature holds but whose subject or session has ended."""
    return InvalidCredential(reason=reason)
