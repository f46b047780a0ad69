"""The schemes `token` and `api_key`: long-lived opaque secrets, of which the database holds digests."""

from __future__ import annotations

from stockade.schemes.opaque.life import prune
from stockade.schemes.opaque.making import Made, create_token
from stockade.schemes.opaque.owned import TokenInfo, end_own, live, make_own
from stockade.schemes.opaque.rotation import NotRotated, create_key, rotate
from stockade.schemes.opaque.scheme import OpaqueScheme
from stockade.schemes.opaque.shapes import API_KEY, TOKEN

__all__ = [
    "API_KEY",
    "TOKEN",
    "Made",
    "NotRotated",
    "OpaqueScheme",
    "TokenInfo",
    "create_key",
    "create_token",
    "end_own",
    "live",
    "make_own",
    "prune",
    "rotate",
]
