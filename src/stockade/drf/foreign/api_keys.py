"""A permission of drf-api-key as a scheme: its key makes a service principal."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest
from rest_framework.permissions import BasePermission

from stockade.core.credential import Credential
from stockade.core.principal import Kind, Principal
from stockade.database import write_database
from stockade.drf.foreign.refusals import ForeignFailed, refusal_of
from stockade.drf.foreign.requests import asking_request
from stockade.schemes.foreign import Answer, Given

_MODULE = "rest_framework_api_key.permissions"


def is_key_permission(cls: Any) -> bool:
    """Whether a class is a `BaseHasAPIKey`: a permission that finds a key in a request and a model that knows keys."""
    if not isinstance(cls, type) or not issubclass(cls, BasePermission):
        return False
    keys = getattr(getattr(cls, "model", None), "objects", None)
    return callable(getattr(cls, "get_key", None)) and callable(getattr(keys, "get_from_key", None))


class APIKeyScheme:
    """Implements `stockade.schemes.foreign.ForeignScheme`.

    Args:
        permission: the class of a `BaseHasAPIKey`.
        name: in events and limits.
    """

    cookies: tuple[str, ...] = ()
    parameters = False
    session = False
    passwords = False

    def __init__(self, permission: Any, name: str) -> None:
        self.name = name
        self._cls = permission
        parser = permission().key_parser
        # A permission that asks more than whether the key is good is asked as well.
        self._more = permission.has_permission.__module__ != _MODULE
        self.anywhere = {permission.get_key.__module__, type(parser).__module__} != {_MODULE}
        header = getattr(settings, "API_KEY_CUSTOM_HEADER", None)
        self._keyword = str(getattr(parser, "keyword", "Api-Key"))
        self.keywords: tuple[str, ...] = () if header else (self._keyword.lower(),)
        self.headers: tuple[str, ...] = (str(header),) if header else ()

    def ask(self, request: HttpRequest) -> Answer | None:
        """Find the key's row, not revoked and not expired.

        Raises:
            InvalidCredential: it is unknown, revoked or expired.
        """
        try:
            with write_database():
                return self._ask(request)
        except Exception as error:
            refusal = refusal_of(error, self.name)
            if refusal is None:
                raise
            raise refusal from None

    def _ask(self, request: HttpRequest) -> Answer | None:
        permission = self._cls()
        key = permission.get_key(request)
        if not key:
            return None
        model = permission.model
        try:
            row = model.objects.get_from_key(key)
        except ObjectDoesNotExist:
            raise ForeignFailed(self.name, reason="unrecognised") from None
        if row.has_expired:
            raise ForeignFailed(self.name, reason="expired")
        if self._more:
            asking = asking_request(request, ())
            if not permission.has_permission(asking, (asking.parser_context or {}).get("view")):
                raise ForeignFailed(self.name, reason="refused")
        expires = row.expiry_date.timestamp() if row.expiry_date is not None else float("inf")
        credential = Credential(
            self.name, str(row.prefix), "", issued=row.created.timestamp(), expires=expires
        )
        principal = Principal(Kind.SERVICE, f"{self.name}:{row.prefix}", credential=credential)
        # No user, as the permission gives none: DRF makes an anonymous one of that, which views and permissions read.
        return Answer(Given(AnonymousUser(), row, permission), principal)

    def listed(self, classes: Collection[Any]) -> bool:
        """True: it is no authenticator, and views that ask for keys list it elsewhere."""
        return True

    def challenge(self) -> str:
        """Its keyword; "" where a header of the project's own holds the key."""
        return self._keyword if self.keywords else ""
