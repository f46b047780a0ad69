"""The DRF request that a foreign authenticator is asked with, before the view has made its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, QueryDict
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request, is_form_media_type


class AskingRequest(Request):
    """A DRF request that parses no body but a form's, as Django does.

    OAuth toolkit and the check of CSRF tokens read `POST`. DRF would parse JSON to find out that there is no form in
    it, and answer 400 or 415 before it is known who is calling.
    """

    @property
    def POST(self) -> QueryDict:  # type: ignore[override]  # noqa: N802 - Django's name
        """The form that was sent, empty where none was or where the view takes none."""
        if is_form_media_type(self.content_type) and (not self.parsers or self._takes_forms()):
            form: QueryDict = self._request.POST
            return form
        return QueryDict()

    def _takes_forms(self) -> bool:
        return any(isinstance(parser, FormParser | MultiPartParser) for parser in self.parsers or ())


def asking_request(http: HttpRequest, authenticators: Sequence[Any]) -> Request:
    """The request as the authenticators expect it: with the view, where that is DRF's.

    Args:
        http: Django's request; its view is known.
        authenticators: that are to be asked.
    """
    context: dict[str, Any] = {"view": None, "args": (), "kwargs": {}}
    view = None
    parsers: list[Any] = []
    match = http.resolver_match
    if match is not None:
        context["args"], context["kwargs"] = match.args, match.kwargs
        cls: Any = getattr(match.func, "cls", None)
        if cls is not None and hasattr(cls, "parser_classes"):
            view = context["view"] = _view(cls, match, http)
            parsers = [parser() for parser in view.parser_classes]
    request = AskingRequest(http, parsers=parsers, authenticators=authenticators, parser_context=context)
    if view is not None:
        view.request = request
    return request


def _view(cls: Any, match: Any, http: HttpRequest) -> Any:
    """An instance of the view that is about to be called, as far as an authenticator may look at it."""
    initkwargs = getattr(match.func, "initkwargs", None) or {}
    view = cls(**initkwargs)
    view.args, view.kwargs, view.format_kwarg = match.args, match.kwargs, None
    actions = getattr(match.func, "actions", None)
    if actions:
        method = (http.method or "").lower()
        view.action_map = actions
        view.action = "metadata" if method == "options" else actions.get(method)
    return view
