"""The policy `Signed`: a view that takes messages of one source, proven by their signatures."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from stockade.conf import load
from stockade.core.credential import Credential
from stockade.core.errors import ConfigurationError, NotVisible
from stockade.core.principal import Kind, Principal
from stockade.events import emit
from stockade.events.bus import state as events
from stockade.events.catalogue import Event
from stockade.policy.logic import FALSE, TRUE, Bits
from stockade.policy.proven import ATTRIBUTE, HEARS, UNHEARD, Proven
from stockade.webhooks import once
from stockade.webhooks.conf import WebhookSettings, source_named
from stockade.webhooks.message import Message
from stockade.webhooks.receiving import take

SCHEME = "webhook"


class Signed(Proven):
    """A message of this source that its signature proves, and that has not come before.

    The source is the caller then: a service of its name, by the scheme ``webhook``. The view finds the message in
    `request.webhook`. If the view answers with 2xx, the next copy is answered in its place; else the message may be
    sent again.

    Args:
        source: its name in WEBHOOKS.
        url: in place of it, the argument of the URL that names it: ``Signed(url="source")``.

    Raises:
        ConfigurationError: it names none, or both.
    """

    __slots__ = ("source", "url")

    def __init__(self, source: str = "", *, url: str = "") -> None:
        if bool(source) == bool(url):
            raise ConfigurationError(
                "stockade.E283",
                "Signed names no source.",
                'Write Signed("github"), or Signed(url="source") where the URL has a <slug:source>.',
            )
        self.source, self.url = source, url

        def test(principal: Principal) -> bool:
            credential = principal.credential
            if credential is None or principal.kind is not Kind.SERVICE or credential.scheme != SCHEME:
                return False
            return not source or principal.subject == source

        self._about_caller(test)

    def _conceivable(self) -> Bits:
        return TRUE | FALSE

    def __repr__(self) -> str:
        return f"Signed({self.source!r})" if self.source else f"Signed(url={self.url!r})"

    def describe(self) -> str:
        """A phrase."""
        return f"a message signed by {self.source or 'the source that the URL names'}"

    def judge(self, route: str) -> None:
        """Whether there is what it names.

        Args:
            route: of the view, as Django writes it.

        Raises:
            ConfigurationError: E282 no such source, E283 no such argument.
        """
        if self.source:
            source_named(self.source)
        elif f":{self.url}>" not in route and f"<{self.url}>" not in route:
            raise ConfigurationError(
                "stockade.E283",
                f"{self!r}: the URL has no argument {self.url!r}.",
                f"Write <slug:{self.url}> into its path.",
            )

    def prove(self, request: HttpRequest) -> Principal:
        """See `Proven`.

        Raises:
            Refusal: see `receiving.take` and `once.begin`. NotVisible: the URL names no source.
            ConfigurationError: E285, where DRF's classes alone serve a URL.
        """
        if UNHEARD in request.__dict__ and request.resolver_match is not None:
            raise without_middleware(repr(self))
        name = self.source
        if not name:
            match = request.resolver_match
            name = str(match.kwargs.get(self.url, "")) if match is not None else ""
            if name not in load(WebhookSettings).sources:
                raise NotVisible(reason="unknown_source")
        source = source_named(name)
        message = take(request, source)
        turn = once.begin(source, message)
        credential = Credential(SCHEME, message.label, name, client=name, issued=float(message.time or 0))
        principal = Principal(Kind.SERVICE, name, credential=credential)
        request.__dict__[ATTRIBUTE] = message
        request.__dict__[HEARS] = turn.answered
        if not events.quiet:
            emit(Event.AUTHN_SUCCESS, status=200, principal=principal, credential=credential)
        return principal


def without_middleware(what: str) -> ConfigurationError:
    """The error where nothing would hear how a message was answered, and so whether it was done."""
    return ConfigurationError(
        "stockade.E285",
        f"{what} needs the middleware: it hears whether a message was done.",
        'Write MIDDLEWARE = ["stockade.web.Middleware", *MIDDLEWARE].',
    )


def message_of(request: Any) -> Message:
    """The message of a request to a view with `Signed`; the same as `request.webhook`."""
    found: Message = getattr(request, "_request", request).__dict__[ATTRIBUTE]
    return found
