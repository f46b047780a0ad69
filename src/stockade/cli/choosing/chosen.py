"""What the answers amount to: schemes with the reason for each, settings, and what is left to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stockade.cli.choosing.answers import Answers

OAUTH2 = "oauth2_provider.contrib.rest_framework.OAuth2Authentication"

# What RFC 9700 asks of an authorization server; the toolkit turns it on by itself in its next major release.
_GATES = (
    "IMPLICIT_GRANT",
    "PASSWORD_GRANT",
    "PKCE_METHOD",
    "ACCESS_TOKEN_TRANSPORT",
    "AUTHZ_RESPONSE_ISS",
    "TOKEN_STORAGE",
)


class Code(str):
    """Python that stands in the settings as it is."""

    __slots__ = ()


@dataclass(slots=True)
class Chosen:
    """What to write.

    Args:
        schemes: with the reason for each, in order.
        profile: of `stockade.edge.settings`.
        apps: for INSTALLED_APPS, beside "stockade".
        stockade: the setting STOCKADE.
        further: other settings of Django's.
        left: what is to be done beside, one sentence each.
    """

    schemes: dict[str, str] = field(default_factory=dict)
    profile: str = "api"
    apps: list[str] = field(default_factory=list)
    stockade: dict[str, Any] = field(default_factory=dict)
    further: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def choose(answers: Answers) -> Chosen:
    """The schemes of section 15 of the guide, and what each of them needs."""
    found = Chosen()
    _schemes(answers, found)
    inside_only = answers.services and not (
        answers.pages
        or answers.apps
        or answers.scripts
        or answers.servers
        or answers.third_party
        or answers.issuer
    )
    found.profile = "browser" if answers.pages else "internal" if inside_only else "api"
    own = f"https://{answers.domain}"
    if answers.existing:
        found.stockade["MODE"] = {"policies": "report", "limits": "report", "input": "report"}
        found.stockade["UNDECLARED"] = "legacy"
        found.left.append(
            "Deploy, read `stockade report`, give views their policies, then take MODE and UNDECLARED out: until then "
            "nothing new is refused."
        )
    else:
        found.left.append(
            "Give each view a policy: what has none is refused. Name what guards itself, as Django's admin does: "
            '"EXEMPT": ["admin"] in STOCKADE.'
        )
    found.stockade["SCHEMES"] = list(found.schemes)
    found.stockade["STATE"] = Code('secret("STATE_URL")') if answers.many_hosts else "lmdb://"
    if answers.many_hosts:
        found.left.append(
            "Install django-stockade[redis], and set the secret STATE_URL to a rediss:// or redis+sentinel:// address, "
            "the same on every host."
        )
    if answers.proxy:
        found.stockade["TRUSTED_PROXIES"] = [answers.proxy]
        found.left.append(
            "Have the proxy set X-Forwarded-Proto and X-Forwarded-For itself; `stockade proxy` prints how."
        )
    if "jwt" in found.schemes:
        found.stockade["JWT"] = {"ISSUER": own, "AUDIENCE": own}
    if answers.issuer:
        found.stockade["ISSUERS"] = {"corporate": {"ISSUER": answers.issuer, "AUDIENCE": answers.audience}}
        found.left.append(
            'Link users to the issuer, or say by USER in ISSUERS whom its tokens stand for: "links" takes nobody whom '
            "you have not linked."
        )
        if answers.servers or answers.services:
            found.left.append(
                "Where machines get tokens from that issuer for themselves (client credentials), name them: "
                '"SERVICES": {"sub": ["reports"]} in ISSUERS.'
            )
    if answers.services and "jwt" in found.schemes:
        found.left.append(
            "Services verify tokens by the JWKS: urlpatterns += stockade.drf.urls.well_known, which is "
            "/.well-known/jwks.json."
        )
    found.left += [
        'Put path("api/", include("stockade.drf.urls")) into your URL conf; run `manage.py migrate`.',
        "Run `manage.py check --deploy`, and `stockade check --deploy` on each host.",
    ]
    return found


def _schemes(answers: Answers, found: Chosen) -> None:
    if answers.pages:
        found.schemes["session"] = (
            "pages of this site: a cookie that scripts cannot read, with CSRF (guide 3.1)"
        )
        found.further["SESSION_ENGINE"] = "stockade.schemes.session"
        found.left.append(
            "Keep SessionMiddleware, CsrfViewMiddleware and AuthenticationMiddleware in MIDDLEWARE; whoever is logged "
            "in logs in once more."
        )
    if answers.apps or answers.services:
        why = [
            "apps: short access tokens, refresh tokens that are good once (guide 3.3)" * answers.apps,
            "services: verified by the JWKS, without asking anybody" * answers.services,
        ]
        found.schemes["jwt"] = "; ".join(filter(None, why))
    if answers.scripts:
        found.schemes |= {"token": "scripts of users: named, expiring, ended one by one (guide 3.2)"}
    if answers.servers:
        found.schemes["api_key"] = "servers: scopes, addresses, a limit of its own, rotation (guide 3.5)"
        found.left.append(
            "Bound each key: `stockade apikeys create --name N --scope S --allow CIDR`; have policies ask for Scope(S)."
        )
    if answers.issuer:
        found.schemes["external"] = "users whom another issuer logs in"
    if answers.third_party:
        found.schemes[OAUTH2] = "apps of others in the name of users: consent and scopes (guide 3.4)"
        found.apps.append("oauth2_provider")
        found.further["OAUTH2_PROVIDER"] = {
            **dict.fromkeys((f"COMPLIANT_BCP_RFC9700_{name}" for name in _GATES), True),
            "REFRESH_TOKEN_REUSE_PROTECTION": True,
            "PKCE_REQUIRED": True,
            "ACCESS_TOKEN_EXPIRE_SECONDS": 300,
            "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
            "SCOPES": {"things:read": "See your things"},
        }
        found.left.append(
            "Install django-oauth-toolkit, put its URLs into your URL conf, and name your scopes in OAUTH2_PROVIDER."
        )
    if answers.services:
        found.left.append(
            'Keep services on a network of their own, and say who may call: "ADDRESSES" in STOCKADE, or '
            "`allowed_addresses` of a view."
        )
