"""Why a caller was refused: not known (401), known but without a scope (403), or known and not admitted (403)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stockade.core.errors import Forbidden, InsufficientScope, Refusal, Unauthenticated
from stockade.core.principal import Principal
from stockade.policy.base import Policy
from stockade.policy.composed import AnyOf, Composed, Conceivable
from stockade.policy.logic import TRUE
from stockade.policy.rules import Scope


def refusal(policy: Policy, principal: Principal, obj: Any = None) -> Refusal:
    """The refusal that fits, to be raised.

    Args:
        obj: what was asked about, if anything.
    """
    if not principal.is_authenticated and policy._conceivable() & TRUE:
        return Unauthenticated()
    missing = missing_scopes(policy, principal, obj)
    if missing:
        # RFC 6750 section 3.1: the challenge may carry the scope that the resource needs.
        return InsufficientScope(missing)
    return Forbidden()


def missing_scopes(policy: Policy, principal: Principal, obj: Any = None) -> tuple[str, ...]:
    """The scopes that would get this caller in, sorted; empty if scopes are not what is missing."""
    if principal.scopes is None:
        return ()
    unbounded = replace(principal, scopes=None)
    if not _could(policy, unbounded, obj):
        return ()
    return tuple(sorted(_missing(policy, principal, unbounded, obj)))


def _could(policy: Policy, principal: Principal, obj: Any) -> bool:
    """Whether the caller may be admitted, as far as is known without asking the database about the object."""
    bits = policy.possible(principal) if obj is None else policy.bits(principal, obj)
    return bool(bits & TRUE)


def _missing(policy: Policy, principal: Principal, unbounded: Principal, obj: Any) -> frozenset[str]:
    if isinstance(policy, Scope):
        return frozenset(policy.names) - (principal.scopes or frozenset())
    if isinstance(policy, Conceivable):
        return _missing(policy.part, principal, unbounded, obj)
    if isinstance(policy, AnyOf):
        # One way in is enough: the first that scopes alone would open.
        for part in policy.parts:
            if _could(part, unbounded, obj):
                return _missing(part, principal, unbounded, obj)
        return frozenset()
    if isinstance(policy, Composed):
        return frozenset().union(*(_missing(part, principal, unbounded, obj) for part in policy.parts))
    return frozenset()
