"""Other issuers: whether this host can fetch their keys, and whether any of their people are known."""

from __future__ import annotations

from collections.abc import Iterator

from stockade import conf
from stockade.cli.deployed.facts import Facts
from stockade.cli.deployed.faults import Fault, error
from stockade.schemes.conf import SchemeSettings
from stockade.schemes.external.conf import ExternalSettings, Issuer
from stockade.schemes.external.discovery import jwks_of
from stockade.schemes.external.fetching import FetchFailed
from stockade.schemes.external.jwks import Unusable, parse


def reachable(facts: Facts) -> Iterator[Fault]:
    """The keys of each issuer in ISSUERS can be fetched from this host, and verify its tokens."""
    if "external" not in conf.load(SchemeSettings).schemes:
        return
    for name, entry in conf.load(ExternalSettings).issuers.items():
        reason = _reason(entry)
        if reason:
            yield error(
                f"The keys of the issuer {name} cannot be had from this host ({reason}).",
                "Its tokens are answered with 503 as soon as no worker has keys that are younger than KEEP.",
                f"`stockade issuers check {name}` says more. Workers go out by themselves, not through a proxy.",
            )


def _reason(entry: Issuer) -> str:
    try:
        parse(jwks_of(entry), entry)
    except (FetchFailed, Unusable) as failed:
        return failed.reason
    return ""
