"""What SIMPLE_JWT says of simplejwt's tokens, read from the settings: the package itself is never imported."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from django.conf import settings
from django.contrib.auth import get_user_model

from stockade import conf
from stockade.core.errors import ConfigurationError

APP = "rest_framework_simplejwt.token_blacklist"
_RULE = "rest_framework_simplejwt.authentication.default_user_authentication_rule"
_KINDS = {"HS": "oct", "RS": "RSA", "PS": "RSA", "ES": "EC"}
ALGORITHMS = tuple(f"{kind}{size}" for kind in _KINDS for size in (256, 384, 512))


class Names(NamedTuple):
    """The names of claims that SIMPLE_JWT may change.

    Args:
        token_type: which kind of token it is.
        user_id: whose.
        jti: its id.
    """

    token_type: str
    user_id: str
    jti: str


@dataclass(frozen=True, slots=True)
class Config:
    """How simplejwt's tokens are judged.

    Args:
        algorithm: the only one that is taken.
        key: the text of the key that verifies: the secret, or a public key in PEM.
        issuer, audience: what the claims must say; None where they may say anything.
        names: of the claims.
        user_field: the field of the user model that the user's claim holds.
        by_pk: whether that is the primary key.
        password_claim: the claim that holds a digest of the password hash; "" without one.
        rule: dotted path of a rule of the project's own that says who may have tokens; "" without one.
        rotates: whether refreshing gives a new refresh token.
        access_lifetime, refresh_lifetime: seconds.
    """

    algorithm: str
    key: str = field(repr=False)
    issuer: Any
    audience: Any
    names: Names
    user_field: str
    by_pk: bool
    password_claim: str
    rule: str
    rotates: bool
    access_lifetime: float
    refresh_lifetime: float


@conf.on_change
def _forget() -> None:
    names.cache_clear()
    config.cache_clear()


def _raw() -> dict[str, Any]:
    return dict(getattr(settings, "SIMPLE_JWT", None) or {})


@lru_cache(maxsize=1)
def names() -> Names:
    """The names of the claims, simplejwt's own where SIMPLE_JWT does not say."""
    raw = _raw()
    return Names(
        raw.get("TOKEN_TYPE_CLAIM", "token_type") or "token_type",
        raw.get("USER_ID_CLAIM", "user_id"),
        raw.get("JTI_CLAIM", "jti") or "jti",
    )


@lru_cache(maxsize=1)
def config() -> Config:
    """How simplejwt's tokens are judged, by its settings and its defaults.

    Raises:
        ConfigurationError: they are such that its tokens cannot be judged safely, or not here.
    """
    raw = _raw()
    algorithm = raw.get("ALGORITHM", "HS256")
    if algorithm not in ALGORITHMS:
        _wrong(f"ALGORITHM is {algorithm!r}.", f"Only tokens by {', '.join(ALGORITHMS)} can be imported.")
    if raw.get("JWK_URL"):
        _wrong(
            "JWK_URL is set: the tokens are another server's.",
            "Only tokens that this project issued are imported.",
        )
    for name in ("TOKEN_TYPE_CLAIM", "JTI_CLAIM"):
        if name in raw and not raw[name]:
            _wrong(
                f"{name} is {raw[name]!r}: a refresh token passes for an access token, or cannot be told apart.",
                "Such tokens cannot be imported; users must log in again.",
            )
    symmetric = algorithm.startswith("HS")
    key = raw.get("SIGNING_KEY", settings.SECRET_KEY) if symmetric else raw.get("VERIFYING_KEY", "")
    if isinstance(key, bytes):
        key = key.decode()
    if not isinstance(key, str) or not key:
        name = "SIGNING_KEY" if symmetric else "VERIFYING_KEY"
        _wrong(f"There is no {name}.", "Write the one that the tokens were made with.")
    user_field = raw.get("USER_ID_FIELD", "id")
    pk: Any = get_user_model()._meta.pk  # noqa: SLF001 - Django's documented way to ask
    rule = raw.get("USER_AUTHENTICATION_RULE", _RULE)
    return Config(
        algorithm,
        key,
        raw.get("ISSUER"),
        raw.get("AUDIENCE"),
        names(),
        user_field,
        user_field in ("pk", pk.name, pk.attname),
        raw.get("REVOKE_TOKEN_CLAIM", "hash_password") if raw.get("CHECK_REVOKE_TOKEN") else "",
        "" if rule == _RULE else rule,
        bool(raw.get("ROTATE_REFRESH_TOKENS", False)),
        raw.get("ACCESS_TOKEN_LIFETIME", timedelta(minutes=5)).total_seconds(),
        raw.get("REFRESH_TOKEN_LIFETIME", timedelta(days=1)).total_seconds(),
    )


def _wrong(what: str, hint: str) -> NoReturn:
    raise ConfigurationError("stockade.E105", f"SIMPLE_JWT: {what}", hint)
