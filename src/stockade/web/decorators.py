"""`protect`: a policy and limits for a plain view, a DRF function view or an async view."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponseBase

from stockade.core.errors import Undecided
from stockade.pipeline import registry as registries
from stockade.pipeline.declared import MARK
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.mediation import run_mediated, undecided
from stockade.policy import Policy

View = TypeVar("View", bound=Callable[..., Any])
Rates = str | Sequence[str]
CALLED = (
    "stockade_called"  # on a request that no URL was resolved for: the marked view that was called with it
)


def protect(
    *,
    policy: Policy | Mapping[str, Policy],
    visible: Policy | None = None,
    limits: Rates | Mapping[str, Rates] | None = None,
    cost: int | Mapping[str, int] | None = None,
    limited: bool = True,
    probe: bool = False,
    allowed_addresses: Sequence[str] | None = None,
) -> Callable[[View], View]:
    """Declare who may call a view, and how often.

    Args:
        policy: a rule, or a dict from HTTP methods to rules. Where it speaks of objects the view must ask
            `request.stockade.authorize(obj)` or use `request.stockade.visible(queryset)` before it answers; unsafe
            methods then run in a transaction that is rolled back if it did neither.
        visible: what the caller may see at all: 404 outside it, 403 inside it but outside `policy`.
        limits: a rate such as ``"10/min"``, several, or a dict from HTTP methods to them.
        cost: how many places one request takes of every limit.
        limited: False where the named LIMITS do not apply, only `limits`.
        probe: True for what load balancers ask: no named LIMITS, bans and address lists do not apply, and a credential
            is not looked at.
        allowed_addresses: addresses and CIDR blocks; to all others the view is closed (403), before anything is
            verified.

    Example:
        >>> @protect(policy=Authenticated(), limits="10/min")
        ... def export(request): ...
    """
    declared = {
        "policy": policy, "visible": visible, "limits": limits, "cost": cost, "limited": limited, "probe": probe,
        "allowed_addresses": allowed_addresses,
    }  # fmt: skip

    def decorate(view: View) -> View:
        # An async view keeps its identity: Django's transactions are synchronous, so a missing decision withholds its
        # answer (the middleware sees to that) but cannot undo what it wrote.
        wrapped: Any = view if iscoroutinefunction(view) else _mediated(view)
        setattr(wrapped, MARK, declared)
        return wrapped  # type: ignore[no-any-return]

    return decorate


def signed(source: str = "", *, url: str = "", limits: Rates | None = None) -> Callable[[View], View]:
    """Have a plain view, sync or async, take the messages of one source, by POST; they are in `request.webhook`.

    Args:
        source, url: as of `stockade.webhooks.Signed`.
        limits: rates for each address that sends.

    Example:
        >>> @signed("github")
        ... def hook(request): ...
    """
    from stockade.webhooks.policy import Signed

    protected = protect(policy={"POST": Signed(source, url=url)}, limits=limits)

    def decorate(view: View) -> View:
        found = protected(view)
        found.login_required = False  # type: ignore[attr-defined] # for LoginRequiredMiddleware: a sender is no user
        return found

    return decorate


def _mediated(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Run unsafe methods of a view about objects in a transaction that a missing decision rolls back.

    `functools.wraps` keeps the attributes by which DRF's callbacks are known (`cls`, `csrf_exempt`).
    """

    @functools.wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        exchange: Exchange | None = getattr(request, "stockade", None)
        if exchange is None and request.resolver_match is None:
            return _alone(inner, request, lambda: view(request, *args, **kwargs))
        leaf = exchange.leaf if exchange is not None else None
        if exchange is None or leaf is None or leaf.open or not leaf.mediated or leaf.safe:
            return view(request, *args, **kwargs)
        return run_mediated(lambda: exchange, lambda: view(request, *args, **kwargs))

    return inner


def _alone(
    marked: Callable[..., HttpResponseBase], request: HttpRequest, call: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """Run a view without URL and middleware, as unit tests call it: DRF's authenticator makes the exchange in there.

    It has to be told what was declared: the class that DRF makes of a function does not know.
    """
    registry = registries.current()
    if registry is None:
        return call()
    request.__dict__.setdefault(CALLED, marked)
    leaf = registry.declared(marked).leaves.get(request.method or "")
    if leaf is not None and leaf.mediated and not leaf.safe:
        return run_mediated(lambda: request.__dict__.get("stockade"), call)
    response = call()
    made: Exchange | None = request.__dict__.get("stockade")
    if made is not None and undecided(made, response):
        refusal = Undecided(reason="undecided")
        if not made.spares(refusal):
            raise refusal
    return response
