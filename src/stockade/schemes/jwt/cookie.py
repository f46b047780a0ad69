"""A browser's refresh token: in a cookie that no script reads, bound to one that no other host can plant.

Both are Secure, HttpOnly and SameSite=Strict, and name no domain. The token's is `__Secure-` (RFC 6265bis section
4.1.3.1) and goes only to the views that need it, by its path. But a cookie with a path cannot be `__Host-`, and so a
sibling host could plant one of its own account beside it or in its place, for the whole domain: whoever opened the page
would then work in the attacker's account. So the token is made for a second, random cookie, which is `__Host-` (section
4.1.3.2): only this host can set that one. A token that was not made for it is not ours, however many there are.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, reverse

from stockade import truth
from stockade.conf import load
from stockade.core import clock
from stockade.core.errors import InvalidCredential
from stockade.schemes.conf import JWTSettings
from stockade.schemes.jwt import refresh
from stockade.schemes.jwt.compact import refuse
from stockade.schemes.jwt.lineage import Pair
from stockade.schemes.jwt.sessions import issue

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

# The views that the cookie is for; in a project's own URLs they have these names as well.
VIEWS = ("token_browser", "token_browser_refresh", "token_browser_revoke")
_SECURE, _HOST = "__Secure-", "__Host-"
_BINDING = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_SPACE = " \t"
_PAST = "Thu, 01 Jan 1970 00:00:00 GMT"


class Held(NamedTuple):
    """What a browser keeps: a refresh token that was made for it, and the binding that says so."""

    token: str
    binding: str

    def __repr__(self) -> str:
        return "Held(...)"


def enabled() -> bool:
    """Whether REFRESH_COOKIE turns it on."""
    return bool(load(JWTSettings).refresh_cookie)


def names() -> tuple[str, str]:
    """The names of the cookies: the token's and the binding's."""
    name = load(JWTSettings).refresh_cookie
    return name, f"{_HOST}{name.removeprefix(_SECURE)}-binding"


def new_binding() -> str:
    """A binding for one login, 128 bits at random."""
    return token_urlsafe(16)


def held(request: HttpRequest) -> Held | None:
    """The refresh token that this browser was given, found among all that it sends; None if it has none. No I/O.

    Raises:
        InvalidCredential: it sends some, but none that was made for it.
    """
    token_name, binding_name = names()
    header = request.META.get("HTTP_COOKIE", "")
    tokens, bindings = _named(header, token_name), _named(header, binding_name)
    if not tokens or not bindings:
        # A browser without the binding never logged in here, or has logged out: what it sends was planted.
        return None
    if len(bindings) > 1 or not _BINDING.fullmatch(bindings[0]):
        refuse("refresh_binding")
    return Held(_newest(tokens, bindings[0]), bindings[0])


def _named(header: str, name: str) -> list[str]:
    """Every value of a cookie. Django keeps the last of several; which one that is, whoever plants one decides."""
    # Only what a browser strips itself (RFC 6265bis section 5.6). Python takes more for space, NBSP too: before
    # a name it hides the prefix from the browser, which then lets a sibling host plant it.
    pairs = (part.partition("=") for part in header.split(";"))
    return [value.strip(_SPACE) for key, _, value in pairs if key.strip(_SPACE) == name]


def _newest(tokens: Iterable[str], binding: str) -> str:
    newest, generation, refusal = "", 0, None
    for token in tokens:
        try:
            shown = refresh.read(token, binding)
        except InvalidCredential as error:
            refusal = error
            continue
        if shown.generation > generation:
            newest, generation = token, shown.generation
    if not newest:
        raise refusal or InvalidCredential(reason="refresh_malformed")
    return newest


def put(request: HttpRequest, response: HttpResponseBase, pair: Pair, binding: str) -> None:
    """Have the browser keep a session's refresh token for as long as the session may be idle or lasts.

    Args:
        request: tells where the views are, see `path`.
        response: to the browser.
        pair: made with `binding`.
        binding: as `new_binding` made it at the login.
    """
    left = max(0, int(pair.until - clock.now()))
    _set(request, response, (pair.refresh, binding), max_age=left)


def clear(request: HttpRequest, response: HttpResponseBase) -> None:
    """Have the browser forget both cookies; a browser finds them by name, domain and path (RFC 6265 section 5.3)."""
    _set(request, response, ("", ""), max_age=0, expires=_PAST)


def _set(request: HttpRequest, response: HttpResponseBase, values: tuple[str, str], **age: Any) -> None:
    for name, value, where in zip(names(), values, (path(request), "/"), strict=True):
        # No setting weakens these: a cookie that scripts, other sites or plain HTTP can use is no place for a token.
        response.set_cookie(name, value, path=where, secure=True, httponly=True, samesite="Strict", **age)


def path(request: HttpRequest) -> str:
    """The path of the token's cookie: the folder that the browser views have in common, as this project has them.

    Raises:
        ImproperlyConfigured: the project's URLs do not have them.
    """
    match = request.resolver_match
    spaces = {f"{match.namespace}:" if match is not None and match.namespace else "", ""}
    for space in sorted(spaces, reverse=True):
        try:
            found = posixpath.commonpath([reverse(space + name) for name in VIEWS])
        except NoReverseMatch:
            continue
        return found if found == "/" else f"{found}/"
    raise ImproperlyConfigured(
        f"REFRESH_COOKIE is set, but no URL has the names {', '.join(VIEWS)}. Include stockade.drf.urls, or give your "
        "own URLs of these views these names."
    )


def end_former(request: HttpRequest) -> None:
    """End the session that this browser has, at a login that is about to replace its cookie.

    Nobody could refresh it or log out of it any more, and for days it would stand in the list of its user's sessions.

    Raises:
        Unavailable: the state is away, or the database stays busy.
    """
    try:
        found = held(request)
    except InvalidCredential:
        return  # none of ours
    if found is not None:
        session = refresh.read(found.token, found.binding).session
        truth.end_sessions(ids=[session], reason="replaced")


def open_session(
    request: HttpRequest,
    response: HttpResponseBase,
    user: AbstractBaseUser,
    claims: Mapping[str, Any] | None = None,
    *,
    scopes: Iterable[str] | None = None,
    client_id: str = "",
) -> Pair:
    """Open a session whose refresh token the browser keeps; for logins of your own, by a link or another provider.

    A session that the browser had ends.

    Args:
        request: of the user who has just proven who he is. Whether a page of your own has made it is for your view to
            know: `stockade.edge.csrf.require_own_page` for calls of a script, `state` for OAuth.
        response: the answer to it; gets the cookies.
        user, claims, scopes, client_id: as for `stockade.issue`.

    Returns:
        The pair. Never answer with its `refresh`. Its `access` need not be in the answer either: the page may refresh.

    Raises:
        ValueError, LoginFailed: as `stockade.issue`. Unavailable: as `end_former`.
        ImproperlyConfigured: REFRESH_COOKIE is not set, or no URL leads to the views.
    """
    if not enabled():
        raise ImproperlyConfigured(
            'Set STOCKADE["JWT"]["REFRESH_COOKIE"], for example to "__Secure-refresh-token".'
        )
    path(request)  # before there is a session that nobody could refresh
    binding = new_binding()
    pair = issue(user, request, claims, scopes=scopes, client_id=client_id, binding=binding)
    end_former(request)
    put(request, response, pair, binding)
    return pair
