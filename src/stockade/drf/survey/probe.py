"""Asks a view what it would do for a caller, without a request from anywhere and without the database.

DRF's own schema generator asks views in the same way. Of what cannot be told so, `UNKNOWN`, nothing is claimed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import PermissionDenied
from django.db import connections
from django.db.models import IntegerField
from django.http import Http404, HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from stockade.drf.survey.stood import stood

if TYPE_CHECKING:
    from stockade.drf.survey.views import Handler


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
_ADDRESS = "203.0.113.1"  # of nobody (RFC 5737): what lets its own network in does not let this one in


class Touched(Exception):
    """The question would have needed the database, or looked at an object that is not there."""


class Untouchable:
    """An object of which nothing may be read: what is decided in spite of that, is decided whatever the object."""

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return object.__getattribute__(self, name)
        raise Touched(name)

    def __eq__(self, other: object) -> bool:
        raise Touched("==")

    def __bool__(self) -> bool:
        raise Touched("bool")

    __hash__ = None  # type: ignore[assignment]


@contextmanager
def nothing_asked() -> Iterator[None]:
    """Refuse every use of a database by this thread."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise Touched("the database")

    names = ("cursor", "chunked_cursor", "ensure_connection", "connect")
    kept = [
        (each, each.needs_rollback, {name: vars(each)[name] for name in names if name in vars(each)})
        for each in connections.all()
    ]
    try:
        for connection, _, _ in kept:
            for name in names:
                setattr(connection, name, refuse)
        yield
    finally:
        for connection, failed, had in kept:
            connection.needs_rollback = failed  # what failed here has written nothing
            for name in names:
                if name in had:
                    setattr(connection, name, had[name])
                else:
                    vars(connection).pop(name, None)


@contextmanager
def nothing_heard() -> Iterator[None]:
    """Keep what the project's code logs about odd requests to itself. It silences all threads of the process."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def anonymous() -> Any:
    """A caller who proved nothing."""
    from django.contrib.auth.models import AnonymousUser

    return AnonymousUser()


def ordinary() -> Any:
    """A signed-in user without any right of its own."""
    from django.contrib.auth import get_user_model

    model: Any = get_user_model()
    user = model()
    if user.pk is None and isinstance(model._meta.pk, IntegerField):
        user.pk = 2**31 - 1
    user.is_active = True
    return user


def view_of(handler: Handler, user: Any) -> Any:
    """The view of a DRF handler as DRF would make it for this method and caller.

    Raises:
        Exception: whatever its `__init__` raises.
    """
    http = HttpRequest()
    http.method = handler.method
    http.path = http.path_info = handler.route.path
    http.META = {
        "REMOTE_ADDR": _ADDRESS,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "QUERY_STRING": "",
    }
    http.user = user
    http.session = {}  # type: ignore[assignment]
    request = Request(http)
    request.user, request.auth = user, None
    view = handler.view.cls(**handler.initkwargs)
    view.request, view.args, view.format_kwarg = request, (), None
    view.kwargs = {name: "1" for name in handler.route.arguments if not name.isdigit()}
    view.headers = {}
    if handler.actions:
        view.action, view.action_map = handler.action, handler.actions
        for method, action in handler.actions.items():
            setattr(view, method, getattr(view, action, None))
    return view


def ask(question: Callable[[], Any], *, heard: bool = False) -> Any:
    """What it answers, or UNKNOWN.

    Args:
        heard: what is logged meanwhile goes where it always goes; for processes that serve. Two threads that silence
            the process, each until it is done, could leave it silent for good.
    """
    try:
        with nothing_asked(), nullcontext() if heard else nothing_heard():
            return question()
    except Exception:  # noqa: BLE001 - it is the project's code, about a request that it never expected
        return UNKNOWN


def permissions(handler: Handler, user: Any) -> Any:
    """The permissions that are asked, made; or UNKNOWN."""
    return ask(lambda: stood(view_of(handler, user).get_permissions()))


def admitted(handler: Handler, user: Any, *, to_object: bool = False) -> Any:
    """Whether a caller gets past the permission classes; UNKNOWN where that takes more than the caller himself.

    Args:
        to_object: also past what they say of an object, whatever the object.
    """

    def question() -> bool:
        view = view_of(handler, user)
        for permission in stood(view.get_permissions()):
            try:
                if not permission.has_permission(view.request, view):
                    return False
                if to_object and not permission.has_object_permission(view.request, view, Untouchable()):
                    return False
            except (APIException, PermissionDenied, Http404):
                return False
        return True

    return ask(question)


def one_admits(permission: Any, handler: Handler, user: Any) -> Any:
    """The same of one permission of several."""

    def question() -> bool:
        view = view_of(handler, user)
        try:
            return bool(permission.has_permission(view.request, view))
        except (APIException, PermissionDenied, Http404):
            return False

    return ask(question)
