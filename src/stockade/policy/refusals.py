"""Why a caller was refused: unknown or by too weak a login (401), without a scope or not admitted (403)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stockade.core.errors import Forbidden, InsufficientScope, Refusal, Unauthenticated
from stockade.core.principal import Principal
from stockade.policy.base import Policy
from stockade.policy.composed import AnyOf, Composed, Conceivable
from stockade.policy.logic import TRUE
from stockade.policy.proof import could, relieved, step_up
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
    return step_up(policy, principal, obj) or Forbidden()


def missing_scopes(policy: Policy, principal: Principal, obj: Any = None) -> tuple[str, ...]:
    """The scopes that would get this caller in, sorted; empty if scopes are not what is missing.

    Where it also takes another login, they are named first: no login gives a credential scopes that it lacks.
    """
    if principal.scopes is None:
        return ()
    unbounded = replace(principal, scopes=None)
    if could(policy, unbounded, obj):
        return tuple(sorted(_missing(policy, principal, unbounded, obj)))
    policy = relieved(policy)
    if could(policy, principal, obj) or not could(policy, unbounded, obj):
        return ()
    return tuple(sorted(_missing(policy, principal, unbounded, obj)))


def _missing(policy: Policy, principal: Principal, unbounded: Principal, obj: Any) -> frozenset[str]:
    if isinstance(policy, Scope):
        return frozenset(policy.names) - (principal.scopes or frozenset())
    if isinstance(policy, Conceivable):
        return _missing(policy.part, principal, unbounded, obj)
    if isinstance(policy, AnyOf):
        # One way in is enough: the first that scopes alone would open.
        for part in policy.parts:
            if could(part, unbounded, obj):
                return _missing(part, principal, unbounded, obj)
        return frozenset()
    if isinstance(policy, Composed):
        return frozenset().union(*(_missing(part, principal, unbounded, obj) for part in policy.parts))
    return frozenset()
