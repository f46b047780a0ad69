"""Where a page of the project's own sends its visitors to log in, a policy's 401 does so too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponseBase

from stockade.core.errors import Refusal, Unauthenticated

_EVERYWHERE = "django.contrib.auth.middleware.LoginRequiredMiddleware"


def login_page(request: HttpRequest, view: Callable[..., Any], refusal: Refusal) -> HttpResponseBase | None:
    """The redirect that Django's `login_required`, `permission_required` or one of its mixins on `view` would give.

    None elsewhere, and where a credential was shown that does not hold: that one is told so.

    Args:
        view: as the URL resolver found it.
    """
    if type(refusal) is not Unauthenticated:
        return None
    asked = _asked(view)
    if asked is None:
        return None
    from django.contrib.auth.views import (
        redirect_to_login,
    )  # models, which are not there yet while we are imported
    from django.shortcuts import resolve_url

    url, field = asked
    target = resolve_url(url)
    # As Django's: on another host it must be told of ours.
    path = request.build_absolute_uri() if "//" in target else request.get_full_path()
    return redirect_to_login(path, target, field)


def _asked(view: Callable[..., Any]) -> tuple[str, str | None] | None:
    """The login page and the name of its parameter, where something on the view asks for a login."""
    from django.conf import settings
    from django.contrib.auth.mixins import AccessMixin

    cls = getattr(view, "view_class", None)
    if isinstance(cls, type) and issubclass(cls, AccessMixin):
        page: Any = cls(**getattr(view, "view_initkwargs", {}))
        return None if page.raise_exception else (page.get_login_url(), page.get_redirect_field_name())
    # The decorators leave both attributes for LoginRequiredMiddleware, from which DRF's views are exempt.
    everywhere = _EVERYWHERE in settings.MIDDLEWARE and getattr(view, "login_required", True)
    if not everywhere and not hasattr(view, "redirect_field_name"):
        return None
    field: str | None = getattr(view, "redirect_field_name", None) or REDIRECT_FIELD_NAME
    return str(getattr(view, "login_url", None) or settings.LOGIN_URL), field
