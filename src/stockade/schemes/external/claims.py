"""What the claims of a verified token mean here: scopes, roles, and how and when the user proved who they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stockade.core import clock
from stockade.core.methods import NONE, methods
from stockade.schemes.external.conf import Issuer
from stockade.schemes.external.parsers import Path
from stockade.schemes.external.token import Verified
from stockade.schemes.jwt.compact import refuse

_MOST = 500  # scopes or roles in one token


def scopes(claims: Mapping[str, Any], issuer: Issuer) -> frozenset[str] | None:
    """What bounds the token; None where the entry says that nothing does. A token that has none has no scope.

    Raises:
        InvalidCredential: the claim is neither a text nor a list of texts.
    """
    if not issuer.scope_claim:
        return None
    found = _at(claims, issuer.scope_claim)
    if found is None:
        return frozenset()
    if isinstance(found, str):
        return frozenset(found.split())
    if not isinstance(found, list) or len(found) > _MOST or not all(isinstance(one, str) for one in found):
        refuse("claim_scope")
    return frozenset(found)


def roles(claims: Mapping[str, Any], issuer: Issuer) -> frozenset[str]:
    """The roles that the token gives, by our names: only those that ROLES names."""
    if not issuer.roles:
        return frozenset()
    found = _at(claims, issuer.roles_claim)
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(
        issuer.roles[one] for one in listed[:_MOST] if isinstance(one, str) and one in issuer.roles
    )


def is_service(verified: Verified) -> bool:
    """Whether the token is a client's own, with no user behind it.

    A token that has any of the known signs is never taken for a user's, whatever SERVICES says.
    """
    return _has_sign(verified) or is_declared(verified)


def is_declared(verified: Verified) -> bool:
    """Whether SERVICES lets this client's own token in: one that names claims lets in those who have them, only."""
    declared = verified.issuer.services
    if isinstance(declared, bool):
        return declared and _has_sign(verified)
    return all(verified.claims.get(name) in values for name, values in declared.items())


def _has_sign(verified: Verified) -> bool:
    claims = verified.claims
    return (
        verified.subject == verified.client  # RFC 9068 section 2.2
        or claims.get("gty") == "client-credentials"  # Auth0
        or verified.subject == f"{verified.client}@clients"  # the same, in its profile of RFC 9068
        or claims.get("idtyp") == "app"  # Entra
    )


def acr(claims: Mapping[str, Any], issuer: Issuer) -> str:
    """The authentication context, where it is one that is believed."""
    found = claims.get("acr")
    return found if isinstance(found, str) and found in issuer.acr else ""


def amr(claims: Mapping[str, Any], issuer: Issuer) -> frozenset[str]:
    """How the user proved who they are, where the issuer is believed."""
    found = claims.get("amr")
    if not issuer.methods or not isinstance(found, list):
        return NONE
    try:
        return methods(found)
    except ValueError:
        return NONE


def auth_time(claims: Mapping[str, Any], issuer: Issuer) -> float:
    """When that was, in seconds since the epoch; 0.0 where the token does not say, or is not believed."""
    found = claims.get("auth_time")
    if not issuer.methods or type(found) not in (int, float):
        return 0.0
    return float(found) if 0 < found <= clock.now() + issuer.leeway else 0.0  # type: ignore[operator, arg-type]


def _at(claims: Mapping[str, Any], path: Path) -> Any:
    found: Any = claims
    for name in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found
