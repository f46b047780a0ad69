"""Describes our own schemes, for which `StockadeAuthentication` stands; other packages describe theirs."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object

from stockade import conf
from stockade.pipeline import registry as registries
from stockade.schemes.external.conf import ID, ExternalSettings, Issuer


class Scheme(NamedTuple):
    """One of ours.

    Args:
        name: in the document.
        definition: the security scheme object.
        scoped: whether its credentials may be bounded by scopes.
    """

    name: str
    definition: dict[str, Any]
    scoped: bool


_TOKEN = Scheme("tokenAuth", build_bearer_security_scheme_object("Authorization", "Token"), scoped=True)
_API_KEY = Scheme(
    "apiKey",
    {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key; also as `Authorization: Api-Key ...`.",
    },
    scoped=True,
)
SCHEMES = {
    "jwt": Scheme(
        "jwt",
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token (RFC 9068) in the Authorization header.",
        },
        scoped=True,
    ),
    # One for each issuer, see `described`.
    "external": Scheme("external", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}, scoped=True),
    # Tokens that simplejwt made: what its clients know by this name goes on having it.
    "simplejwt": Scheme("jwtAuth", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}, scoped=False),
    # As drf-spectacular calls DRF's SessionAuthentication.
    "session": Scheme(
        "cookieAuth",
        {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The session of a browser that is logged in. Unsafe methods need the header X-CSRFToken.",
        },
        scoped=False,
    ),
    # As drf-spectacular calls DRF's TokenAuthentication, whose clients these are.
    "token": _TOKEN,
    "authtoken": _TOKEN,
    "knox": _TOKEN,
    "drf-api-key": _API_KEY,
    "api_key": _API_KEY,
}


def described(name: str) -> list[Scheme]:
    """A scheme of ours as the document has it; tokens of other issuers by issuer, with where to log in."""
    if name != "external":
        return [SCHEMES[name]]
    return [_of_issuer(entry) for entry in conf.load(ExternalSettings).issuers.values()]


def _of_issuer(entry: Issuer) -> Scheme:
    kind = "An ID token" if entry.type == ID else "An access token"
    about = f"{kind} of {entry.issuer} in the Authorization header, as a Bearer token."
    if entry.jwks_url:  # it may have no discovery document
        definition = {**SCHEMES["external"].definition, "description": about}
    else:
        definition = {
            "type": "openIdConnect",
            "openIdConnectUrl": entry.discovery_url,
            "description": about,
        }
    return Scheme(f"external_{entry.name}", definition, scoped=bool(entry.scope_claim))


def enabled() -> list[Scheme]:
    """Those that SCHEMES names, each once."""
    registry = registries.current()
    ours = () if registry is None else registry.engine.schemes
    found = [one for scheme in ours for one in described(scheme.name)]
    if registry is not None and any(scheme.name == "session" for scheme in registry.engine.others.schemes):
        found.append(SCHEMES["session"])  # of another engine
    return [scheme for index, scheme in enumerate(found) if scheme not in found[:index]]


class OurSchemes(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Those of SCHEMES that are ours, by their names."""

    target_class = "stockade.drf.authentication.StockadeAuthentication"
    match_subclasses = True
    priority = -1

    @property
    def name(self) -> list[str]:  # type: ignore[override]
        """The names of those that are enabled."""
        return [scheme.name for scheme in enabled()]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """One of them is enough."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """One for each."""
        return [scheme.definition for scheme in enabled()]


class APIKeys(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """drf-api-key has a permission where others have an authenticator, and no extension."""

    target_class = "rest_framework_api_key.permissions.BaseHasAPIKey"
    match_subclasses = True
    optional = True
    priority = -1
    name = "apiKeyAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Its header, and the keyword in it."""
        header = getattr(settings, "API_KEY_CUSTOM_HEADER", None)
        if header:
            name = str(header).removeprefix("HTTP_").replace("_", "-").title()
            return {"type": "apiKey", "in": "header", "name": name}
        parser = getattr(self.target, "key_parser", None)
        keyword = str(getattr(parser, "keyword", "Api-Key"))
        return build_bearer_security_scheme_object("Authorization", keyword)
