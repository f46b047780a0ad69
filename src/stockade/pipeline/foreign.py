"""Steps 1 and 2 for authenticators that are not ours: asked at every request, and nothing of it is remembered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_plus

from django.conf import settings
from django.http import HttpRequest

from stockade.core.address import limit_key as address_key
from stockade.core.errors import (
    AmbiguousCredential,
    CredentialInQuery,
    CsrfFailed,
    Forbidden,
    InvalidCredential,
    Refusal,
)
from stockade.core.principal import ANONYMOUS
from stockade.edge import cors, csrf
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.find import QUERY_NAMES
from stockade.schemes import attempts
from stockade.schemes.attempts import Reservation
from stockade.schemes.foreign import Answer, ForeignScheme

ASK = (
    b"foreign"  # in place of a memory's key, which has 32 bytes: to be asked about, and not to be remembered
)

# Headers that browsers, proxies and clients send and that hold no credential. What is not among them may be one.
_ORDINARY = re.compile(
    r"HTTP_(?:HOST|USER_AGENT|REFERER|ORIGIN|CONNECTION|PRAGMA|CACHE_CONTROL|DNT|TE|VIA|RANGE|EXPECT|PRIORITY|FORWARDED|"
    r"COOKIE|DATE|KEEP_ALIVE|UPGRADE_INSECURE_REQUESTS|ACCEPT(?:_\w+)?|SEC_\w+|IF_\w+|X_FORWARDED_\w+|"
    r"X_REAL_IP|X_REQUEST_ID|X_REQUESTED_WITH|X_CSRFTOKEN|X_STOCKADE_CSRF|TRACEPARENT|TRACESTATE|CONTENT_\w+|"
    r"X_AMZN_\w+|CF_\w+|CDN_LOOP|TRUE_CLIENT_IP|X_SCHEME|"
    # What Chromium sends for any page without a preflight, or adds: client hints, <a ping>, attribution.
    r"DPR|WIDTH|VIEWPORT_WIDTH|DEVICE_MEMORY|RTT|DOWNLINK|ECT|SAVE_DATA|PING_FROM|PING_TO|PURPOSE|SERVICE_WORKER|"
    r"ATTRIBUTION_REPORTING_\w+|X_AMZ_CF_ID)\Z"
)
# By Authorization browsers send these along by themselves, as they do cookies, after they were asked for once.
_SENT_ALONG = frozenset({"basic", "digest", "negotiate", "ntlm"})
_MOST = 20_000
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Others:
    """The foreign schemes of an engine.

    Args:
        schemes: in the order of SCHEMES.
        keywords: of our own schemes.
    """

    def __init__(self, schemes: Iterable[ForeignScheme], keywords: Iterable[str]) -> None:
        self.schemes = tuple(schemes)
        self.keywords = frozenset(keywords).union(*(scheme.keywords for scheme in self.schemes))
        self.headers = frozenset(name for scheme in self.schemes for name in scheme.headers)
        words = "|".join(map(re.escape, self.keywords)) or "(?!)"
        self._second = re.compile(rf",\s*(?:{words})\s", re.IGNORECASE)
        self.cookies = frozenset(name for scheme in self.schemes for name in scheme.cookies)
        self._anywhere = any(scheme.anywhere for scheme in self.schemes)
        self.by_cookie = self._anywhere or any(scheme.session or scheme.cookies for scheme in self.schemes)
        self._parameters = self._anywhere or any(scheme.parameters for scheme in self.schemes)
        self._passwords = any(scheme.passwords for scheme in self.schemes)
        self._weak = frozenset(word for one in self.schemes if one.passwords for word in one.keywords)
        # Digests of headers that have held here: what was right is no guess, and costs the state no second call. That
        # is all that they are good for: the authenticator is asked as ever.
        self._held: dict[bytes, None] = {}

    def __bool__(self) -> bool:
        return bool(self.schemes)

    # -- step 1 ------------------------------------------------------------------------------------------------

    def known(self, header: str) -> bool:
        """Whether a value of Authorization begins with a keyword of ours or theirs."""
        return header.partition(" ")[0].lower() in self.keywords

    def shown(self, meta: Mapping[str, Any]) -> bool:
        """Whether a header holds an explicit credential for one of the schemes, ours among them.

        Raises:
            AmbiguousCredential: two do, or one holds two (RFC 6750 section 2).
            InvalidCredential: it holds what no credential has: a NUL would be an error to PostgreSQL.
        """
        found = [meta[name] for name in self.headers if name in meta]
        header = meta.get("HTTP_AUTHORIZATION")
        if header is not None and self.known(header):
            found.append(header)
        if len(found) > 1 or (header is not None and self._second.search(header)):
            raise AmbiguousCredential(reason="two_headers")
        if found and not (found[0].isascii() and found[0].isprintable()):
            raise InvalidCredential(reason="not_ascii")
        return bool(found)

    # -- step 2 ------------------------------------------------------------------------------------------------

    def ask(self, exchange: Exchange) -> Answer | None:
        """What the first of them that knows the request says of it; None if none does. May do I/O.

        The address passes its gate first if the request shows anything that can be guessed, as for our own dear steps.

        Raises:
            InvalidCredential: one of them refuses it, or a header holds one that nobody knows.
            CsrfFailed, Forbidden, BadRequest: what one of them refuses by. CredentialInQuery: it holds, but was read
            from the address. TooMany: this address has shown too many that did not hold.
        """
        http = exchange.http
        assert http is not None  # noqa: S101 - put there by whoever has found nothing of ours
        exchange.http = None  # each holds the other
        shown = self.shown(exchange.meta)
        # A cookie that the browser sends along must neither help nor harm an explicit credential.
        asked = [scheme for scheme in self.schemes if not (shown and scheme.session)]
        listed = exchange.leaf.authenticators if exchange.leaf is not None else None
        if listed is not None:  # a view that its own classes judge: what they do not read, they do not refuse
            asked = [scheme for scheme in asked if scheme.listed(listed)]
            shown = shown and any(_reads(scheme, exchange.meta) for scheme in asked)
            if not asked:
                return None
        query = exchange.meta.get("QUERY_STRING") or ""
        suspicious = self._parameters and any(_is_named_like_a_credential(one) for one in query.split("&"))
        mark = self._mark(exchange.meta) if shown else b""
        more = suspicious or self._carries(http, bool(mark))
        place = self._reserve(exchange) if more or (shown and mark not in self._held) else None
        try:
            answer = self._first(asked, http, shown, query if suspicious else "")
        except Refusal as refusal:
            if not _is_guess(refusal):
                self._give_back(place)
            else:
                self._held.pop(mark, None)
                if place is None:  # it was read from where we did not look, or holds no more
                    self._reserve(exchange)
            raise
        except BaseException:
            self._give_back(place)
            raise
        self._give_back(place)
        if mark and answer is not None and not more:
            self._has_held(mark, answer, exchange.meta)
        return answer

    def _has_held(self, mark: bytes, answer: Answer, meta: Mapping[str, Any]) -> None:
        """Remember a header's digest, if it was that header which has held: not one that was sent along."""
        credential = answer.principal.credential
        name = credential.scheme if credential is not None else ""
        if any(scheme.name == name and _reads(scheme, meta) for scheme in self.schemes):
            if len(self._held) >= _MOST:
                self._held.clear()
            self._held[mark] = None

    def _mark(self, meta: Mapping[str, Any]) -> bytes:
        """A digest of the explicit credential; none where it may be a password, which could be found by its digest."""
        header, word = str(meta.get("HTTP_AUTHORIZATION", "")), _word(meta)
        if word not in self.keywords or word in self._weak:
            return b""
        return sha256(header.encode()).digest()

    def _carries(self, http: HttpRequest, marked: bool) -> bool:
        """Whether a request shows anything else that one of them could take for a credential.

        Args:
            http: the request.
            marked: whether its Authorization is judged by its digest.

        Not the cookies of Django itself: nobody guesses at a session's key. A request without anything must not be
        counted, nor be refused because others at its address have guessed.
        """
        meta = http.META
        if "HTTP_COOKIE" in meta:
            if not self.cookies.isdisjoint(http.COOKIES):
                return True
            if self._anywhere and not http.COOKIES.keys() <= _own_cookies():
                return True
        if self._anywhere:
            odd = [name for name in meta if name.startswith("HTTP_") and not _ORDINARY.match(name)]
            if odd and not (marked and odd == ["HTTP_AUTHORIZATION"]):
                return True
        return (
            self._parameters
            and http.method not in ("GET", "HEAD")
            and str(meta.get("CONTENT_TYPE", "")).startswith(_FORMS)
        )

    def _first(
        self, asked: Iterable[ForeignScheme], http: HttpRequest, shown: bool, query: str
    ) -> Answer | None:
        why: InvalidCredential | None = None
        for scheme in asked:
            answer = _from_elsewhere(scheme, http, query) if query else scheme.ask(http)
            if isinstance(answer, Answer):
                word = _word(http.META)
                ambient = word in _SENT_ALONG and word in scheme.keywords
                ambient = ambient or (not shown and self._by_browser(scheme, http))
                if ambient and answer.principal is not ANONYMOUS:
                    csrf.require_no_stranger(http)
                return answer
            why = why or answer
        if why is None and shown:
            why = InvalidCredential(reason="unrecognised")
        if why is not None:
            raise why
        return None

    def _by_browser(self, scheme: ForeignScheme, http: HttpRequest) -> bool:
        """Whether what it took for a credential may be one that a browser sends whoever's page asks: a cookie, say."""
        if not http.COOKIES and _word(http.META) not in _SENT_ALONG:
            return False
        if scheme.session or not http.COOKIES.keys().isdisjoint(scheme.cookies):
            return True
        if not scheme.anywhere:
            return False
        # A header of the project's own: no page of a stranger sends that without a preflight. Browsers and proxies add
        # headers as well, so it counts where CORS lets the page send it.
        own = [name for name in http.META if name.startswith("HTTP_") and not _ORDINARY.match(name)]
        return not (own and cors.permits(http, own))

    def _reserve(self, exchange: Exchange) -> Reservation:
        address = exchange.context.address
        return attempts.reserve(
            [(attempts.FAILED_AUTH, address_key(address))], address, guess=self._passwords
        )

    @staticmethod
    def _give_back(place: Reservation | None) -> None:
        if place is not None:
            place.refund()


def _word(meta: Mapping[str, Any]) -> str:
    """The keyword of Authorization."""
    return str(meta.get("HTTP_AUTHORIZATION", "")).partition(" ")[0].lower()


def _reads(scheme: ForeignScheme, meta: Mapping[str, Any]) -> bool:
    """Whether a header holds an explicit credential for this one."""
    return _word(meta) in scheme.keywords or any(name in meta for name in scheme.headers)


def _from_elsewhere(
    scheme: ForeignScheme, http: HttpRequest, query: str
) -> Answer | InvalidCredential | None:
    """Its answer without what the query string may hold; with it, only to refuse what it would have accepted.

    Raises:
        CredentialInQuery: a credential that holds stands in the address, and so in logs and histories.
    """
    with _without_credentials(http, query):
        answer = scheme.ask(http)
    if answer is not None:
        return answer
    answer = scheme.ask(http)
    if isinstance(answer, Answer):
        raise CredentialInQuery()
    return answer


@contextmanager
def _without_credentials(http: HttpRequest, query: str) -> Iterator[None]:
    """Inside, the request has nothing in its query string that is named like a credential.

    The request itself, not a copy: of two that share a body, the second reads nothing.
    """
    meta, state = http.META, http.__dict__
    known = state.pop("GET", None)
    meta["QUERY_STRING"] = "&".join(one for one in query.split("&") if not _is_named_like_a_credential(one))
    try:
        yield
    finally:
        meta["QUERY_STRING"] = query
        state.pop("GET", None)
        if known is not None:
            state["GET"] = known


def _is_named_like_a_credential(field: str) -> bool:
    return unquote_plus(field.partition("=")[0]).lower() in QUERY_NAMES


def _own_cookies() -> set[str]:
    return {
        settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME, "messages",
    }  # fmt: skip


def _is_guess(refusal: Refusal) -> bool:
    """Whether it counts as a failure of its address: a credential that did not hold, whatever it was refused by."""
    if isinstance(refusal, CsrfFailed) or refusal.reason in attempts.HONEST:
        return False
    return isinstance(refusal, InvalidCredential | Forbidden)
