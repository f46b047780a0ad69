"""DRF's exception handler: whatever a view raises becomes one shape of answer and one event."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions as drf
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback

from stockade.core import errors
from stockade.core.errors import Refusal
from stockade.drf import before
from stockade.drf.refused import Refused
from stockade.pipeline import registry as registries
from stockade.pipeline.record import record
from stockade.web import page
from stockade.web.problem import PROBLEM, body, headers
from stockade.web.translate import refusal_of


class Failed(Refusal):
    """What DRF refuses by a status of its own: 406, 415 and whatever a project's exceptions say."""

    def __init__(self, error: drf.APIException) -> None:
        self.status = error.status_code
        self.title = _title(error)
        super().__init__(_sentence(error), code=_code(error))


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """For EXCEPTION_HANDLER. Without a STOCKADE setting it is the one of before, or DRF's own.

    So it is with ERRORS = "drf" for what is not ours, and where nothing is refused.
    """
    registry = registries.current()
    refusal = translate(exc) if registry is not None else None
    if registry is None or refusal is None:
        return before.handler()(exc, context)  # type: ignore[no-any-return]
    request = context.get("request")
    exchange = getattr(getattr(request, "_request", None), "stockade", None)
    record(exchange, refusal)
    if registry.silent(getattr(getattr(request, "_request", None), "stockade_context", None)) or (
        registry.settings.errors == "drf" and _theirs(exc)
    ):
        return before.handler()(exc, context)  # type: ignore[no-any-return]
    set_rollback()
    response = Response(body(registry, refusal), status=refusal.status, headers=headers(registry, refusal))
    renderer = getattr(request, "accepted_renderer", None)
    if registry.settings.errors == "drf" or not (renderer is None or "json" in (renderer.media_type or "")):
        return response
    response.content_type = PROBLEM
    if request is not None and renderer is not None and page.is_wanted():
        # A renderer of its own: what looks at the response's data still finds them.
        request.accepted_renderer, request.accepted_media_type = PageRenderer(), PageRenderer.media_type
        response.content_type = page.HTML
    return response


class PageRenderer(BaseRenderer):
    """A refusal as a page."""

    media_type = "text/html"
    format = "page"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        """The page of a problem document."""
        return page.render(data)


def _theirs(exc: Exception) -> bool:
    """Whether DRF and a project's own handler know this exception."""
    return isinstance(exc, drf.APIException | Http404 | PermissionDenied) and not isinstance(exc, Refused)


def translate(exc: Exception) -> Refusal | None:
    """The refusal that an exception of Django's or DRF's means; None for a bug, which stays a 500."""
    if (refusal := refusal_of(exc)) is not None:
        return refusal
    if isinstance(exc, Refused):
        return exc.refusal
    if isinstance(exc, Http404 | drf.NotFound):
        return errors.NotVisible(reason="not_found")
    if isinstance(exc, PermissionDenied):
        return errors.Forbidden()
    if not isinstance(exc, drf.APIException):
        return None
    if isinstance(exc, drf.ValidationError):
        return errors.BadRequest("The input is not valid.", code="invalid", errors=_fields(exc.detail))
    if isinstance(exc, drf.NotAuthenticated):
        return errors.Unauthenticated()
    if isinstance(exc, drf.AuthenticationFailed):
        return errors.InvalidCredential(_sentence(exc), code=_code(exc))
    if isinstance(exc, drf.PermissionDenied):
        return errors.Forbidden(_sentence(exc), code=_code(exc))
    if isinstance(exc, drf.Throttled):
        return errors.TooMany(int(getattr(exc, "wait", None) or 1), "view")
    if isinstance(exc, drf.ParseError):
        return errors.BadRequest(_sentence(exc), code=_code(exc))
    return Failed(exc)


def _fields(detail: Any) -> Mapping[str, object]:
    """Field errors by name; those of the whole object under DRF's name for them."""
    if isinstance(detail, Mapping):
        return dict(detail)
    return {"non_field_errors": detail}


def _sentence(error: drf.APIException) -> str:
    return str(error.detail) if isinstance(error.detail, str) else str(error.default_detail)


def _title(error: drf.APIException) -> str:
    title = str(error.default_detail).rstrip(".") or "Error"
    if "{" not in title:
        return title
    # A sentence with a place for what was sent, which is the detail's.
    known = {status.value: status.phrase for status in HTTPStatus}
    return known.get(error.status_code, "Error")


def _code(error: drf.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else str(error.default_code)
