"""Puts this room between drf-spectacular's generator and its documents, for every AutoSchema that derives from its own.

Extensions of drf-spectacular speak of authenticators, views and serializers; none speaks of an operation's security by
its policy, or of responses. A hook of SPECTACULAR_SETTINGS would not know which view an operation is of, nor what the
project has said by `extend_schema`, whose schemas derive from AutoSchema and so keep the last word over these methods.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.settings import spectacular_settings

from stockade.core import tenant
from stockade.core.principal import ANONYMOUS, Kind, Principal
from stockade.drf.schema import authentication, by_caller, own
from stockade.drf.schema.judged import Judged, judged, remember
from stockade.drf.schema.refusals import describe, settle
from stockade.drf.schema.security import requirements
from stockade.drf.schema.shadows import as_before, plain_parsers, without_ours
from stockade.drf.visible import fields_for
from stockade.schemes.users import read_user

_CALLER = "stockade_caller"


def install() -> None:
    """Wrap what is asked for each view and operation; once more changes nothing."""
    for owner, wrappers in (
        (SchemaGenerator, (create_view, parse, has_view_permissions)),
        (AutoSchema, (get_operation, get_auth, map_parsers, _map_basic_serializer)),
    ):
        for wrapper in wrappers:
            _wrap(owner, wrapper)
    _ = authentication, own  # imported so that their extensions are registered


def _wrap(owner: type[Any], wrapper: Callable[..., Any]) -> None:
    stock = getattr(owner, wrapper.__name__)
    if getattr(stock, "stockade", False):
        return

    @functools.wraps(stock)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        return wrapper(functools.partial(stock, self), self, *args, **kwargs)

    wrapped.stockade = True  # type: ignore[attr-defined]
    setattr(owner, wrapper.__name__, wrapped)


def create_view(stock: Any, generator: Any, callback: Any, *args: Any, **kwargs: Any) -> Any:
    """The view, which knows what it was made of."""
    view = stock(callback, *args, **kwargs)
    remember(generator, callback, view)
    return view


def parse(stock: Any, generator: Any, input_request: Any, public: bool) -> Any:
    """The paths, with names for the shapes of refusals."""
    if not public and input_request is not None:
        vars(generator)[_CALLER] = _principal(input_request)
    with fields_for(vars(generator).get(_CALLER)):
        paths = stock(input_request, public)
    appended = spectacular_settings.APPEND_COMPONENTS or {}
    settle(generator.registry, paths, set(appended.get("schemas", {})))
    return paths


def has_view_permissions(stock: Any, generator: Any, path: str, method: str, view: Any) -> bool:
    """Whether a document for one caller (SERVE_PUBLIC = False) shows this: what the policy refuses it does not."""
    found = judged(view, method)
    principal: Principal | None = vars(generator).get(_CALLER)
    if found is None or principal is None:
        return bool(stock(path, method, view))
    rule = found.leaf.rule
    if found.shut or rule is None or rule.admits(principal) is False:
        return False
    with without_ours(view):
        return bool(stock(path, method, view))


def _principal(request: Any) -> Principal:
    """Who asks for the document: as the pipeline found, or where EXEMPT leaves its view alone as DRF did."""
    exchange = request._request.__dict__.get("stockade")
    if exchange is not None and exchange.principal.is_authenticated:
        return exchange.principal  # type: ignore[no-any-return]
    user, model = request.user, get_user_model()
    facts = read_user(model, user.pk) if isinstance(user, model) and user.is_authenticated else None
    if facts is None:
        return ANONYMOUS
    return Principal(
        Kind.USER,
        tenant.of(tenant.here(), user.pk),
        user=user,
        roles=facts.groups,
        superuser=bool(facts.is_superuser),
    )


def get_operation(stock: Any, auto_schema: Any, *args: Any, **kwargs: Any) -> Any:
    """The operation, and how it refuses."""
    operation = stock(*args, **kwargs)
    if operation:
        found = _judged(auto_schema)
        if found is not None:
            describe(auto_schema, found, operation)
    return operation


def get_auth(stock: Any, auto_schema: Any) -> Any:
    """What the policy asks for; where the view's own classes judge what they said before."""
    found = _judged(auto_schema)
    if found is not None:
        return requirements(auto_schema, found)
    with as_before(auto_schema.view):
        return stock()


def map_parsers(stock: Any, auto_schema: Any) -> Any:
    """The media types that a view takes."""
    with plain_parsers(auto_schema.view):
        return stock()


def _map_basic_serializer(stock: Any, auto_schema: Any, serializer: Any, direction: Any) -> Any:
    """The fields of a serializer, and for whom they are."""
    schema = stock(serializer, direction)
    if isinstance(schema, dict):
        by_caller.describe(serializer, schema)
        found = _judged(auto_schema)
        if by_caller.takes_no_other(serializer, enforced=found is not None and found.leaf.mode.input):
            schema.setdefault("additionalProperties", False)
    return schema


def _judged(auto_schema: Any) -> Judged | None:
    view = auto_schema.view
    try:
        return judged(view, auto_schema.method, auto_schema.path_regex)
    finally:
        # What compiles a viewset's policy asks DRF for its actions, which touches all that the class has: `schema` too,
        # and that forgets its view then.
        auto_schema.view = view
