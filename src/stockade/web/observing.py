"""Without a STOCKADE setting: what Stockade would have refused is counted, and nothing else is done.

Whatever goes wrong here, the request goes on as if we were not there. No SQL: a user whom nobody has looked at is not
looked at, and no body is read.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, cast

from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import LazyObject, empty

from stockade import observe
from stockade.conf import on_change
from stockade.core import clock
from stockade.core.address import TrustedProxies, limit_key as address_key
from stockade.core.errors import (
    AmbiguousCredential,
    BadRequest,
    ConfigurationError,
    CredentialInQuery,
    InvalidCredential,
)
from stockade.observe.limits import Limits
from stockade.observe.shapes import FOREIGN, AnyScheme, has_expired, is_ours
from stockade.pipeline.conf import DEFAULT_LIMITS
from stockade.pipeline.declared import MARK, read
from stockade.pipeline.find import Finder
from stockade.pipeline.leaf import METHODS
from stockade.pipeline.views import name_of
from stockade.schemes.protocol import Scheme
from stockade.web.content_type import harmless

NO_VIEW = "(no view)"
_SEEN = "stockade_seen"  # on the request: what is known of its view
_MAX_VIEWS = 10_000
_ALL = frozenset(METHODS)
# Credential views, and what they answer to a wrong password.
_LOGINS = {
    "rest_framework_simplejwt.views.TokenObtainPairView": (401,),
    "rest_framework_simplejwt.views.TokenObtainSlidingView": (401,),
    "rest_framework.authtoken.views.ObtainAuthToken": (400,),
    "knox.views.LoginView": (400, 401),
    "dj_rest_auth.views.LoginView": (400,),
    "oauth2_provider.views.base.TokenView": (400, 401),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a view.

    Args:
        name: its dotted name.
        undeclared: the methods for which it declares no policy.
        limited: whether the named limits apply.
        failures: for a view that takes passwords, what it answers to a wrong one.
    """

    name: str
    undeclared: frozenset[str]
    limited: bool
    failures: tuple[int, ...]


_NOWHERE = Seen(NO_VIEW, frozenset(), True, ())


class Observer:
    """What one process knows of views and callers, and the limits that it counts against."""

    def __init__(self) -> None:
        # Only `looks_mine` and the keywords are asked for; nothing is verified.
        self._finder = Finder([cast(Scheme, AnyScheme())])
        self._ours = Finder([cast(Scheme, AnyScheme(is_ours))])
        self.limits = Limits(DEFAULT_LIMITS, observe.COUNTS)
        self._views: dict[Hashable, Seen] = {}

    # -- before the view ---------------------------------------------------------------------------------------------

    def before(self, request: HttpRequest, view: Callable[..., Any]) -> None:
        """Learn the view, and judge what can be judged before it runs."""
        seen = self._views.get(view)
        if seen is None:
            if len(self._views) >= _MAX_VIEWS:  # made anew for each request, by some generator
                self._views.clear()
            seen = self._views[view] = _learn(view)
        state = request.__dict__
        state[_SEEN] = seen
        method = request.method or ""
        meta = request.META
        if method in seen.undeclared:
            observe.note(seen.name, method, "policies", "undeclared")
        encoding = state.get("_encoding")
        if encoding is not None and not harmless(encoding):
            observe.note(seen.name, method, "input", "content_type")
        if "\0" in request.path_info:
            observe.note(seen.name, method, "input", "null_character")
        query = meta.get("QUERY_STRING")
        if query:
            try:
                self._finder.refuse_query(query)
            except BadRequest as refusal:
                observe.note(seen.name, method, "input", self._reason(query, refusal))
        header = meta.get("HTTP_AUTHORIZATION")
        if header is not None and ("," in header or "HTTP_X_API_KEY" in meta):
            try:
                self._finder.find(meta)
            except AmbiguousCredential as refusal:
                observe.note(seen.name, method, "policies", refusal.reason)
            except InvalidCredential:  # what the project makes of it is its own
                pass

    def _reason(self, query: str, refusal: BadRequest) -> str:
        """Why a query string would be refused; what only has the shape of others' credentials is told apart."""
        if not isinstance(refusal, CredentialInQuery):
            return refusal.reason
        try:
            self._ours.refuse_query(query)
        except CredentialInQuery:
            return refusal.reason
        return FOREIGN

    # -- after the answer --------------------------------------------------------------------------------------------

    def after(self, request: HttpRequest, response: HttpResponseBase) -> None:
        """Charge the default limits with this request."""
        seen: Seen | None = request.__dict__.get(_SEEN)
        status = response.status_code
        if seen is None:
            if status != 404 or request.resolver_match is not None:
                return  # a redirect, a static file: another middleware answered in the view's place
            seen = _NOWHERE
        meta = request.META
        if seen.limited:
            name, whom = self._caller(request, status)
            self.limits.charge(name, whom, seen.name, request.method or "")
        if status < 400:
            return
        if status == 401 and (shown := _credential(meta)) and not _has_expired(shown):
            self.limits.charge("failed_auth", _address(meta), seen.name, request.method or "")
        if status in seen.failures:
            self.limits.charge("login_address", _address(meta), seen.name, request.method or "")

    def _caller(self, request: HttpRequest, status: int) -> tuple[str, str]:
        """The limit that applies, and whom it counts: a user if one is known, else an address.

        A caller who showed a credential at which nobody looked is counted by that credential, as a user: to count him
        as a stranger would tell of refusals that there would not be.
        """
        state = request.__dict__
        user = _seen_user(state)
        if user is not None and user.is_authenticated:
            return "user", f"u:{user.pk}"
        meta = request.META
        shown = _credential(meta)
        if user is None:
            session = state.get("session")
            loaded = None if session is None else session.__dict__.get("_session_cache")
            if loaded:
                known = loaded.get("_auth_user_id")
                if known is not None:
                    return "user", f"u:{known}"
            elif not shown and "HTTP_COOKIE" in meta:
                shown = _session_cookie(request)
        if shown and status != 401:
            return "user", f"c:{_digest(shown)}"
        return "anon", _address(meta)

    def close(self) -> None:
        """Let go of the state."""
        self.limits.close()


def _learn(view: Any) -> Seen:
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    failures = next(
        (_LOGINS[name] for c in getattr(cls, "__mro__", ()) if (name := name_of(c)) in _LOGINS), ()
    )
    try:
        declared = read(view, {})
    except ConfigurationError:  # a throttle_scope, say, that is DRF's and not in LIMITS
        guarded = hasattr(view, MARK) or getattr(cls, "policy", None) is not None
        return Seen(name_of(cls or view), frozenset() if guarded else _ALL, True, failures)
    leaves = declared.leaves.values()
    return Seen(
        declared.name,
        frozenset(leaf.method for leaf in leaves if leaf.rule is None),
        all(leaf.limited for leaf in leaves),
        failures,
    )


def _seen_user(state: Mapping[str, Any]) -> Any:
    """The caller as far as somebody has looked already; None if nobody has."""
    user = state.get("user")
    if isinstance(user, LazyObject):
        user = user._wrapped  # noqa: SLF001 - without evaluating it
        if user is empty:
            user = None
    if user is None:
        user = state.get("_cached_user") or state.get("_acached_user")
    return user


_KEYWORDS = tuple(f"{keyword} " for keyword in AnyScheme.keywords)


def _credential(meta: Mapping[str, Any]) -> str:
    """The credential in the headers; "" for none, and for HTTP Basic, which a proxy may ask of everyone alike."""
    header = meta.get("HTTP_AUTHORIZATION")
    if header is not None and header[:10].lower().startswith(_KEYWORDS):
        return str(header)
    return str(meta.get("HTTP_X_API_KEY", ""))


def _has_expired(shown: str) -> bool:
    return has_expired(shown.rpartition(" ")[2], clock.now())


def _session_cookie(request: HttpRequest) -> str:
    from django.conf import settings

    return request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")


def _digest(shown: str) -> str:
    return blake2b(shown.encode("utf-8", "replace"), digest_size=9).hexdigest()


# Nobody has named the proxies yet. Those of this host or its network are taken for what they say; nothing is decided.
_PROXIES = TrustedProxies(
    ["unix", "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
)


def _address(meta: Mapping[str, Any]) -> str:
    if "HTTP_X_FORWARDED_FOR" in meta:
        return address_key(_PROXIES.client(meta))
    return address_key(meta.get("REMOTE_ADDR") or "")


# -- for the middleware ------------------------------------------------------------------------------------------------

_observer: Observer | None = None


def _current() -> Observer:
    global _observer
    if _observer is None:
        _observer = Observer()
    return _observer


def look(request: HttpRequest, view: Callable[..., Any]) -> None:
    """A request has found its view. Never raises."""
    try:  # noqa: SIM105 - at each request
        (_observer or _current()).before(request, view)
    except Exception:  # noqa: BLE001, S110 - nothing of ours may disturb a request that we only observe
        pass


def answered(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """A request has its answer, which is returned as it is. Never raises."""
    try:  # noqa: SIM105 - at each request
        (_observer or _current()).after(request, response)
    except Exception:  # noqa: BLE001, S110 - as above
        pass
    return response


@on_change
def _forget() -> None:
    global _observer
    found, _observer = _observer, None
    if found is not None:
        found.close()
