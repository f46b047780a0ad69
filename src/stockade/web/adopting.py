"""Who is calling, as Django and DRF are told of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from stockade.core.principal import Principal
from stockade.pipeline.leaf import Leaf
from stockade.pipeline.memory import Entry
from stockade.schemes.deferral import load, trust_of
from stockade.schemes.foreign import Given
from stockade.schemes.users import renewed


async def _answer(user: Any) -> Any:
    """The caller as Django's own `auser` gives it: a row that is there, for no field can be loaded in an event loop."""
    trust = trust_of(user)
    if trust is not None and trust.unread:
        await sync_to_async(load)(user)
    return user


def _takes(leaf: Leaf, principal: Principal, entry: Entry | None) -> bool:
    """Whether a view that its own classes judge takes this caller: one that we know, by a scheme that it lists."""
    if not principal.is_authenticated:
        return False
    if leaf.authenticators is None or entry is None:
        return True
    return entry.given is not None and type(entry.given.authenticator) in leaf.authenticators


def adopt(request: HttpRequest, principal: Principal, entry: Entry | None, leaf: Leaf | None = None) -> None:
    """Make `principal` the caller for Django and, whatever its views' authentication_classes say, for DRF.

    DRF reads `_force_auth_user` from the HttpRequest before it looks at any authenticator of its own.
    """
    if leaf is not None and leaf.open and not _takes(leaf, principal, entry):
        return  # the view's own authenticators find out
    # A worker keeps the principal, so each request gets an instance of its own to read and to change.
    known: Any = None
    foreign: Given | None = None
    if entry is not None:
        foreign = entry.given
        known = entry.make_user(entry.user_of)
    elif principal.user is not None and principal.is_authenticated:  # put there by a test
        known = renewed(principal.user)
    user: Any = AnonymousUser() if known is None else known  # a service is no user
    state = request.__dict__
    if principal.is_authenticated:
        # Django's site-wide cache answers before any view is known: what a token opened would stay open after it ended.
        state["_cache_update_cache"] = False
    state["user"] = state["_cached_user"] = user
    state["auser"] = partial(_answer, user)
    # Of a foreign scheme its own objects: code relies on their types.
    credential: Any = principal.credential if foreign is None else foreign.auth
    if credential is None:
        credential = state.get("_force_auth_token")  # of DRF's force_authenticate(user, token)
    state["auth"] = credential
    if leaf is None or leaf.forces:
        state["_force_auth_user"] = user if foreign is None else foreign.user
        state["_force_auth_token"] = credential
