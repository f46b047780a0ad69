"""What credentials of any maker look like: in a project of which nothing is known, shape is all there is to go by."""

from __future__ import annotations

import re
from collections.abc import Callable

from stockade.schemes.jwt import compact, refresh

_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")
_AUTHTOKEN = re.compile(r"[0-9a-f]{40}")  # of DRF's authtoken
_LONG = re.compile(r"[0-9A-Za-z]{64,}")  # knox: 64 hex digits
_API_KEY = re.compile(r"[0-9A-Za-z]{8}\.[0-9A-Za-z]{32}")  # of djangorestframework-api-key
_OURS = ("stk_", "stt_")
FOREIGN = (
    "foreign_credential_in_query"  # the reason: enforced, only who takes it from there would see it refused
)
_RANDOM = 12  # different characters; 64 random hex digits have fewer once in a hundred thousand million


def is_jwt(value: str) -> bool:
    """Whether it is a compact JWS or JWE, whose header is a JSON object with "alg" (RFC 7515 section 4.1.1)."""
    if not value.startswith("ey") or len(value) > compact.MAX_LENGTH or not _JWT.match(value):
        return False
    head = value.partition(".")[0]
    return len(head) <= compact.MAX_HEADER and isinstance(compact.peek(head).get("alg"), str)


def has_expired(value: str, now: float) -> bool:
    """Whether `value` is a JWT that says of itself that it has (RFC 7519 section 4.1.4): old, and no guess."""
    if not is_jwt(value):
        return False
    expires = compact.peek(value.split(".")[1]).get("exp")
    return isinstance(expires, int | float) and expires <= now


def is_credential(value: str) -> bool:
    """Whether `value` has the shape of a credential: a JWT, a token of authtoken or knox, an API key, one of ours."""
    if is_jwt(value) or _AUTHTOKEN.fullmatch(value) or _API_KEY.fullmatch(value):
        return True
    if _LONG.fullmatch(value):
        return len(set(value)) >= _RANDOM
    return is_ours(value)


def is_ours(value: str) -> bool:
    """Whether `value` begins as a credential that only Stockade makes, which enforcing refuses in a query string."""
    return refresh.looks_mine(value) or value.startswith(_OURS)


class AnyScheme:
    """Every scheme at once, as far as `pipeline.find.Finder` asks: keywords and shapes.

    Args:
        looks_mine: whether a value has the shape of a credential.
    """

    name = "any"
    keywords = ("bearer", "jwt", "token", "api-key", "x-api-key")

    def __init__(self, looks_mine: Callable[[str], bool] = is_credential) -> None:
        self.looks_mine = looks_mine
