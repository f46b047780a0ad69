"""Login checks in code: what a decorator, a mixin or a function's own lines ask of the caller."""

from __future__ import annotations

import ast
from types import FunctionType
from typing import Any

from stockade.drf.survey import source
from stockade.drf.survey.views import Handler

_HARMLESS = (
    "django.views.decorators.", "django.utils.decorators", "django.db.transaction", "contextlib", "functools",
    "asgiref.", "drf_spectacular.", "drf_yasg.", "django.test.",
)  # fmt: skip
# A function of which none of this is said cannot know who calls.
_CALLER = {
    "user", "auser", "auth", "headers", "META", "session", "COOKIES", "authenticate", "check_password",
    "compare_digest",
    "constant_time_compare", "has_perm", "has_perms", "PermissionDenied", "HttpResponseForbidden", "NotAuthenticated",
    "AuthenticationFailed", "signature", "hmac", "signing", "unsign", "get_signed_cookie", "permission",
}  # fmt: skip
_TESTED = {
    "is_authenticated",
    "is_anonymous",
    "is_staff",
    "is_superuser",
    "has_perm",
    "has_perms",
    "is_active",
}
_DECIDES = {
    "compare_digest", "constant_time_compare", "PermissionDenied", "HttpResponseForbidden", "NotAuthenticated",
    "AuthenticationFailed", "authenticate", "check_password", "unsign", "get_signed_cookie", "construct_event",
    "HTTP_401_UNAUTHORIZED", "HTTP_403_FORBIDDEN",
}  # fmt: skip
_REFUSALS = {401, 403}


def wrapper_may_ask(wrapper: Any) -> bool:
    """Whether a decorator can be asking who calls; where that cannot be told, it may."""
    module = str(getattr(wrapper, "__globals__", {}).get("__name__", ""))
    if module.startswith(_HARMLESS):
        return False
    node = source.tree(_bare(wrapper))
    return node is None or bool(source.words(node) & _CALLER)


def _bare(function: FunctionType) -> FunctionType:
    """A wrapper without the mark that leads on to what it wraps."""
    return FunctionType(
        function.__code__, function.__globals__, function.__name__, None, function.__closure__
    )


def decorated(handler: Handler) -> bool:
    """Whether a decorator around the view or around its method may ask who calls."""
    around = [*source.wrappers(handler.route.callback)]
    cls = handler.view.cls
    if cls is not None:
        around += [*source.wrappers(getattr(cls, "dispatch", None)), *source.wrappers(handler.function)]
        around = [each for each in around if not _is_as_view(each)]
    return any(wrapper_may_ask(each) for each in around)


def _is_as_view(function: Any) -> bool:
    return ".as_view.<locals>" in getattr(function, "__qualname__", "")


def asks_inside(handler: Handler) -> bool:
    """Whether the code itself refuses callers: it tests the user, compares a secret, or answers 401 or 403."""
    for function, node in handler.code:
        if source.own_function(function) is None:
            continue
        for each in ast.walk(node):
            if isinstance(each, ast.If | ast.IfExp | ast.While | ast.Assert | ast.BoolOp | ast.Compare) and (
                source.words(each.test if hasattr(each, "test") else each) & _TESTED
            ):
                return True
            name = each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "")
            if name in _DECIDES:
                return True
            if isinstance(each, ast.keyword) and each.arg == "status" and _number(each.value) in _REFUSALS:
                return True
    return False


def _number(node: ast.AST) -> Any:
    return node.value if isinstance(node, ast.Constant) else None


def plain_view_asks(handler: Handler) -> bool:
    """Whether a plain Django view asks anything of its caller, or may be asking."""
    from django.conf import settings
    from django.contrib.auth.mixins import AccessMixin

    if "django.contrib.auth.middleware.LoginRequiredMiddleware" in settings.MIDDLEWARE and getattr(
        handler.route.callback, "login_required", True
    ):
        return True
    cls = handler.view.cls
    if cls is not None and issubclass(cls, AccessMixin):
        return True
    if cls is not None:
        for name in ("dispatch", "setup"):
            method = getattr(cls, name, None)
            if source.overridden(cls, name) and _body_asks(cls, method):
                return True
    return decorated(handler) or asks_inside(handler)


def _body_asks(cls: type[Any], method: Any) -> bool:
    return any(
        source.words(node) & _CALLER
        for function, node in source.reached(cls, method)
        if source.own_function(function) is not None
    )


# --- which methods a plain view answers ----------------------------------------------------------------------------


def answers(handler: Handler) -> bool:
    """Whether a plain view answers a method: a class by having it, a function unless `require_*` forbids it."""
    if handler.view.cls is not None:
        return True
    allowed = restricted(handler)
    return allowed is None or handler.method in allowed


def restricted(handler: Handler) -> set[str] | None:
    """The methods that `require_http_methods` and its kin leave; None where there is none."""
    found: set[str] | None = None
    for wrapper in source.wrappers(handler.route.callback):
        if wrapper.__globals__.get("__name__") != "django.views.decorators.http":
            continue
        cells = dict(zip(wrapper.__code__.co_freevars, wrapper.__closure__ or (), strict=False))
        cell = cells.get("request_method_list")
        if cell is not None:
            methods = {str(method).upper() for method in cell.cell_contents}
            found = methods if found is None else found & methods
    return found


def writes(handler: Handler) -> bool:
    """Whether a plain view means to take an unsafe method: it says so, or reads what only those send."""
    if handler.safe or not answers(handler):
        return False
    if handler.view.cls is not None:
        return True
    if restricted(handler) is not None:
        return True
    node = source.tree(handler.route.callback)
    if node is None:
        return False
    said = source.words(node)
    if {"POST", "FILES", "body"} & said:
        return handler.method == "POST" or handler.method in source.literals(node)
    return handler.method in source.literals(node)


def judges_the_url(handler: Handler) -> bool:
    """Whether a decorator of the project's own may judge what the URL names: it sees the arguments and the caller."""
    around = [*source.wrappers(handler.route.callback)]
    if handler.view.cls is not None:
        around += [
            *source.wrappers(getattr(handler.view.cls, "dispatch", None)),
            *source.wrappers(handler.function),
        ]
        around = [each for each in around if not _is_as_view(each)]
    return any(_sees_both(each) for each in around)


def _sees_both(wrapper: Any) -> bool:
    module = str(getattr(wrapper, "__globals__", {}).get("__name__", ""))
    if module.startswith((*_HARMLESS, "django.")):
        return False
    node = source.tree(_bare(wrapper))
    if node is None:
        return True
    taken = {argument.arg for argument in node.args.args[1:]} - {"args", "kwargs", "request", "self"}
    said = source.words(node)
    if node.args.kwarg is not None and any(_reads(each, node.args.kwarg.arg) for each in ast.walk(node)):
        taken.add(node.args.kwarg.arg)
    return bool(taken) and bool(said & {"user", "auser"})


def _reads(node: ast.AST, name: str) -> bool:
    """Whether it looks into a dict, and does not just hand it on."""
    return (
        isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == name
    ) or (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name)
