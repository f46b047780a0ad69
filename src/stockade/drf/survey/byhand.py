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
_LOGINS = "django.contrib."  # login_required and its kin, and what the admin puts around its views
_HINTS = ("perm", "auth", "login", "user", "token", "secret", "credential", "staff", "api_key")
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
_LOOKUPS = {"filter", "exclude", "get", "aget", "get_object_or_404", "aget_object_or_404"}
_ADMITTING = {"is_authenticated", "is_anonymous", "redirect_to_login", "login_required"}


def may_ask(wrapper: FunctionType) -> bool:
    """Whether a decorator can be asking who calls; where that cannot be told, it may."""
    if written_in(wrapper).startswith(_LOGINS):
        return True
    if written_in(wrapper).startswith(_HARMLESS):
        return False
    node = source.tree(_bare(wrapper))
    if node is None:
        return True
    said = source.words(node)
    return bool(said & _CALLER) or any(hint in word.lower() for word in said for hint in _HINTS)


def written_in(function: FunctionType) -> str:
    """The module where a function was written: a wrapper says of itself what it wraps."""
    return str(function.__globals__.get("__name__", ""))


def _method_decorated(wrapper: FunctionType) -> list[FunctionType] | None:
    """The decorators that `method_decorator` puts around a method; None of any other wrapper."""
    if written_in(wrapper) != "django.utils.decorators":
        return None
    cell = cells(wrapper).get("decorators")
    if cell is None:
        return None
    found = [getattr(each, "__func__", each) for each in cell.cell_contents]
    return [each for each in found if isinstance(each, FunctionType)]


def cells(function: FunctionType) -> dict[str, Any]:
    """What a function has closed over, by name."""
    return dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))


def _bare(function: FunctionType) -> FunctionType:
    """A wrapper without the mark that leads on to what it wraps."""
    return FunctionType(
        function.__code__, function.__globals__, function.__name__, None, function.__closure__
    )


def around(handler: Handler) -> list[FunctionType]:
    """The decorators around a view, and around the method that answers."""
    found = [*source.wrappers(handler.route.callback)]
    if handler.view.cls is not None:
        found += [
            *source.wrappers(getattr(handler.view.cls, "dispatch", None)),
            *source.wrappers(handler.function),
        ]
    return [each for each in found if ".as_view.<locals>" not in each.__code__.co_qualname]


def applied(handler: Handler) -> list[FunctionType]:
    """The same, with the decorators inside of `method_decorator` in its place."""
    found: list[FunctionType] = []
    for each in around(handler):
        found += [each] if (inner := _method_decorated(each)) is None else inner
    return found


def decorated(handler: Handler) -> bool:
    """Whether a decorator around the view or around its method may ask who calls."""
    return any(may_ask(each) for each in applied(handler))


def asks_inside(handler: Handler) -> bool:
    """Whether the code itself refuses callers: it tests the user, compares a secret, or answers 401 or 403."""
    for function, node in handler.code:
        if source.own_function(function) is None:
            continue
        for each in ast.walk(node):
            if isinstance(each, ast.Call) and (_looks_up_callers(each) or _asks_elsewhere(each, function)):
                return True
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


def _looks_up_callers(call: ast.Call) -> bool:
    """Whether a query is narrowed by the user: who is none finds nothing."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return name in _LOOKUPS and any({"user", "request"} <= source.words(each) for each in given)


def _asks_elsewhere(call: ast.Call, function: FunctionType) -> bool:
    """Whether a function of the project that is given the request refuses callers, or may do so."""
    if not isinstance(call.func, ast.Name) or "request" not in {
        getattr(each, "id", "") for each in call.args
    }:
        return False
    target = source.own_function(function.__globals__.get(call.func.id))
    node = source.tree(target) if target is not None else None
    return node is not None and bool(source.words(node) & (_TESTED | _DECIDES))


def _number(node: ast.AST) -> Any:
    return node.value if isinstance(node, ast.Constant) else None


def asked_before() -> bool:
    """Whether a middleware of the project may turn away who is not signed in: nothing is sure to be open then."""
    from django.conf import settings
    from django.utils.module_loading import import_string

    for name in settings.MIDDLEWARE:
        if name.startswith((*source.KNOWN, "stockade.", "allauth.", "corsheaders.", "django_tenants.")):
            continue
        try:
            made = import_string(name)
        except ImportError:
            continue
        methods = vars(made).values() if isinstance(made, type) else [made]
        trees = [source.tree(each) for each in methods]
        if any(node is not None and source.words(node) & _ADMITTING for node in trees):
            return True
    return False


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
            if source.overridden(cls, name) and body_asks(cls, name):
                return True
    return decorated(handler) or asks_inside(handler)


def body_asks(cls: type[Any], name: str) -> bool:
    """Whether a method that is not Django's or DRF's knows who calls."""
    return any(
        source.words(node) & _CALLER
        for function, node in source.reached(cls, getattr(cls, name, None))
        if not function.__module__.startswith(source.KNOWN)
    )


def passes_over(cls: type[Any], start: str, asked: str) -> bool:
    """Whether what the project has put in the place of a method of DRF's never comes to another, and asks nobody.

    ``initial`` without ``super().initial()`` leaves the permission classes unasked, whatever they are.

    Args:
        start: the method that DRF begins with.
        asked: the one that it would come to, which asks.
    """
    own: list[Any] = []
    for function, node in source.reached(cls, getattr(cls, start, None)):
        if function.__module__.startswith(source.KNOWN):
            if function.__name__ == asked:
                return False
        elif source.own_function(function) is None:
            return False  # another package's: it may ask
        else:
            own.append(node)
    said = {word for node in own for word in source.words(node)}
    return bool(own) and not (
        said & (_CALLER | {asked})
        or any(hint in word.lower() for word in said for hint in _HINTS)
        or any(_may_refuse(each) for node in own for each in ast.walk(node))
    )


def _may_refuse(node: ast.AST) -> bool:
    """Whether it refuses, or hands the request to something that may: a function, or a base's own method."""
    if isinstance(node, ast.Raise):
        return True
    given = {getattr(each, "id", "") for each in node.args} if isinstance(node, ast.Call) else set()
    on_self = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and "self" not in given
    return "request" in given and not on_self


def judges_the_url(handler: Handler) -> bool:
    """Whether a decorator of the project's own may judge what the URL names: it sees the arguments and the caller."""
    return any(_sees_both(each) for each in applied(handler))


def _sees_both(wrapper: FunctionType) -> bool:
    if written_in(wrapper).startswith((*_HARMLESS, "django.")):
        return False
    node = source.tree(_bare(wrapper))
    if node is None:
        return True
    taken: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, source.FunctionNode):
            taken |= {argument.arg for argument in each.args.args[1:]} - {"args", "kwargs", "request", "self"}
            kwargs = each.args.kwarg
            if kwargs is not None and any(_reads(part, kwargs.arg) for part in ast.walk(each)):
                taken.add(kwargs.arg)
    return bool(taken) and bool(source.words(node) & {"user", "auser"})


def _reads(node: ast.AST, name: str) -> bool:
    """Whether it looks into a dict, and does not just hand it on."""
    return (
        isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == name
    ) or (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name)
