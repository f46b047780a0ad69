"""The scheme `token`: long-lived opaque secrets for scripts and apps, of which the database holds digests."""

from __future__ import annotations

from stockade.schemes.opaque.life import Made, TokenInfo, create_token, end_own, live, make_own, prune
from stockade.schemes.opaque.scheme import OpaqueScheme
from stockade.schemes.opaque.shapes import TOKEN

__all__ = [
    "TOKEN",
    "Made",
    "OpaqueScheme",
    "TokenInfo",
    "create_token",
    "end_own",
    "live",
    "make_own",
    "prune",
]
