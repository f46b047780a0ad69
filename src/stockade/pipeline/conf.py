"""Settings of the pipeline: limits, exemptions, who may forward, how refusals look."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from stockade.conf import Section, choice, duration, integer, mapping, names, setting, text
from stockade.core import mode
from stockade.core.address import UNIX
from stockade.core.mode import Modes
from stockade.vault import Secret
from stockade.vault.strength import GENERATE, SIGNING_LENGTH, weakness

DEFAULT_LIMITS = {
    "anon": "50/day",
    "user": "1000/day",
    "login": "5/min",
    "login_address": "30/min",
    "failed_auth": "30/min",
    "session_refresh": "60/min",
}


def _networks(value: Any) -> tuple[str, ...]:
    listed = names(value)
    for network in listed:
        if network != UNIX:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ValueError(f'{error}. Write CIDR blocks such as "10.0.0.0/8", or "unix".') from None
    return listed


def _proxy_secrets(value: Any) -> tuple[Secret, ...]:
    """One secret, or several while one follows the other."""
    listed = (value,) if isinstance(value, str) else tuple(value)
    for given in listed:
        # It travels in a header, and stands between quotes in a proxy's configuration.
        if not isinstance(given, str) or not re.fullmatch(r"[A-Za-z0-9_.~+/=-]+", given):
            raise ValueError(f"Use letters, digits and any of _.~+/=- only. {GENERATE}")
        why = weakness(given, SIGNING_LENGTH)
        if why is not None:
            raise ValueError(f"It {why}. {GENERATE}")
    return tuple(map(Secret, listed))


def _limits(value: Any) -> dict[str, Any]:
    """What is not named keeps its default: who adds a scope does not mean to open the login."""
    return {**DEFAULT_LIMITS, **mapping(value)}


def _realm(value: Any) -> str:
    realm = text(value)
    if not realm.isascii() or not realm.isprintable() or '"' in realm or "\\" in realm:
        raise ValueError("Write printable ASCII without quotes and backslashes.")
    return realm


@dataclass(frozen=True)
class PipelineSettings(Section):
    """Top-level settings that the pipeline reads."""

    limits: dict[str, Any] = setting(
        "LIMITS", _limits, DEFAULT_LIMITS, id="stockade.E200",
        why="Named limits, beside these; None turns one off. anon: by address; user: by principal; credential: by "
        "credential; scheme:NAME and role:NAME: by principal; any other name is a scope that a view refers to "
        "(throttle_scope).",
    )  # fmt: skip
    principal_max_age: float = setting(
        "PRINCIPAL_MAX_AGE", duration, "30s", id="stockade.E201",
        why="How old what a worker knows of a principal may grow before SQL is asked again, in seconds.",
    )  # fmt: skip
    cache_size: int = setting(
        "CACHE_SIZE", integer(100, 10_000_000), 20_000, id="stockade.E202",
        why="How many credentials a worker remembers; about 3 KB each.",
    )  # fmt: skip
    trusted_proxies: tuple[str, ...] = setting(
        "TRUSTED_PROXIES", _networks, [], id="stockade.E203",
        why='CIDR blocks of the proxies whose X-Forwarded-For and X-Request-ID are believed; "unix" for a unix socket.',
    )  # fmt: skip
    proxy_secret: tuple[Secret, ...] = setting(
        "PROXY_SECRET", _proxy_secrets, [], id="stockade.E209",
        why="What a proxy must show in X-Stockade-Proxy-Secret to be believed, beside its address; a list while one "
        "follows another. With TRUSTED_PROXIES empty the secret alone decides.",
    )  # fmt: skip
    exempt: tuple[str, ...] = setting(
        "EXEMPT", names, [], id="stockade.E204",
        why='Views that Stockade leaves alone: "namespace" or "namespace:url-name". They guard themselves.',
    )  # fmt: skip
    errors: str = setting(
        "ERRORS", choice("problem", "drf"), "problem", id="stockade.E205",
        why="Shape of error bodies: RFC 9457 problem documents, or DRF's own.",
    )  # fmt: skip
    modes: Modes = setting(
        "MODE", mode.parse_all, "enforce", id="stockade.E207",
        why='What is refused, and what is only recorded: "enforce" or "report" for all, or a dict by concern '
        '(policies, limits, input) and, under "views", by "namespace" or "namespace:url-name". Bans are always '
        "enforced.",
    )  # fmt: skip
    undeclared: str = setting(
        "UNDECLARED", choice("refuse", "legacy"), "refuse", id="stockade.E208",
        why='Views without a policy are refused to all, or ("legacy") judged by their own permission_classes.',
    )  # fmt: skip
    realm: str = setting(
        "REALM", _realm, "api", id="stockade.E206", why="The realm in WWW-Authenticate challenges.",
    )  # fmt: skip


@dataclass(frozen=True)
class InputSettings(Section):
    """How much of a body is read at all. A view says otherwise by `max_body`."""

    NAME = "INPUT"

    max_body: int = setting(
        "MAX_BODY", integer(1, 2**31 - 1), 2_621_440, id="stockade.E231",
        why="Bytes of a body that is no upload, as DRF views read it; Django's DATA_UPLOAD_MAX_MEMORY_SIZE does not "
        "bind DRF's parsers.",
    )  # fmt: skip
    max_upload: int = setting(
        "MAX_UPLOAD", integer(1, 2**40), 52_428_800, id="stockade.E232",
        why="Bytes of any body, multipart forms included. Nothing longer reaches a view, whatever its `max_body`.",
    )  # fmt: skip
    max_depth: int = setting(
        "MAX_DEPTH", integer(1, 500), 32, id="stockade.E233",
        why="How deeply the lists and objects of a JSON body may be nested.",
    )  # fmt: skip
    max_string: int = setting(
        "MAX_STRING", integer(1, 2**31 - 1), 262_144, id="stockade.E234",
        why="Characters of one string in a JSON body, names of members included.",
    )  # fmt: skip
    max_items: int = setting(
        "MAX_ITEMS", integer(1, 2**31 - 1), 10_000, id="stockade.E235",
        why="Items of one list, or members of one object, in a JSON body.",
    )  # fmt: skip
