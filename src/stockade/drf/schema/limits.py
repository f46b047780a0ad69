"""The limits of an operation: which may refuse it, and the headers that tell of them."""

from __future__ import annotations

from typing import Any, NamedTuple

from stockade.drf.schema.judged import Judged
from stockade.drf.schema.own import own_of
from stockade.gate.protocol import Limit
from stockade.schemes.attempts import FAILED_AUTH

EXTENSION = "x-stockade-limits"
_ROLE = "role:"
_BY_NAME = {"anon": "address", "user": "caller", "credential": "credential"}

HEADERS: dict[str, dict[str, Any]] = {
    "RateLimit": {
        "description": "Of each limit what is left (r), and in how many seconds more comes free (t); "
        "draft-ietf-httpapi-ratelimit-headers.",
        "schema": {"type": "string"},
        "example": '"user";r=997;t=86120',
    },
    "RateLimit-Policy": {
        "description": "Of each limit how many requests (q) in how many seconds (w).",
        "schema": {"type": "string"},
        "example": '"user";q=1000;w=86400',
    },
    "Retry-After": {
        "description": "In how many seconds to come again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "How to prove who is calling, one challenge for each scheme.",
        "schema": {"type": "string"},
    },
}
CHARGED = ("RateLimit", "RateLimit-Policy")


class Charged(NamedTuple):
    """One limit that a request may be charged.

    Args:
        limit: its numbers.
        of: by what it counts: an address, a caller or a credential.
        cost: how many places one request takes.
    """

    limit: Limit
    of: str
    cost: int

    def entry(self) -> dict[str, Any]:
        """As the document says it."""
        limit = self.limit
        cost = {} if self.cost == 1 else {"cost": self.cost}
        return {"name": limit.name, "quota": limit.count, "window": limit.seconds, "of": self.of, **cost}


def charged(judged: Judged) -> list[Charged]:
    """What a request to it may be charged; nothing where limits are only recorded.

    Of one who proves nothing `anon` is charged, of one who is known the others; the view's own of both.
    """
    leaf = judged.leaf
    if not leaf.mode.limits:
        return []
    found = []
    if leaf.limited:
        for name, limit in judged.registry.engine.plans.named.items():
            of = _BY_NAME.get(name) or ("caller" if name.startswith(("scheme:", _ROLE)) else "")
            if of and (of == "address" or not leaf.ignores_credentials):
                found.append(Charged(limit, of, leaf.cost))
    return [*found, *(Charged(limit, "caller", leaf.cost) for limit in leaf.limits)]


def told(found: list[Charged]) -> list[Charged]:
    """Those that everybody may read of: whoever is in a role is told so by the headers, others need not know of it."""
    return [one for one in found if not one.limit.name.startswith(_ROLE)]


def counted(judged: Judged) -> list[str]:
    """The limits that count failures and renewals at it; they stand in no header of an answer that went well."""
    leaf, named = judged.leaf, judged.registry.engine.plans.named
    own = own_of(leaf.cls)
    if own is not None:
        return [name for name in own.limits if name in named]
    reads = leaf.mode.limits and (leaf.proven is not None or not leaf.ignores_credentials)
    return [FAILED_AUTH] if reads and FAILED_AUTH in named else []
