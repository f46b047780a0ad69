"""The steps of one request, in order, once; sync and async callers differ only in where the I/O steps run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.db import InterfaceError, OperationalError

from stockade.core.context import RequestContext
from stockade.core.errors import (
    AmbiguousCredential,
    BadRequest,
    CsrfFailed,
    InvalidCredential,
    Refusal,
    StepUpRequired,
    Unavailable,
    Undeclared,
)
from stockade.core.principal import ANONYMOUS, Principal
from stockade.edge import csrf
from stockade.gate.protocol import Gate
from stockade.pipeline.conf import PipelineSettings
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.find import Finder, Presented
from stockade.pipeline.foreign import ASK, Others
from stockade.pipeline.leaf import OTHER, Leaf
from stockade.pipeline.memory import NOBODY, Memory
from stockade.pipeline.plans import NOTHING, Plans
from stockade.pipeline.proving import Proving
from stockade.schemes import attempts
from stockade.schemes.foreign import ForeignScheme
from stockade.schemes.protocol import Scheme
from stockade.schemes.registry import check_limits

if TYPE_CHECKING:
    from django.http import HttpRequest


class Engine(Proving):
    """Steps 1 to 4, over one gate, one set of schemes and one worker's memory.

    Args:
        settings: of the pipeline.
        schemes: ours that are enabled, in order.
        gate: the shared state.
        foreign: DRF authenticators that are enabled, in order.

    Raises:
        ConfigurationError: LIMITS names a scheme that there is not.
    """

    def __init__(
        self,
        settings: PipelineSettings,
        schemes: Iterable[Scheme],
        gate: Gate,
        foreign: Iterable[ForeignScheme] = (),
    ) -> None:
        self.schemes = tuple(schemes)
        others = Others(foreign, (keyword for scheme in self.schemes for keyword in scheme.keywords))
        names = [scheme.name for scheme in self.schemes]
        check_limits(settings.limits, [*names, *(scheme.name for scheme in others.schemes)])
        self._alone = not others
        self._browser = next((scheme for scheme in self.schemes if scheme.name == "session"), None)
        self._cookie = str(django_settings.SESSION_COOKIE_NAME)
        super().__init__(
            gate,
            Memory(settings.cache_size),
            Plans(settings.limits, told=settings.modes.general.limits),
            Finder(self.schemes, not self._alone),
            others,
            round(settings.principal_max_age * 1_000_000),
        )

    # -- step 1 ------------------------------------------------------------------------------------------------

    def find(self, context: RequestContext, leaf: Leaf | None, http: HttpRequest | None = None) -> Exchange:
        """Find the one credential. No I/O.

        Args:
            context, leaf: of the request.
            http: Django's request, for the session's cookie, which counts where no explicit credential is shown.

        Raises:
            Refusal: a credential in the query string, two credentials, or one that nothing recognises. Where there
                are foreign schemes, what none of ours recognises is left to them (`verify`).
        """
        meta = context.meta
        exchange = Exchange(context, leaf)
        query = meta.get("QUERY_STRING")
        if query:
            try:
                self.finder.refuse_query(query)
            except BadRequest as refusal:
                if not exchange.spares(refusal):
                    raise
        if leaf is not None and leaf.ignores_credentials:
            if leaf.proven is not None:
                exchange.http = http
            return exchange
        header = meta.get("HTTP_AUTHORIZATION")
        if header is not None and "HTTP_X_API_KEY" not in meta and (self._alone or self._no_other(meta)):
            # Seen before, word for word: what it is was found out then.
            key, entry = self.memory.recall(header, context.tenant)
            if entry is not None:
                exchange.key, exchange.entry = key, entry
                return exchange
        try:
            presented = self.finder.find(meta)
            shown = not self._alone and self.others.shown(meta)
        except (InvalidCredential, AmbiguousCredential) as refusal:
            if exchange.spares(refusal):
                return exchange
            if isinstance(refusal, AmbiguousCredential):
                raise
            with attempts.failed_auth(context.address):  # garbage counts as a failure
                raise
        if presented is not None:
            exchange.presented = presented
            # One spelling for all: "bearer" and more spaces must not fill the memory with one token.
            keyword = "X-API-Key" if header is None else header.partition(" ")[0].title()
            exchange.key, exchange.entry = self.memory.recall(f"{keyword} {presented.value}", context.tenant)
        else:
            if not self._alone:
                exchange.key = ASK
            if self._browser is not None and http is not None and not shown and "HTTP_COOKIE" in meta:
                self._by_cookie(exchange, http)
        return exchange

    def _by_cookie(self, exchange: Exchange, http: HttpRequest) -> None:
        """Take the session's cookie for the credential, unless it is known, or seen, to be nobody's."""
        leaf = exchange.leaf
        if leaf is not None and leaf.authenticators is not None:
            return  # its own classes judge, by what they read
        value = http.COOKIES.get(self._cookie)
        scheme = self._browser
        if not value or scheme is None:
            return
        session: Any = http.__dict__.get("session")
        if session is not None:
            session.accessed = True  # the answer varies by it: SessionMiddleware says so to caches
        # A line break, which no header has: else `Authorization: Session KEY` would be the cookie, and skip CSRF.
        key, entry = self.memory.recall(f"Session\n{value}", exchange.context.tenant)
        if entry is NOBODY or (entry is None and not scheme.looks_mine(value)):
            return
        exchange.key, exchange.entry, exchange.presented = key, entry, Presented(scheme, value)
        if not self._alone or http.method not in csrf.SAFE:
            exchange.http = http

    def by_browser(self, exchange: Exchange) -> bool:
        """Whether the credential of a request is one that a browser sends along whoever has made it call."""
        return exchange.presented is not None and exchange.presented.scheme is self._browser

    def look_at_request(self, exchange: Exchange) -> None:
        """Find out what Django's request itself says of who has sent it, where that is asked.

        Refuse what a page of somebody else has made the caller's browser send, at nobody's expense; and let a rule that
        is about the request prove who has sent it.

        Raises:
            CsrfFailed: see `csrf.require_token`. Refusal: see `Proven.prove`.
        """
        http, exchange.http = exchange.http, None
        if http is None:
            return
        leaf = exchange.leaf
        if leaf is not None and leaf.proven is not None:
            exchange.principal = leaf.proven.prove(http)
            csrf.release(http)
            return
        if not self.by_browser(exchange):
            return
        try:
            csrf.require_token(http)
        except CsrfFailed:
            if exchange.verdict is not None:
                self._give_back(exchange.plan.charges, exchange.verdict)
            raise

    def _no_other(self, meta: Mapping[str, Any]) -> bool:
        """Whether no header holds a credential of a foreign scheme beside Authorization."""
        return self.others.headers.isdisjoint(meta)

    def remembers(self, context: RequestContext) -> bool:
        """Whether `find` will need no SQL: there is no credential, or this worker has seen it."""
        header = context.meta.get("HTTP_AUTHORIZATION")
        if header is None:
            return "HTTP_X_API_KEY" not in context.meta
        return self.memory.recall(header, context.tenant)[1] is not None

    # -- after steps 2 and 3 ------------------------------------------------------------------------------------

    def go_on(self, exchange: Exchange, refusal: Refusal) -> None:
        """After steps 2 and 3 have refused, where that is only recorded: as nobody, within the limits of the address.

        Raises:
            Refusal: it is not only recorded.
        """
        if self.by_browser(exchange) and isinstance(refusal, InvalidCredential):
            self._as_visitor(exchange)
            return
        if not exchange.spares(refusal):
            raise refusal
        exchange.disown()
        if isinstance(refusal, Unavailable):
            return
        try:
            self.pass_gate(exchange)
        except Refusal as another:
            if not exchange.spares(another):
                raise
        except (OperationalError, InterfaceError):
            if not exchange.spares(Unavailable(reason="database")):
                raise

    def _as_visitor(self, exchange: Exchange) -> None:
        """Go on with a session that is over as with none: its browser cannot know, and must be able to log in again.

        Raises:
            Refusal: see `identify`, without that cookie.
        """
        if exchange.verdict is not None:
            self._give_back(exchange.plan.charges, exchange.verdict)
        http = exchange.http
        exchange.disown()
        exchange.plan, exchange.verdict = NOTHING, None
        try:
            if not self._alone:
                exchange.key, exchange.http = ASK, http
                self.verify(exchange)
            self.pass_gate(exchange)
        except Refusal as refusal:
            self.go_on(exchange, refusal)

    # -- step 4 ------------------------------------------------------------------------------------------------

    def decide(self, exchange: Exchange) -> None:
        """May this caller do this at all? What depends on the object is asked by the view, and must be.

        Raises:
            Undeclared: the view has no policy. Unauthenticated, Forbidden, InsufficientScope: the policy says no.
        """
        leaf = exchange.leaf
        refusal: Refusal
        if leaf is None or leaf.rule is None:
            if leaf is not None and (leaf.legacy or leaf.method == OTHER):
                return
            refusal = Undeclared()
        else:
            principal = exchange.principal
            hidden = self._seen_after_login(leaf, principal) if leaf.proof is not None else None
            if hidden is not None:
                refusal = hidden
            elif leaf.rule.admits(principal) is not False or self._left_to_view(leaf, principal is ANONYMOUS):
                return
            else:
                refusal = leaf.rule.refusal(principal)
        if not exchange.spares(refusal):
            raise refusal

    @staticmethod
    def _left_to_view(leaf: Leaf, anonymous: bool) -> bool:
        """Whether the view says no itself, because what may not be seen must be 404 before anything is 403."""
        return (
            leaf.guarded
            and not anonymous
            and leaf.visible is not None
            and leaf.visible.about_objects
            and leaf.detail
        )

    @staticmethod
    def _seen_after_login(leaf: Leaf, principal: Principal) -> StepUpRequired | None:
        """What to ask of a caller who can see nothing here before he logs in again.

        It is asked before any object is looked at, so it is the same for what is there, what is hidden and what is not:
        404 for all of them, or a list that is empty, would leave the caller to guess.
        """
        if leaf.proof is None or leaf.proof.admits(principal) is not False:
            return None
        refusal = leaf.proof.refusal(principal)
        return refusal if isinstance(refusal, StepUpRequired) else None

    # -- for others --------------------------------------------------------------------------------------------

    def challenges(self, realm: str) -> tuple[str, ...]:
        """The WWW-Authenticate challenges, ours with `realm`, foreign ones as they are worded; each once.

        Where nothing can be asked for, as of sessions, a 401 says so: it must carry one (RFC 9110 section 11.6.1).
        """
        ours = [f'{scheme.challenge()} realm="{realm}"' for scheme in self.schemes]
        theirs = [found for scheme in self.others.schemes if (found := scheme.challenge())]
        return tuple(dict.fromkeys([*ours, *theirs])) or (f'Session realm="{realm}"',)

    def forget(self) -> None:
        """Drop what this worker remembers."""
        self.memory.clear()
