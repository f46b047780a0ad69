"""What becomes of a request over plain HTTP: ASVS 5.0, 4.1.2 lets only pages redirect.

A client that sends its token to http:// and is redirected never learns that everyone on the way has read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import DisallowedHost
from django.http import HttpResponsePermanentRedirect

from stockade.edge.conf import DEFAULT, TransportSettings
from stockade.edge.profiles import PLAIN_HTTP

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

REFUSE, REDIRECT, SERVE = "refuse", "redirect", "serve"


def chosen(settings: TransportSettings, django: Mapping[str, Any]) -> str:
    """What PLAIN_HTTP amounts to: itself, else what the profile says, else what SECURE_SSL_REDIRECT says."""
    if settings.plain_http != DEFAULT:
        return settings.plain_http
    profile = django.get("STOCKADE_PROFILE")
    if profile in PLAIN_HTTP:
        return PLAIN_HTTP[profile]
    return REDIRECT if django.get("SECURE_SSL_REDIRECT") else SERVE


@dataclass(frozen=True, slots=True)
class PlainHttp:
    """How a project takes plain HTTP.

    redirects: whether pages are sent to https://; everything else is refused.
    exempt: paths that are served all the same, SECURE_REDIRECT_EXEMPT.
    host: where pages are sent to; "" for the one that was asked for.
    """

    redirects: bool
    exempt: tuple[re.Pattern[str], ...] = ()
    host: str = ""

    def spares(self, path: str) -> bool:
        """Whether a path is served over plain HTTP as well, as SecurityMiddleware reads that setting."""
        return any(pattern.search(path.lstrip("/")) for pattern in self.exempt)

    def redirect(self, request: HttpRequest) -> HttpResponseBase | None:
        """The way to https:// for a page that a person opens; None where it cannot be one.

        Whoever sends a credential in a header is no browser that was told an address.
        """
        meta = request.META
        if (
            not self.redirects
            or request.method not in ("GET", "HEAD")
            or "HTTP_AUTHORIZATION" in meta
            or "HTTP_X_API_KEY" in meta
        ):
            return None
        try:
            host = self.host or request.get_host()
        except DisallowedHost:
            return None
        return HttpResponsePermanentRedirect(f"https://{host}{request.get_full_path()}")


def prepare(settings: TransportSettings, django: Mapping[str, Any]) -> PlainHttp | None:
    """How plain HTTP is taken; None where it is served."""
    word = chosen(settings, django)
    if word == SERVE:
        return None
    exempt: Iterable[str] = django.get("SECURE_REDIRECT_EXEMPT") or ()
    return PlainHttp(word == REDIRECT, tuple(map(re.compile, exempt)), django.get("SECURE_SSL_HOST") or "")
