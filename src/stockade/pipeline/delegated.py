"""A view that another view calls: from there on its own policy counts, not that of the URL."""

from __future__ import annotations

from typing import Any, NamedTuple

from stockade.core.errors import MethodNotAllowed, Refusal, Undeclared
from stockade.pipeline import registry as registries
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.leaf import OTHER
from stockade.pipeline.reporting import spare


class Delegate(NamedTuple):
    """A view class as `declared.read` looks at a callback. Hashable, so that it is compiled once.

    Args:
        cls: the class.
        routes: of a viewset, methods and actions; None of other views.
    """

    cls: type[Any]
    routes: tuple[tuple[str, str], ...] | None

    @classmethod
    def of(cls, view: Any) -> Delegate:
        """Of the instance that is about to run.

        Raises:
            Undeclared: its policy was given to `as_view`: nobody but its callback knows it whole.
        """
        if "policy" in vars(view):
            raise Undeclared(reason="delegated")
        actions = getattr(view, "action_map", None)
        return cls(type(view), tuple(actions.items()) if actions else None)

    @property
    def actions(self) -> dict[str, str] | None:
        """As DRF's callbacks have it."""
        return None if self.routes is None else dict(self.routes)


def enter(exchange: Exchange, view: Any, method: str) -> None:
    """Ask the policy of `view`, if it is not the one that the URL leads to and has a policy of its own.

    ``Inner.as_view()(request)`` within another view would else run under the other's policy alone.

    Args:
        view: the instance that is about to run.
        method: of the request.

    Raises, but for what the mode only records:
        Undeclared: it has no rule for this, or one about objects without PolicyMixin; or see `Delegate.of`.
        Banned, MethodNotAllowed, Unauthenticated, Forbidden, InsufficientScope, TooMany: as for any view.
    """
    leaf = exchange.leaf
    if leaf is None or leaf.cls is type(view) or getattr(view, "policy", None) is None:
        return
    registry = registries.current()
    if registry is None:
        return
    try:
        # MODE's names are of URLs: whatever runs there is meant.
        declared = registry.declared(Delegate.of(view), view.request.resolver_match)
    except Undeclared as refusal:
        if not exchange.spares(refusal):
            raise
        return
    declared.turn_away(exchange.context.address)
    inner = declared.leaf(method)
    refused: Refusal | None = None
    if inner is None or inner.method == OTHER:
        refused = MethodNotAllowed(tuple(declared.leaves))
    elif declared.unguarded:
        refused = Undeclared(reason="object_policy_without_policy_mixin")
    if refused is not None and not spare(declared.mode, declared.name, method, refused):
        raise refused
    if inner is None:
        return
    exchange.enter(declared, inner)
    if inner.limits and registry.engine.pass_gate(exchange):
        registry.engine.reload(exchange)
    registry.engine.decide(exchange)
