"""The settings of the edge: security headers, plain HTTP, and who else's pages may read answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from stockade.conf import Parser, Section, boolean, choice, duration, mapping, names, setting
from stockade.edge.origins import origin

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")  # a token, RFC 9110 section 5.6.2
DEFAULT = "default"


def _headers(value: Any) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, text in mapping(value).items():
        if not _NAME.match(name):
            raise ValueError(f"{name!r} is no name of a header.")
        if text is not None and (
            not isinstance(text, str) or not text.isascii() or not text.isprintable() or not text.strip()
        ):
            raise ValueError(f"{name}: write one line of ASCII, or None to leave the header out.")
        found[name] = text
    if len({name.lower() for name in found}) < len(found):
        raise ValueError("A header is named twice: case makes no difference.")
    return found


@dataclass(frozen=True)
class HeaderSettings(Section):
    """Which headers every answer gets."""

    headers: dict[str, str | None] = setting(
        "HEADERS", _headers, {}, id="stockade.E180",
        why="Overrides single security headers by name; None leaves one out. What a view sets itself goes before it.",
    )  # fmt: skip
    hsts: bool = setting(
        "HSTS", boolean, True, id="stockade.E181",
        why="Send Strict-Transport-Security over HTTPS, with Django's SECURE_HSTS_* figures or one year.",
    )  # fmt: skip


@dataclass(frozen=True)
class TransportSettings(Section):
    """What happens to a request over plain HTTP."""

    plain_http: str = setting(
        "PLAIN_HTTP", choice(DEFAULT, "refuse", "redirect", "serve"), DEFAULT, id="stockade.E182",
        why='"refuse": 403 and an event, but for probes and SECURE_REDIRECT_EXEMPT. "redirect": pages that a person '
        'opens in a browser are sent to https://, everything else is refused. "serve": nothing of it. The default is '
        "what the profile of `stockade.edge.settings` says, else what SECURE_SSL_REDIRECT says.",
    )  # fmt: skip


# -- CORS --------------------------------------------------------------------------------------------------------------

ANY = "*"
# What django-cors-headers allows by itself, and what our own views ask for (`edge.csrf`).
ALLOWED = (
    "accept",
    "authorization",
    "content-type",
    "user-agent",
    "x-csrftoken",
    "x-requested-with",
    "x-stockade-csrf",
)
METHODS = ("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT")
# Else a page could not tell for how long it must wait, or name the request that it complains of.
EXPOSED = ("RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-ID")


def _origins(value: Any) -> tuple[str, ...]:
    listed = names([value] if isinstance(value, str) else value)
    if ANY in listed:
        if len(listed) > 1:
            raise ValueError('"*" is every origin: nothing stands beside it.')
        return listed
    return tuple(map(origin, listed))


def _tokens(value: Any) -> tuple[str, ...]:
    listed = names(value)
    for text in listed:
        if not _NAME.match(text) or text == ANY:
            raise ValueError(f"{text!r} is no name. Write each by itself.")
    return listed


def _methods(value: Any) -> tuple[str, ...]:
    return tuple(text.upper() for text in _tokens(value))


_RULE: dict[str, Parser[Any]] = {
    "ORIGINS": _origins,
    "CREDENTIALS": boolean,
    "METHODS": _methods,
    "HEADERS": _tokens,
    "EXPOSE": _tokens,
    "MAX_AGE": duration,
}


def _paths(value: Any) -> dict[str, dict[str, Any] | None]:
    found: dict[str, dict[str, Any] | None] = {}
    for path, rule in mapping(value).items():
        if not path.startswith("/"):
            raise ValueError(f'{path!r}: write the beginning of a path, such as "/api/public/".')
        if rule is None:
            found[path] = None
            continue
        found[path] = {}
        for name, one in mapping(rule).items():
            if name not in _RULE:
                close = get_close_matches(name.upper(), _RULE, 1) or [", ".join(_RULE)]
                raise ValueError(f"{path}: there is no {name!r}. Did you mean {close[0]}?")
            try:
                found[path][name] = _RULE[name](one)  # type: ignore[index]
            except ValueError as error:
                raise ValueError(f"{path}, {name}: {error}") from None
    return found


@dataclass(frozen=True)
class CorsSettings(Section):
    """Whose pages may read answers, with django-cors-headers."""

    NAME = "CORS"

    origins: tuple[str, ...] = setting(
        "ORIGINS", _origins, [], id="stockade.E186",
        why='Origins whose pages may read answers: "https://app.example.com", "https://*.example.com" for subdomains, '
        '"*" for all.',
    )  # fmt: skip
    credentials: bool = setting(
        "CREDENTIALS", boolean, False, id="stockade.E187",
        why="Whether they may also have cookies sent. Tokens in headers need it not.",
    )  # fmt: skip
    methods: tuple[str, ...] = setting(
        "METHODS", _methods, METHODS, id="stockade.E188", why="What they may call by, beside what forms can.",
    )  # fmt: skip
    headers: tuple[str, ...] = setting(
        "HEADERS", _tokens, ALLOWED, id="stockade.E189", why="Which headers they may send.",
    )  # fmt: skip
    expose: tuple[str, ...] = setting(
        "EXPOSE", _tokens, EXPOSED, id="stockade.E190", why="Which headers of an answer they may read.",
    )  # fmt: skip
    max_age: float = setting(
        "MAX_AGE", duration, "10m", id="stockade.E191",
        why="How long a browser asks no second time: what you take away it goes on allowing for as long.",
    )  # fmt: skip
    paths: dict[str, dict[str, Any] | None] = setting(
        "PATHS", _paths, {}, id="stockade.E192",
        why="By the beginning of a path, what is otherwise there, with the keys above; None: nothing is allowed. The "
        "longest that fits decides.",
    )  # fmt: skip
