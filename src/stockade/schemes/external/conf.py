"""The setting ISSUERS: which other issuers' tokens are taken, for whom they stand, and how their keys are fetched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from stockade.conf import Section, boolean, choice, duration, mapping, setting, text
from stockade.schemes.conf import seconds
from stockade.schemes.external import parsers
from stockade.schemes.external.parsers import EMAIL, LINKS, Path, may_fetch

ACCESS, LOOSE, ID = "at+jwt", "jwt", "id"
DISCOVERY = "/.well-known/openid-configuration"  # OpenID Connect Discovery 1.0 section 4
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)


@dataclass(frozen=True)
class Issuer(Section):
    """Each entry of ISSUERS, by the name that you give it."""

    NAME = "ISSUERS"

    name: str = ""
    issuer: str = setting(
        "ISSUER", parsers.url, None, id="stockade.E250",
        why="Required. The `iss` of its tokens and its discovery document, letter by letter.",
    )  # fmt: skip
    audience: tuple[str, ...] = setting(
        "AUDIENCE", parsers.audience, None, id="stockade.E250",
        why="Required. What its tokens must be for, a name or a list: the identifier of this API there (RFC 9068 "
        "section 3), never a client's id, unless TYPE is \"id\".",
    )  # fmt: skip
    jwks_url: str = setting(
        "JWKS_URL", parsers.optional_url, None, id="stockade.E250",
        why="Where its keys are; None: where its discovery document says.",
    )  # fmt: skip
    algorithms: tuple[str, ...] = setting(
        "ALGORITHMS", parsers.algorithms, ["RS256"], id="stockade.E250",
        why="The signatures that are taken. A key takes only those of its own type.",
    )  # fmt: skip
    type: str = setting(
        "TYPE", choice(ACCESS, LOOSE, ID), ACCESS, id="stockade.E250",
        why='"at+jwt": access tokens that say so in `typ` (RFC 9068). "jwt": of issuers that do not say it; what has '
        'the marks of an ID token is refused. "id": ID tokens, for an issuer that has no others for us.',
    )  # fmt: skip
    user: str = setting(
        "USER", parsers.user, LINKS, id="stockade.E250",
        why='Whom a token stands for: "links": who was linked; "verified_email": also the user of its address, who is '
        'linked then; "create": also a new user. Or the dotted path of a function of its claims.',
    )  # fmt: skip
    email_domains: tuple[str, ...] = setting(
        "EMAIL_DOMAINS", parsers.domains, [], id="stockade.E250",
        why='For "verified_email": the domains for whose addresses the issuer is believed; "*" for all. Whoever can '
        "have it say an address gets the account of that address.",
    )  # fmt: skip
    email_claim: str = setting(
        "EMAIL_CLAIM", text, "email", id="stockade.E250", why="The claim of the address.",
    )  # fmt: skip
    email_verified_claim: str = setting(
        "EMAIL_VERIFIED_CLAIM", text, "email_verified", id="stockade.E250",
        why="The claim that must be true for it to count.",
    )  # fmt: skip
    services: bool | dict[str, tuple[str, ...]] = setting(
        "SERVICES", parsers.services, False, id="stockade.E250",
        why="Whether tokens that a client got for itself are taken, as a service's. True: all, known by `sub` = "
        "`client_id`, `gty` or `idtyp`. Or claims and their values: of such tokens only those that have them, and any "
        "other that has them. Else they are refused.",
    )  # fmt: skip
    scope_claim: Path = setting(
        "SCOPE_CLAIM", parsers.path, "scope", id="stockade.E250",
        why='The claim of scopes, a text or a list; "scp" at some. A token without it has no scope. None: tokens are '
        "not bounded by scopes.",
    )  # fmt: skip
    roles_claim: Path = setting(
        "ROLES_CLAIM", parsers.path, None, id="stockade.E250",
        why='The claim of roles, by name or by the names that lead to it: ["realm_access", "roles"].',
    )  # fmt: skip
    roles: dict[str, str] = setting(
        "ROLES", parsers.roles, {}, id="stockade.E250",
        why="Which of them count, and as which role here; others are not taken. A user's groups count beside them.",
    )  # fmt: skip
    acr: tuple[str, ...] = setting(
        "ACR", parsers.optional_texts, None, id="stockade.E250",
        why="The values of `acr` that are believed.",
    )  # fmt: skip
    methods: bool = setting(
        "AMR", boolean, False, id="stockade.E250",
        why="Whether its `amr` and `auth_time` are believed: how and when the user proved who they are.",
    )  # fmt: skip
    leeway: float = setting(
        "LEEWAY", seconds(0, 300), "30s", id="stockade.E250",
        why="How far the two clocks may be apart: `exp`, `nbf` and `iat` are read with it.",
    )  # fmt: skip
    max_lifetime: float = setting(
        "MAX_LIFETIME", duration, "24h", id="stockade.E250",
        why="A token that is good for longer, from `iat` to `exp`, is refused.",
    )  # fmt: skip
    refresh: float = setting(
        "REFRESH", seconds(10, 86_400), "10m", id="stockade.E250",
        why="How old its keys may be before they are fetched again, beside the requests. At twice the age a request "
        "waits for them.",
    )  # fmt: skip
    keep: float = setting(
        "KEEP", seconds(60, 30 * 86_400), "24h", id="stockade.E250",
        why="How old they may become while it cannot be reached; then its tokens are answered with 503.",
    )  # fmt: skip
    back_off: float = setting(
        "BACK_OFF", seconds(1, 3600), "15s", id="stockade.E250",
        why="Its keys are fetched at most once in this time by all workers together, however many tokens name an "
        "unknown one; after a failure the time doubles, up to five minutes.",
    )  # fmt: skip
    timeout: float = setting(
        "TIMEOUT", seconds(0.1, 30), "3s", id="stockade.E250",
        why="How long one answer of the issuer may take in all, and a request wait for it.",
    )  # fmt: skip
    loopback: bool = setting(
        "LOOPBACK", boolean, False, id="stockade.E250",
        why="Whether http:// to this very machine is allowed: for tests and development.",
    )  # fmt: skip

    @property
    def discovery_url(self) -> str:
        """Where its discovery document is (OpenID Connect Discovery 1.0 section 4.1)."""
        return self.issuer.rstrip("/") + DISCOVERY

    @property
    def rule(self) -> str:
        """The dotted path of the project's own function; "" where there is none."""
        return self.user if "." in self.user else ""


_REQUIRED = ("ISSUER", "AUDIENCE")


def read(name: str, values: Any) -> Issuer:
    """One entry of ISSUERS.

    Raises:
        ValueError: what is wrong, and what to write.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of an issuer: write lower-case letters, digits, - and _, at most 32."
        )
    if not isinstance(values, Mapping):
        raise ValueError(f"The entry {name!r} is no dict.")
    known = {meta.name: (key, meta.parse) for key, meta in _declared()}
    found: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"{name!r} has no {key!r}. Known: {', '.join(sorted(known))}.")
        attribute, parse = known[key]
        try:
            found[attribute] = parse(value)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{name!r}, {key}: {error}") from None
    missing = [key for key in _REQUIRED if key not in values]
    if missing:
        raise ValueError(f"{name!r} lacks {' and '.join(missing)}.")
    return _together(replace(Issuer(**found), name=name))


def _declared() -> list[tuple[str, Any]]:
    return [(f.name, f.metadata["setting"]) for f in fields(Issuer) if "setting" in f.metadata]


def _together(issuer: Issuer) -> Issuer:
    """What must go together in one entry."""
    where = repr(issuer.name)
    for key, url in (("ISSUER", issuer.issuer), ("JWKS_URL", issuer.jwks_url)):
        if url and not may_fetch(url, issuer.loopback):
            raise ValueError(
                f"{where}, {key}: write an https:// address. For tests on this machine: "
                'http://127.0.0.1:PORT and "LOOPBACK": True.'
            )
    if "?" in issuer.issuer:
        raise ValueError(f"{where}, ISSUER: an issuer has no query (RFC 8414 section 2).")
    if issuer.user == EMAIL and not issuer.email_domains:
        raise ValueError(
            f'{where}: USER is "{EMAIL}" without EMAIL_DOMAINS. Name the domains whose mailboxes this issuer itself '
            "gives out or proves; whoever can have it say another's address takes that account over."
        )
    if issuer.email_domains and issuer.user != EMAIL:
        raise ValueError(f'{where}: EMAIL_DOMAINS is for "USER": "{EMAIL}" only.')
    if bool(issuer.roles) != bool(issuer.roles_claim):
        raise ValueError(
            f"{where}: write ROLES_CLAIM and ROLES, or neither: what is not in ROLES is not taken."
        )
    if issuer.keep < issuer.refresh:
        raise ValueError(f"{where}: KEEP is shorter than REFRESH.")
    return issuer


def issuers(value: Any) -> dict[str, Issuer]:
    """ISSUERS: each entry by its name.

    Raises:
        ValueError: see `read`; or two entries are of one issuer.
    """
    found = {name: read(name, values) for name, values in mapping(value).items()}
    seen: dict[str, str] = {}
    for name, entry in found.items():
        if entry.issuer in seen:
            raise ValueError(
                f"{seen[entry.issuer]!r} and {name!r} are one issuer. Write a list for AUDIENCE."
            )
        seen[entry.issuer] = name
    return found


@dataclass(frozen=True)
class ExternalSettings(Section):
    """The issuers beside us."""

    issuers: dict[str, Issuer] = setting(
        "ISSUERS", issuers, {}, id="stockade.E250",
        why='Other issuers whose tokens are taken, each by a name, where SCHEMES has "external".',
    )  # fmt: skip
    by_issuer: dict[str, Issuer] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.by_issuer.update({entry.issuer: entry for entry in self.issuers.values()})
