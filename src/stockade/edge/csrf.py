"""Was this request made by a page that may use our cookies? A header that no form can send, Origin, fetch metadata.

OWASP's cheat sheet on cross-site request forgery names a custom header, which a page of another origin may send only
after a CORS preflight, and the verification of Origin; W3C's Fetch Metadata adds Sec-Fetch-Site, in which the browser
itself says how far away the sender is. No script can write the last two. Together they need neither a token nor a
second request, and unlike a double submitted cookie a host beside ours cannot plant what they ask for. SameSite alone
would not do: ports, and other hosts of the same site, are "same site" (RFC 6265bis section 5.2), and browsers that know
nothing of it send the cookie with everything.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.http import is_same_domain

from stockade.core.errors import CsrfFailed

if TYPE_CHECKING:
    from django.http import HttpRequest

HEADER = "X-Stockade-CSRF"
_VALUE = "1"
SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}  # RFC 9110 section 9.2.1
_STRANGER = "Pages of another origin may not use the cookie. If they should, list their origin in CSRF_TRUSTED_ORIGINS."
_TOKENLESS = "Send the CSRF token in the header X-CSRFToken: that of the cookie, or as the page was given it."
# What is refused whether or not the view would refuse it: see `require_no_stranger`.
REASONS = frozenset({"csrf_site", "csrf_origin"})


def release(request: HttpRequest) -> None:
    """Have Django's own protection let a request pass that no browser can have sent: its content proves its sender."""
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # noqa: SLF001 - what Django reads


def require_own_page(request: HttpRequest) -> None:
    """Let pass what a page of this origin sent by script, or one of CSRF_TRUSTED_ORIGINS of the same site.

    Raises:
        CsrfFailed: anything else, and what does not say where it comes from. Every browser of today says it.
    """
    if request.headers.get(HEADER) != _VALUE:
        raise CsrfFailed(f"Send the header {HEADER}: {_VALUE}.", reason="csrf_header")
    origin = request.headers.get("Origin", "")
    if not origin:
        raise CsrfFailed("Send the Origin header, as browsers do.", reason="csrf_no_origin")
    listed = _is_trusted(origin)
    if not listed and origin != _own(request):
        raise CsrfFailed(
            "Pages of this origin may not use the cookie. If they should, list it in CSRF_TRUSTED_ORIGINS.",
            reason="csrf_origin",
        )
    # Browsers leave it out where the address is neither TLS nor this machine (Fetch Metadata, section 3).
    site = request.headers.get("Sec-Fetch-Site", "")
    if site in {"", "same-origin"} or (site == "same-site" and listed):
        return
    # `none` is a person's own doing, in the address bar, and never a POST. A page of another site is not sent
    # SameSite=Strict cookies and cannot have any stored, so trusting it would promise what cannot work.
    raise CsrfFailed(
        "Pages of another site cannot use the cookie. Serve yours from the site of the API.",
        reason="csrf_site",
    )


def refuse_pages_of_others(request: HttpRequest) -> None:
    """Let pass what no browser has sent, what a page of ours has, and what one of a named origin has.

    For bodies that need no preflight, at views that look at no cookie. An origin of CORS_ALLOWED_ORIGINS may send JSON
    to the same view, so a form of it is nothing more.

    Raises:
        CsrfFailed: a page of any other origin has sent it, or one that hides its origin.
    """
    origin = request.headers.get("Origin", "")
    if is_own_page(request) or (not origin and not request.headers.get("Sec-Fetch-Site")):
        return
    if origin and (_is_trusted(origin) or origin in getattr(settings, "CORS_ALLOWED_ORIGINS", ())):
        return
    raise CsrfFailed(
        "Pages of this origin may not send forms here. If they should, list it in CSRF_TRUSTED_ORIGINS.",
        reason="csrf_origin",
    )


def is_own_page(request: HttpRequest) -> bool:
    """Whether the browser says that a page of our own origin has made this request."""
    site = request.headers.get("Sec-Fetch-Site", "")
    # Only the browser writes either. Where a proxy hides HTTPS from us, our origin looks like another one to us.
    return site == "same-origin" or (not site and request.headers.get("Origin", "") == _own(request))


def require_no_stranger(request: HttpRequest) -> None:
    """Refuse what a page of another origin has a browser send along with a cookie, by its own word.

    For cookies of other packages, whose clients send no header of ours. A page of CSRF_TRUSTED_ORIGINS passes, of
    another site as well: whether the cookie goes there is for the one to say who sets it. What names neither an origin
    nor a site comes from no browser of today.

    Raises:
        CsrfFailed: the method is unsafe, and the page is none of ours.
    """
    if request.method in SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site", "")
    if site == "same-origin":  # which counts also where a proxy keeps the scheme or the host from us
        return
    origin = request.headers.get("Origin", "")
    if origin and _is_trusted(origin):
        return
    if site not in {"", "none"}:
        raise CsrfFailed(_STRANGER, reason="csrf_site")
    if origin and origin != _own(request):
        raise CsrfFailed(_STRANGER, reason="csrf_origin")


class _Token(CsrfViewMiddleware):
    """Django's own check, which says why instead of answering."""

    def _reject(self, request: HttpRequest, reason: str) -> str:
        return reason

    def _check_token(self, request: Any) -> None:
        if request.method == "POST" and settings.CSRF_HEADER_NAME in request.META:
            # As for other methods: the token stands in the header, and no body is read for another.
            session = getattr(request, "session", None)
            request = SimpleNamespace(
                method="PUT", META=request.META, COOKIES=request.COOKIES, session=session
            )
        super()._check_token(request)  # type: ignore[misc]


def require_token(request: HttpRequest) -> None:
    """Let an unsafe method pass by a session's cookie only with Django's token, and from no page of a stranger.

    The token as Django's forms and scripts send it (``csrfmiddlewaretoken``, ``X-CSRFToken``), with its own checks of
    Origin and Referer; and the browser's own word besides, for a host beside ours can plant the cookie that the token
    is compared with. Where a token stands in the header no body is read.

    Raises:
        CsrfFailed: it is missing or another, or the page is none of ours.
    """
    if request.method in SAFE:
        return
    require_no_stranger(request)
    check = _Token(_no_response)
    check.process_request(request)
    if check.process_view(request, _no_response, (), {}) is not None:
        raise CsrfFailed(_TOKENLESS, reason="csrf_token")


def _no_response(request: HttpRequest) -> Any:
    """Django's middleware wants something that answers; nobody asks it."""


def _own(request: HttpRequest) -> str:
    try:
        host = request.get_host().lower()
    except DisallowedHost:
        return ""
    # Some proxies write a port that browsers leave out (RFC 6454 section 6.1).
    default = ":443" if request.scheme == "https" else ":80"
    return f"{request.scheme}://{host.removesuffix(default)}"


def _is_trusted(origin: str) -> bool:
    """Whether CSRF_TRUSTED_ORIGINS names it, itself or by ``https://*.example.com``, as for Django's own check."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    for trusted in settings.CSRF_TRUSTED_ORIGINS:
        if "*" not in trusted:
            if origin == trusted:
                return True
        elif origin == f"{parts.scheme}://{parts.netloc}":  # nothing behind the host
            pattern = urlsplit(trusted)
            if parts.scheme == pattern.scheme and is_same_domain(parts.netloc, pattern.netloc.lstrip("*")):
                return True
    return False
