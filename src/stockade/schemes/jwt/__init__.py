"""The scheme `jwt`: RFC 9068 access tokens, and refresh tokens that are generations of a session."""

from __future__ import annotations

from stockade.schemes.jwt.lineage import Pair
from stockade.schemes.jwt.redemption import check, redeem, revoke
from stockade.schemes.jwt.scheme import JWTScheme
from stockade.schemes.jwt.sessions import SessionInfo, end_others, end_own, issue, live, prune

__all__ = [
    "JWTScheme",
    "Pair",
    "SessionInfo",
    "check",
    "end_others",
    "end_own",
    "issue",
    "live",
    "prune",
    "redeem",
    "revoke",
]
