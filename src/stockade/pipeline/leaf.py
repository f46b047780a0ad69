"""One method of one view, as it was declared: who may, within which limits, and what its answers must have asked."""

from __future__ import annotations

from typing import Any

from stockade.core.mode import ENFORCE, Mode
from stockade.gate.protocol import Limit
from stockade.policy import Policy, Visibility
from stockade.policy.proof import asks_for_proof
from stockade.policy.proven import proven

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
OTHER = ""  # in place of a method that the view does not seem to answer


class Leaf:
    """One method of one view.

    Args:
        method: the HTTP method, or OTHER.
        action: the viewset's action, or "".
        rule: who may; None = undeclared, refused.
        visible: what the caller may see at all; None where the rule itself says it.
        limits: the view's own limits and its throttle scope's, in the order of their headers.
        cost: how many places one request takes of every limit.
        guarded: whether the view can ask about objects (PolicyMixin, or a plain view made by `protect`).
        detail: whether the view is about one object, named by its URL. A class may say so by `detail`.
        view: the view's dotted name; keeps the counts of two views' limits of one name apart.
        limited: whether LIMITS apply; not to probes and to views that count their own failures.
        ignores_credentials: the body is the credential, and a client that sends its expired access token along must
            still be able to renew it: the header is not read. So it is where anyone may and the view lists no
            authenticators.
        probe: asked by load balancers: bans and address lists do not apply.
        cls: the view's class; None of a function.
        mode: what is refused here, and what only recorded.
        legacy: whether, without a policy, the view's own permission_classes judge.
        authenticators: the view's own authentication_classes, where it does not take the project's.

    Attributes:
        forces: whether DRF is told who calls whatever its view's authenticators say; not where a plain view, which we
            do not judge, may call one of DRF's.
        own_callers: whether it finds out by itself who calls, so that no credential which it does not read closes it.
        open: whether what we do not know of the caller is left to the view's own classes.
        proven: the part of the rule that reads the request itself to find out who has sent it; else None.
        proof: what may be seen, where that depends on how or when the caller proved who it is; else None.
        sight: rule and visibility together; None if undeclared.
        mediated: whether an answer may leave only after the policy was asked (complete mediation).
        names_object: whether it must have been asked about an object. Where one is only read, what is visible may be
            found by a filter, unless there is more to ask than whether it is visible.
    """

    __slots__ = (
        "action", "authenticators", "cls", "cost", "detail", "forces", "guarded", "ignores_credentials", "legacy",
        "limited", "limits", "mediated", "method", "mode", "names_object", "open", "own_callers", "probe", "proof",
        "proven", "rule", "safe", "sight", "view", "visible",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        action: str,
        rule: Policy | None,
        visible: Policy | None,
        *,
        limits: tuple[Limit, ...],
        cost: int,
        guarded: bool,
        detail: bool,
        view: str,
        limited: bool,
        ignores_credentials: bool,
        probe: bool,
        cls: type[Any] | None,
        mode: Mode = ENFORCE,
        legacy: bool = False,
        authenticators: frozenset[Any] | None = None,
    ) -> None:
        self.method, self.action, self.view = method, action, view
        self.rule, self.visible = rule, visible
        self.proven = proven(rule, view)
        self.proof = visible if visible is not None and asks_for_proof(visible) else None
        self.sight = Visibility(visible, rule) if rule is not None else None
        self.limits, self.cost = limits, cost
        self.safe = method in SAFE
        self.guarded, self.detail = guarded, detail
        self.limited = limited and self.proven is None
        self.ignores_credentials = ignores_credentials or self.proven is not None
        self.probe = probe
        self.cls = cls
        self.mode, self.legacy = mode, legacy
        self.open = legacy or not mode.policies
        self.authenticators = authenticators if self.open else None
        plain = not hasattr(cls, "authentication_classes")
        # Asks nobody's authenticators but its own, or as a plain Django view none.
        self.own_callers = legacy and (plain or authenticators is not None)
        self.forces = not (plain and self.open)
        self.names_object = not self.safe or (detail and visible is not None and visible is not rule)
        sees = visible is not None and visible.about_objects
        # What makes something new is asked about what it made, and only if its rule speaks of objects.
        speaks = rule is not None and (rule.about_objects or (sees and (self.safe or detail)))
        # A class answers OPTIONS by a method of its own, which describes it; a function by what it always does.
        self.mediated = speaks and (method != "OPTIONS" or cls is None)
