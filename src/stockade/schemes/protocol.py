"""What the pipeline asks of a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from stockade.core.credential import Credential
from stockade.core.principal import Principal


class Scheme(Protocol):
    """One way to prove identity.

    name: as in SCHEMES.
    keywords: Authorization schemes that it reads, in lower case, e.g. ``("bearer",)``.
    dear: whether verifying costs I/O or more than a signature check.
    """

    name: str
    keywords: tuple[str, ...]
    dear: bool

    def looks_mine(self, value: str) -> bool:
        """Whether `value` has the shape of this scheme's credentials (no signature checked, no I/O, cannot raise)."""
        ...

    def verify(self, value: str, meta: Mapping[str, Any]) -> Credential:
        """Prove it. No I/O for what is signed.

        Raises:
            InvalidCredential: it does not hold; `reason` says why, for the log only.
        """
        ...

    def load(self, credential: Credential) -> Principal:
        """Read from SQL who that is: active, its roles, its session still live. One query.

        Raises:
            InvalidCredential: the subject is gone or inactive, or the session has ended.
        """
        ...

    def epochs(self, credential: Credential) -> tuple[bytes, ...]:
        """The epoch keys that end what a worker remembers of this credential: its subject's and its session's."""
        ...

    def challenge(self) -> str:
        """Its WWW-Authenticate challenge without error parameters (RFC 9110 section 11.6.1)."""
        ...
