"""Who is calling: one type for every way of authenticating."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from stockade.core.credential import Credential


class Kind(Enum):
    """What a principal is."""

    ANONYMOUS = "anonymous"
    USER = "user"
    SERVICE = "service"


_ANONYMOUS = Kind.ANONYMOUS  # to look a member up costs a call, and every request asks


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller as policies and limits see it.

    Args:
        kind: anonymous, user or service.
        subject: stable key within its kind; a user's primary key as text (with tenants ``north/7``, see `core.tenant`);
            "" for anonymous.
        user: an instance of the project's user model (or AnonymousUser); what `request.user` becomes.
        roles: names of the groups that it is in.
        scopes: what the credential is bounded by; None means unbounded (a session is the whole user).
        credential: what was proven, or None for anonymous.
        superuser: Django's `is_superuser` when it was last read from the database.
    """

    kind: Kind
    subject: str = ""
    user: Any = field(default=None, repr=False, compare=False)
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None
    credential: Credential | None = field(default=None, compare=False)
    superuser: bool = False

    @property
    def is_authenticated(self) -> bool:
        """Whether anything was proven."""
        return self.kind is not _ANONYMOUS

    def has_scope(self, scope: str) -> bool:
        """Whether the credential reaches `scope`; an unbounded one reaches all."""
        return self.scopes is None or scope in self.scopes


ANONYMOUS = Principal(Kind.ANONYMOUS)
