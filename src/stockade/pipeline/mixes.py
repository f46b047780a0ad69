"""What `check --deploy` says of schemes that do not go with each other, or with policies: guide sections 3 and 15."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stockade import conf
from stockade.core.mode import BEFORE
from stockade.pipeline import registry as registries
from stockade.pipeline.conf import PipelineSettings
from stockade.pipeline.edge import warn
from stockade.pipeline.finding import Finding
from stockade.pipeline.judged import views
from stockade.policy.rules import Scope
from stockade.schemes.conf import JWTSettings, SchemeSettings
from stockade.schemes.opaque.conf import KeySettings, TokenSettings

LONG = 3600.0  # seconds; an access token that others verify is not taken back before its end
# Credentials that may be bounded by scopes; a foreign authenticator may know of scopes, too.
SCOPED = frozenset({"api_key", "drf-api-key", "external", "jwt", "simplejwt", "token"})
_KEYS = frozenset({"api_key", "drf-api-key"})
_ALLOW_ANY = "rest_framework.permissions.AllowAny"


def mix_findings() -> Iterator[Finding]:
    """Lifetimes, defaults of DRF that let in, and scopes that nobody has or nobody asks for."""
    schemes = set(conf.load(SchemeSettings).schemes)
    yield from _lifetimes(schemes)
    yield from _open_defaults()
    yield from _scopes(schemes)


def _lifetimes(schemes: set[str]) -> Iterator[Finding]:
    access = conf.load(JWTSettings).access_lifetime
    if "jwt" in schemes and access > LONG:
        yield warn(
            "W260",
            f"JWT ACCESS_LIFETIME is {access / 3600:g} hours: services that verify tokens by the JWKS take a stolen "
            "one for as long.",
            'Write "JWT": {"ACCESS_LIFETIME": "5m"}; clients refresh.',
        )
    for name, section, life in (
        ("token", "TOKEN", conf.load(TokenSettings).lifetime),
        ("api_key", "API_KEY", conf.load(KeySettings).lifetime),
    ):
        if name in schemes and life is None:
            yield warn(
                "W261",
                f"{section} LIFETIME is None: what leaks is good until somebody notices.",
                f'Write "{section}": {{"LIFETIME": "90d"}}, and rotate.',
            )


def _open_defaults() -> Iterator[Finding]:
    """Where views without a policy are judged as before, DRF's own default is that anybody may."""
    from django.conf import settings

    pipeline = conf.load(PipelineSettings)
    rest: dict[str, Any] = getattr(settings, "REST_FRAMEWORK", None) or {}
    legacy = pipeline.undeclared == "legacy"
    if not legacy and pipeline.modes.general.policies:
        return
    before = rest.get(BEFORE, rest) if legacy else rest
    allowed = (before or {}).get("DEFAULT_PERMISSION_CLASSES", [_ALLOW_ANY])
    if list(allowed) in ([], [_ALLOW_ANY]):
        why = 'UNDECLARED is "legacy"' if legacy else "MODE only reports what policies refuse"
        yield warn(
            "W262",
            f"{why}, and DEFAULT_PERMISSION_CLASSES lets anybody in: a view that says nothing is open to all.",
            'Write "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"] before '
            "stockade.drf.defaults(), or give each view a policy.",
        )


def _scopes(schemes: set[str]) -> Iterator[Finding]:
    asked = asked_scopes()
    if _KEYS & schemes and not asked:
        yield warn(
            "W263",
            "SCHEMES takes API keys, and no policy asks for a Scope: each key opens all that its owner may, whatever "
            "it was made for.",
            'Write Role("Editors") & Scope("articles:write") into policies, and make keys with `--scope`.',
        )
    carried = SCOPED & schemes or {name for name in schemes if "." in name}
    if asked and not carried:
        yield warn(
            "W264",
            f"Policies ask for scopes ({', '.join(sorted(asked)[:5])}), and no scheme of SCHEMES has any: they bound "
            "nobody.",
            f"Take Scope(...) out, or add one of {', '.join(sorted(SCOPED))}.",
        )


def asked_scopes() -> set[str]:
    """The scopes that the project's policies name; none where its views cannot be judged."""
    registry = registries.current()
    if registry is None:
        return set()
    found: set[str] = set()
    for _, view, exempt in views():
        if exempt:
            continue
        for leaf in registry.declared(view).leaves.values():
            for rule in (leaf.rule, leaf.visible):
                for one in rule.leaves() if rule is not None else ():
                    if isinstance(one, Scope):
                        found.update(one.names)
    return found
