"""The DRF permission: the view's `policy`, as the middleware decided it, also where DRF merely probes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from stockade.core.errors import Refusal
from stockade.drf import before
from stockade.drf.authentication import exchange_of
from stockade.drf.refused import Refused
from stockade.pipeline import registry as registries
from stockade.pipeline.delegated import enter
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.leaf import OTHER, Leaf

if TYPE_CHECKING:  # rest_framework.views imports this module while it is being imported
    from rest_framework.views import APIView


def leaf_of(request: Request, exchange: Exchange) -> Leaf | None:
    """The leaf of `request`'s method: DRF clones requests under other methods to ask what would be allowed."""
    leaf = exchange.leaf
    # A clone carries its method itself. To ask DRF's request for another's attribute costs a microsecond.
    method = request.__dict__.get("method") or request._request.method  # noqa: SLF001
    if leaf is not None and leaf.method in (method, OTHER):
        return leaf
    if exchange.delegated is not None:
        return exchange.delegated.leaves.get(method or "")
    registry = registries.current()
    match = request._request.resolver_match  # noqa: SLF001
    if registry is None or match is None:
        return None
    return registry.declared(match.func, match).leaves.get(method or "")


class PolicyPermission(BasePermission):
    """The declared policy, for DEFAULT_PERMISSION_CLASSES.

    Where the view's own classes judge (`before.open_to`), those that were the project's default before are asked.
    """

    message: Any = None
    code: Any = None

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the caller may do this at all."""
        exchange = exchange_of(request)
        leaf = None if exchange is None else exchange.leaf
        if (
            leaf is not None
            and leaf.cls is type(view)
            and not leaf.open
            and leaf.method == (request.__dict__.get("method") or request._request.method)  # noqa: SLF001
        ):
            return True  # decided by the pipeline before the view
        leaf = leaf_of(request, exchange) if exchange is not None else None
        running = exchange is not None and leaf is exchange.leaf
        if exchange is not None and running and leaf is not None and leaf.cls is not type(view):
            enter(exchange, view, request._request.method or "")  # noqa: SLF001
        if before.open_to(request, exchange, view):
            return self._before("has_permission", request, view)
        if exchange is None:
            return False
        if running:
            return not before.stands_alone(exchange, view) or self._before("has_permission", request, view)
        return (
            leaf is not None and leaf.rule is not None and leaf.rule.admits(exchange.principal) is not False
        )

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        """Whether the caller may do this to `obj`.

        Raises:
            Refused: with the reason that a bare False would lose (404, 401 or 403).
        """
        exchange = exchange_of(request)
        if before.open_to(request, exchange, view):
            return self._before("has_object_permission", request, view, obj)
        if exchange is None:
            return False
        if not getattr(view, "stockade_guards_objects", False):  # PolicyMixin asks by itself
            authorize(request, exchange, obj)
        return True

    def _before(self, asked: str, request: Request, view: APIView, *obj: Any) -> bool:
        for known in before.classes("DEFAULT_PERMISSION_CLASSES"):
            permission = known()
            if not isinstance(permission, PolicyPermission) and not getattr(permission, asked)(
                request, view, *obj
            ):
                self.message = getattr(permission, "message", None)
                self.code = getattr(permission, "code", None)
                return False
        return True


def authorize(request: Request, exchange: Exchange, obj: Any) -> None:
    """`Exchange.authorize` for what `request`'s method would do.

    Raises:
        Refused: with the refusal in it.
    """
    try:
        exchange.authorize(obj, leaf_of(request, exchange))
    except Refusal as refusal:
        raise Refused(refusal) from None
