"""The security requirements of an operation: the schemes of SCHEMES with the scopes of its rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.module_loading import import_string
from drf_spectacular.drainage import warn
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import whitelisted
from drf_spectacular.settings import spectacular_settings
from rest_framework.authentication import BasicAuthentication, SessionAuthentication

from stockade import conf
from stockade.drf.authentication import StockadeAuthentication
from stockade.drf.schema import rules
from stockade.drf.schema.authentication import SCHEMES, described, enabled
from stockade.drf.schema.components import SECURITY, register
from stockade.drf.schema.judged import Judged
from stockade.drf.schema.own import REFRESH_COOKIE, cookie_definition, own_of
from stockade.schemes.conf import SchemeSettings
from stockade.schemes.registry import names

EXTENSION = "x-stockade-scopes"
_SCOPED = ("oauth2", "openIdConnect")
_WHOLE_USER = (SessionAuthentication, BasicAuthentication)  # never bounded by scopes

Requirement = dict[str, list[Any]]


def authenticators(wanted: frozenset[str] | None = None) -> list[Any]:
    """An instance of each that SCHEMES names, ours standing for all that are ours.

    Args:
        wanted: the names of schemes that are meant; None for all.
    """
    listed = conf.load(SchemeSettings).schemes
    called = names(path for path in listed if "." in path)
    found = [
        import_string(path) if path in called else StockadeAuthentication
        for path in listed
        if wanted is None or called.get(path, path) in wanted
    ]
    return [cls() for cls in dict.fromkeys(found)]


def requirements(auto_schema: Any, judged: Judged) -> list[Requirement]:
    """What the operation asks for, any one of them; ``{}`` last where nothing is fine too.

    Registers the schemes that it names.
    """
    leaf = judged.leaf
    found: list[Requirement] = []
    own = own_of(leaf.cls)
    if own is not None and own.cookie:
        register(auto_schema.registry, REFRESH_COOKIE, SECURITY, cookie_definition())
        return [{REFRESH_COOKIE: []}]
    if not leaf.ignores_credentials:
        ways = rules.scopes(leaf)
        wanted = rules.schemes(leaf)
        for authenticator in authenticators(wanted):
            found.extend(_of(auto_schema, authenticator, ways, wanted))
        found.extend(spectacular_settings.SECURITY)
    if not judged.shut and rules.admits_anyone(leaf):
        found.append({})
    return [one for index, one in enumerate(found) if one not in found[:index]]


def unsaid(auto_schema: Any, judged: Judged) -> list[list[str]]:
    """The scopes that the requirements cannot name: OpenAPI 3.0 has them for OAuth alone (3.0.3, 4.8.30)."""
    if _any_type() or judged.leaf.ignores_credentials:
        return []
    ways = rules.scopes(judged.leaf)
    return [] if () in ways else [list(way) for way in ways]


def _of(
    auto_schema: Any, authenticator: Any, ways: list[tuple[str, ...]], wanted: frozenset[str] | None
) -> Iterator[Requirement]:
    """One authenticator's requirements, by the extension of its package.

    Args:
        wanted: the names of schemes that lead in; None for any.
    """
    if not whitelisted(authenticator, spectacular_settings.AUTHENTICATION_WHITELIST, exact=True):
        return
    extension = OpenApiAuthenticationExtension.get_match(authenticator)
    if extension is None:
        warn(
            f"could not resolve {type(authenticator)} of SCHEMES: there is no OpenApiAuthenticationExtension for it. "
            "Write one; see the documentation of drf-spectacular."
        )
        return
    known, definitions = extension.name, extension.get_security_definition(auto_schema)
    if isinstance(known, str):
        known, definitions = [known], [definitions]  # type: ignore[list-item]
    if not known:  # as a requirement that would be none at all
        return
    types: dict[str, str] = {}
    for name, definition in zip(known, definitions, strict=True):
        register(auto_schema.registry, name, SECURITY, definition)  # type: ignore[arg-type]
        types[name] = str(definition["type"])  # type: ignore[index]
    # OAuth toolkit's says None where a view has no permission of the package: here the policy asks.
    asked: Any = extension.get_security_requirement(auto_schema) or {name: [] for name in known}
    if wanted is not None and isinstance(authenticator, StockadeAuthentication):
        told = {scheme.name for name in wanted if name in SCHEMES for scheme in described(name)}
        asked = [one for one in asked if told.issuperset(one)]
    for one in [asked] if isinstance(asked, dict) else asked:
        for way in ways:
            yield {
                name: sorted({*kept, *way}) if _takes(authenticator, name, types.get(name, "")) else kept
                for name, kept in one.items()
            }


def _takes(authenticator: Any, name: str, kind: str) -> bool:
    """Whether scopes may be named with a scheme: it may carry some, and the document may say so."""
    if isinstance(authenticator, StockadeAuthentication):
        return _any_type() and any(scheme.name == name and scheme.scoped for scheme in enabled())
    return kind in _SCOPED or (_any_type() and not isinstance(authenticator, _WHOLE_USER))


def _any_type() -> bool:
    """Whether a requirement may name scopes, or roles, of whatever scheme (OpenAPI 3.1.0, 4.8.30)."""
    return not str(spectacular_settings.OAS_VERSION).startswith("3.0")
