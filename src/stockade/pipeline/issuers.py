"""What is wrong with ISSUERS beside its own values, and what `check --deploy` says of it."""

from __future__ import annotations

from collections.abc import Iterator

from stockade import conf
from stockade.core import tenant
from stockade.core.errors import ConfigurationError
from stockade.pipeline.edge import warn
from stockade.pipeline.finding import Finding
from stockade.schemes.conf import JWTSettings, SchemeSettings
from stockade.schemes.external.conf import ACCESS, ID, ExternalSettings
from stockade.schemes.external.parsers import ANY_DOMAIN, CREATE
from stockade.schemes.external.people import checked_model, rule_of

# The app that a token was given to, whether a person uses it or not; at issuers of RFC 9068 `client_id` is one too.
_OF_PEOPLE = frozenset({"azp", "appid", "cid"})


def issuer_findings() -> Iterator[Finding]:
    """Rules that are not there, issuers that nobody asks, and our own name at another's."""
    issuers = conf.load(ExternalSettings).issuers
    enabled = "external" in conf.load(SchemeSettings).schemes
    if enabled and not issuers:
        yield Finding(
            "stockade.E252",
            'SCHEMES has "external" and ISSUERS names no issuer.',
            'Write "ISSUERS": {"corporate": {"ISSUER": "https://id.example.com/", "AUDIENCE": '
            '"https://api.example.com"}}, or take "external" out of SCHEMES.',
        )
    if issuers and not enabled:
        yield Finding(
            "stockade.W252",
            "ISSUERS names issuers, and no scheme takes their tokens.",
            'Write "external" into SCHEMES, or take ISSUERS out.',
            stops=False,
        )
    own = conf.load(JWTSettings).issuer
    for name, entry in issuers.items():
        if entry.issuer == own:
            yield Finding(
                "stockade.E253",
                f"ISSUERS[{name!r}] and JWT have one ISSUER, our own: tokens of theirs would be taken for forged ones "
                "of ours.",
                'Write the address of this API as "JWT": {"ISSUER": ...}.',
            )
        try:
            if entry.rule:
                rule_of(entry.rule)
            elif entry.user == CREATE:
                checked_model(name)
        except ConfigurationError as error:
            yield Finding.of(error)


def weak_issuer_findings() -> Iterator[Finding]:
    """Entries that are weaker than they need be where clients come."""
    for name, entry in conf.load(ExternalSettings).issuers.items():
        if entry.loopback:
            yield warn(
                "W253",
                f"ISSUERS[{name!r}] has LOOPBACK: keys may be fetched over plain HTTP from this machine.",
                "Take it out where clients come.",
            )
        if ANY_DOMAIN in entry.email_domains:
            yield warn(
                "W254",
                f"ISSUERS[{name!r}] is believed for the addresses of every domain: whoever can have it say one, once, "
                "gets the account of that address.",
                'Name the domains that are its own: "EMAIL_DOMAINS": ["example.com"].',
            )
        if entry.type == ID:
            yield warn(
                "W255",
                f"ISSUERS[{name!r}] takes ID tokens. They tell a client who has logged in, are bounded by no scope, "
                "and are shown to whoever runs the client (RFC 9068 section 6).",
                "Have the issuer give access tokens for this API where it can.",
            )
        known_by = set(entry.services) if isinstance(entry.services, dict) else set()
        if known_by and known_by <= (_OF_PEOPLE | ({"client_id"} if entry.type == ACCESS else set())):
            yield warn(
                "W257",
                f"ISSUERS[{name!r}] knows services by {', '.join(sorted(known_by))}, which people's tokens have too: "
                "whoever uses such an app is that service.",
                'Name a claim that only their own tokens have: "SERVICES": {"sub": ["reports"]}, or {"idtyp": "app", '
                '"azp": [...]}.',
            )
        if tenant.exists() and (entry.services or entry.user == CREATE):
            yield warn(
                "W256",
                f"ISSUERS[{name!r}] {'takes services' if entry.services else 'makes users'}, and there is TENANT: its "
                "tokens name no tenant, and are good at each.",
                'Write a function as USER, or "links"; have policies compare a claim of services with the tenant.',
            )
