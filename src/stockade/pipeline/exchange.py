"""One request on its way: what is known so far, and the questions that a view may ask about objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from stockade.core.context import RequestContext
from stockade.core.errors import CsrfFailed, Forbidden, InvalidCredential, NotVisible, Refusal, Unavailable
from stockade.core.mode import ENFORCE, spares
from stockade.core.principal import ANONYMOUS, Principal
from stockade.edge import csrf
from stockade.pipeline.declared import Declared
from stockade.pipeline.leaf import Leaf
from stockade.pipeline.plans import NOTHING
from stockade.pipeline.reporting import spare
from stockade.policy import Mediator

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest

    from stockade.gate.protocol import Verdict
    from stockade.pipeline.find import Presented
    from stockade.pipeline.memory import Entry

M = TypeVar("M", bound="Model")


class Exchange:
    """Lives as `request.stockade` for one request.

    principal: who is calling.
    mediator: whether the view has asked the policy, for complete mediation.
    delegated: what the view declares that the URL's own view has called; None as long as that one runs itself.
    http: Django's request, until foreign schemes, and CSRF where there is a session's cookie, have been asked; None
        where neither is.
    """

    __slots__ = (
        "context", "delegated", "entry", "http", "key", "leaf", "mediator", "meta", "plan", "presented", "principal",
        "recorded", "verdict",
    )  # fmt: skip

    def __init__(self, context: RequestContext, leaf: Leaf | None) -> None:
        self.context = context
        self.meta = context.meta
        self.leaf = leaf
        self.presented: Presented | None = None
        self.key = b""
        self.entry: Entry | None = None
        self.principal: Principal = ANONYMOUS
        self.plan = NOTHING
        self.verdict: Verdict | None = None
        self.mediator: Mediator | None = Mediator() if leaf is not None and leaf.mediated else None
        self.recorded = False
        self.delegated: Declared | None = None
        self.http: HttpRequest | None = None

    def enter(self, declared: Declared, leaf: Leaf) -> None:
        """Go on under another view's declaration; see `pipeline.delegated`."""
        self.delegated, self.leaf = declared, leaf
        if leaf.mediated:
            self.mediator = Mediator()

    @property
    def open(self) -> bool:
        """Whether what we do not know of the caller is left to the view's own classes (legacy, or policies report)."""
        return self.leaf is not None and self.leaf.open

    @property
    def legacy(self) -> bool:
        """Whether the view has no policy, and its own classes judge."""
        return self.leaf is not None and self.leaf.legacy

    def spares(self, refusal: Refusal) -> bool:
        """Whether the request goes on in spite of `refusal`, by the view's mode; it is recorded then."""
        leaf = self.leaf
        if leaf is None or (leaf.mode is ENFORCE and not leaf.legacy):
            return False
        own = leaf.own_callers or (leaf.legacy and refusal.reason == "unrecognised")
        # What the view reads by itself it refuses by itself; but not who has made a browser send it.
        sent = leaf.authenticators is not None and refusal.reason in csrf.REASONS
        if isinstance(refusal, InvalidCredential | CsrfFailed) and own and not sent:
            return True
        return spare(leaf.mode, leaf.view, leaf.method, refusal, self.principal)

    def open_while(self, away: Unavailable) -> bool:
        """Whether the request goes on while the state is away; nothing is recorded."""
        return self.leaf is not None and spares(self.leaf.mode, away)

    def disown(self) -> None:
        """Be nobody's: what was shown does not count, and the view's own classes find out who is calling."""
        self.key, self.entry, self.presented, self.principal = b"", None, None, ANONYMOUS
        self.http = None

    def visible(self, queryset: QuerySet[M], leaf: Leaf | None = None) -> QuerySet[M]:
        """The part of `queryset` that the caller may see, and in a list also act on. Never adds duplicates."""
        if self.mediator is not None and (leaf is None or leaf is self.leaf):
            self.mediator.filtered(queryset.model)
        leaf = leaf or self.leaf
        if leaf is not None and not leaf.mode.policies:
            return queryset
        if (
            leaf is None or leaf.sight is None
        ):  # also where the view's own classes judge: who asks gets no yes
            return queryset.none()
        sight = leaf.sight
        return queryset.filter(sight.filter(self.principal) if leaf.detail else sight.listing(self.principal))

    def authorize(self, obj: Any, leaf: Leaf | None = None) -> None:
        """Refuse unless the caller may see `obj` and may do to it what this request does.

        Raises:
            NotVisible: it may not be seen (404).
            Forbidden, InsufficientScope, Unauthenticated: it may be seen, and this may not be done (403, 401).
        """
        if leaf is None or leaf is self.leaf:  # not for what DRF's browsable pages merely probe
            self._asked(obj)
        leaf = leaf or self.leaf
        if leaf is None or leaf.sight is None:
            refusal: Refusal | None = NotVisible(reason="undeclared")
        else:
            refusal = leaf.sight.refusal(self.principal, obj)
        if refusal is not None and not self.spares(refusal):
            raise refusal

    def authorize_old_state(self, obj: Model) -> None:
        """Refuse unless the caller may do this to a stored object as it is, before a write makes something else of it.

        Costs nothing where it was just asked. Else whoever may write the new state could make another's object hers.

        Raises:
            NotVisible, Forbidden, InsufficientScope, Unauthenticated: see `authorize`.
        """
        if not obj._state.adding and (self.mediator is None or self.mediator.last is not obj):
            self.authorize(obj)

    def authorize_new_state(self, obj: Model, leaf: Leaf | None = None) -> None:
        """Refuse unless what a write has made of `obj` is still within the rule; asked inside the write's transaction.

        Raises:
            Forbidden: the new state is not the caller's to make (OWASP API3: mass assignment of ownership).
        """
        self._asked(obj)
        leaf = leaf or self.leaf
        if leaf is None or leaf.sight is None:
            refusal: Refusal | None = Forbidden(reason="undeclared")
        else:
            refusal = leaf.sight.refusal_of_new(self.principal, obj)
        if refusal is not None and not self.spares(refusal):
            raise refusal

    def _asked(self, obj: Any) -> None:
        if self.mediator is not None:
            self.mediator.asked(obj)

    @property
    def undecided(self) -> bool:
        """Whether a decision is due and missing: any, or one that names an object (`Leaf.names_object`)."""
        if self.mediator is None or self.leaf is None:
            return False
        return not (self.mediator.named_object if self.leaf.names_object else self.mediator.decided)
