"""Settings of the schemes: which are read, how JWTs and their sessions live, how logins are guarded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from stockade.conf import Parser, Section, choice, duration, integer, mapping, names, setting, text
from stockade.core.mode import Modes, parse_all
from stockade.gate.protocol import Limit
from stockade.gate.rates import parse as parse_rate

ALGORITHMS = ("ES256", "EdDSA", "RS256", "HS256")


def seconds(low: float, high: float) -> Parser[float]:
    """A time from `low` to `high` seconds; unlike `duration` it may be 0 where `low` is."""

    def parse(value: Any, /) -> float:
        found = 0.0 if value == 0 and not isinstance(value, bool) else duration(value)
        if not low <= found <= high:
            raise ValueError(f"Write a time from {low:g} to {high:g} seconds.")
        return found

    return parse


@dataclass(frozen=True)
class SchemeSettings(Section):
    """Top-level settings that the schemes read."""

    schemes: tuple[str, ...] = setting(
        "SCHEMES", names, ["jwt"], id="stockade.E100",
        why="The ways to prove identity, in the order in which they are tried: names, or dotted paths of DRF "
        "authenticators (see the guide on keeping them) and of drf-api-key's permissions. Ours are asked first. "
        '"simplejwt", before "jwt", takes what `stockade import simplejwt` has imported.',
    )  # fmt: skip


_ATTEMPTS = {
    "login": "5/min",
    "login_address": "30/min",
    "failed_auth": "30/min",
    "session_refresh": "60/min",
}


def attempt_limits(value: Any) -> dict[str, Limit]:
    """The limits that schemes charge, among LIMITS; one that is not named has its default, one that is None is off."""
    given = {**_ATTEMPTS, **mapping(value)}
    return {name: parse_rate(name, given[name]) for name in _ATTEMPTS if given[name] is not None}


@dataclass(frozen=True)
class AttemptSettings(Section):
    """The part of LIMITS that schemes charge; the rest of it is the pipeline's."""

    limits: dict[str, Limit] = setting(
        "LIMITS", attempt_limits, _ATTEMPTS, id="stockade.E102",
        why="login: wrong passwords of one account; login_address: from one address; failed_auth: credentials from one "
        "address that do not hold. A success costs nothing. session_refresh: how often one session's refresh token is "
        "redeemed, checked or revoked, whatever comes of it, and one session of allauth's asked for a pair.",
    )  # fmt: skip
    modes: Modes = setting(
        "MODE", parse_all, "enforce", id="stockade.E207", why="Where limits only report, so do these.",
    )  # fmt: skip


_COOKIE = re.compile(r"__Secure-[A-Za-z0-9_-]{1,64}", re.ASCII)


def cookie_name(value: Any) -> str:
    """The name of a cookie that browsers take over TLS only; None is "", for none."""
    if value is None or value == "":
        return ""
    # Django's error reports leave out cookies whose name says that they are secret, by a list of words.
    if not isinstance(value, str) or not _COOKIE.fullmatch(value) or "token" not in value.lower():
        raise ValueError(
            'Write None, or a name that begins with "__Secure-" and has "token" in it, such as '
            '"__Secure-refresh-token", of letters, digits, - and _.'
        )
    return value


@dataclass(frozen=True)
class JWTSettings(Section):
    """How access tokens look, and how long they and their sessions live."""

    NAME = "JWT"

    access_lifetime: float = setting(
        "ACCESS_LIFETIME", seconds(1, 86400), "5m", id="stockade.E110",
        why="How long an access token is good. An ended session ends its tokens at once, whatever is left of this.",
    )  # fmt: skip
    refresh_idle: float = setting(
        "REFRESH_IDLE", duration, "7d", id="stockade.E111",
        why="A session that is not refreshed for this long is over (RFC 9700 section 4.14.2).",
    )  # fmt: skip
    refresh_absolute: float = setting(
        "REFRESH_ABSOLUTE", duration, "30d", id="stockade.E112",
        why="A session is over this long after the login, however often it is refreshed.",
    )  # fmt: skip
    leeway: float = setting(
        "LEEWAY", seconds(0, 60), "10s", id="stockade.E113",
        why="For this long a refresh token that was just redeemed gives the same successor again: two tabs, or an "
        "answer lost on the way, are no theft.",
    )  # fmt: skip
    clock_skew: float = setting(
        "CLOCK_SKEW", seconds(0, 120), "5s", id="stockade.E114",
        why="How far in the future `iat` and `nbf` may lie, because the clocks of two hosts differ. `exp` is not "
        "stretched by it.",
    )  # fmt: skip
    algorithm: str = setting(
        "ALGORITHM", choice(*ALGORITHMS), "ES256", id="stockade.E115",
        why="What new keys sign with. Old keys keep theirs: the key says which algorithm it takes.",
    )  # fmt: skip
    issuer: str = setting(
        "ISSUER", text, "stockade", id="stockade.E116",
        why="The `iss` claim: write the address of the API. A token of another issuer is not ours.",
    )  # fmt: skip
    audience: str = setting(
        "AUDIENCE", text, "stockade", id="stockade.E117",
        why="The `aud` claim: which API the tokens are for (RFC 9068 section 3). Two APIs that share keys need two.",
    )  # fmt: skip
    client_id: str = setting(
        "CLIENT_ID", text, "first-party", id="stockade.E118",
        why="The `client_id` claim of tokens that were issued for a password (RFC 9068 section 2.2 requires one).",
    )  # fmt: skip
    profile: str = setting(
        "PROFILE", choice("rfc9068", "simplejwt"), "rfc9068", id="stockade.E125",
        why='What stands in access tokens: "simplejwt" adds the claims token_type and user_id for clients that were '
        "written for it, and with ERRORS = \"drf\" refusals of tokens are worded as it words them.",
    )  # fmt: skip
    refresh_cookie: str = setting(
        "REFRESH_COOKIE", cookie_name, None, id="stockade.E119",
        why="Turns on the views for browsers, which keep the refresh token in a cookie of this name, such as "
        '"__Secure-refresh-token". Cookies know no ports: two sites on one host need two names.',
    )  # fmt: skip


@dataclass(frozen=True)
class LoginSettings(Section):
    """How passwords are taken: whom a lockout spares, and how much hashing may cost."""

    NAME = "LOGIN"

    device_lifetime: float = setting(
        "DEVICE_LIFETIME", duration, "180d", id="stockade.E120",
        why="How long a browser that has logged in is known by its cookie, so that guessing by strangers does not "
        "lock it out.",
    )  # fmt: skip
    address_lifetime: float = setting(
        "ADDRESS_LIFETIME", duration, "30d", id="stockade.E121",
        why="The same for clients without cookies: how long an address is known after a login.",
    )  # fmt: skip
    password_max_length: int = setting(
        "PASSWORD_MAX_LENGTH", integer(64, 65536), 4096, id="stockade.E122",
        why="The longest password that is taken, in characters; longer ones are a bad request, not a reason to hash.",
    )  # fmt: skip
    concurrent_hashes: int = setting(
        "CONCURRENT_HASHES", integer(0, 1024), 0, id="stockade.E123",
        why="How many passwords a process hashes at once; each takes 19 MiB and a core. 0: as many as there are cores.",
    )  # fmt: skip
    hash_wait: float = setting(
        "HASH_WAIT", seconds(0.05, 60), "5s", id="stockade.E124",
        why="How long a login waits for its turn to hash before it is told to come again (503).",
    )  # fmt: skip
