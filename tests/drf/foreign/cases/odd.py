"""Authenticators as projects write them, some of them badly."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

from django.contrib.auth.models import AnonymousUser, Group, User
from django.utils.functional import SimpleLazyObject
from rest_framework.authentication import BaseAuthentication, TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework_api_key.permissions import HasAPIKey

asked: list[Any] = []


class Counting(TokenAuthentication):
    def authenticate_credentials(self, key: str) -> Any:
        asked.append(key)
        return super().authenticate_credentials(key)


class Ignorant(BaseAuthentication):
    def authenticate(self, request: Any) -> None:
        return None

    def authenticate_header(self, request: Any) -> str:
        return "Strange"


class Broken(BaseAuthentication):
    def authenticate(self, request: Any) -> Any:
        secret = request.headers.get("X-Strange", "")
        if secret:
            raise RuntimeError(f"cannot read {secret}")
        return None


class Lenient(BaseAuthentication):
    """Takes whoever is named, also who was deactivated."""

    def authenticate(self, request: Any) -> Any:
        name = request.headers.get("X-Name")
        return None if name is None else (User.objects.get(username=name), None)


class Remembering(BaseAuthentication):
    """Keeps users, as a cache would, and never hears of what becomes of them."""

    users: ClassVar[dict[str, User]] = {}

    def authenticate(self, request: Any) -> Any:
        name = request.headers.get("X-Name")
        if name is None:
            return None
        if name not in self.users:
            self.users[name] = User.objects.get(username=name)
        return (self.users[name], None)


class Lazy(BaseAuthentication):
    """Names a user whom nobody has looked up yet, as allauth's JWT does."""

    def authenticate(self, request: Any) -> Any:
        pk = request.headers.get("X-Key")
        return None if pk is None else (SimpleLazyObject(lambda: User.objects.get(pk=pk)), {"sub": pk})


class Unsaved(BaseAuthentication):
    def authenticate(self, request: Any) -> Any:
        inactive = request.headers.get("X-Inactive") is not None
        return (User(username="ghost", is_superuser=True, is_active=not inactive), None)


class Grouped(BaseAuthentication):
    """Brings a row of another model, with the key of a user."""

    def authenticate(self, request: Any) -> Any:
        row = Group.objects.first()
        assert row is not None
        row.is_authenticated = True  # type: ignore[attr-defined]
        return (row, None)


class Nobody(BaseAuthentication):
    """Says that it is nobody, and that no other is to be asked."""

    def authenticate(self, request: Any) -> Any:
        return (AnonymousUser(), None)


class Forbidding(BaseAuthentication):
    """Says 403 of a wrong key."""

    def authenticate(self, request: Any) -> Any:
        key = request.headers.get("X-Strange")
        if key is None:
            return None
        if key != "right":
            raise PermissionDenied("No.")
        return (AnonymousUser(), SimpleNamespace(scopes=["read"]))


class Looking(BaseAuthentication):
    """Reads what DRF gives an authenticator."""

    def authenticate(self, request: Any) -> Any:
        context = request.parser_context
        asked.append((type(context["view"]).__name__, context["kwargs"], request.query_params.get("q")))
        asked.append(context["view"].request is request)
        asked.append(len(request.authenticators))
        return None


class Stateful(BaseAuthentication):
    """Keeps what it is doing on itself: DRF makes one for each request."""

    name: str | None = None

    def authenticate(self, request: Any) -> Any:
        asked.append(self.name)
        self.name = request.headers.get("X-Name")
        return None if self.name is None else (User.objects.get(username=self.name), None)


class ByServer(BaseAuthentication):
    """Believes the server."""

    def authenticate(self, request: Any) -> Any:
        name = request._request.META.get("REMOTE_USER")
        return None if name is None else (User.objects.get(username=name), None)


class Either(Counting):
    """Reads a token or a name."""

    def authenticate(self, request: Any) -> Any:
        name = request.headers.get("X-Name")
        return super().authenticate(request) if name is None else (User.objects.get(username=name), None)


class InBody(BaseAuthentication):
    """Reads where nobody would look."""

    def authenticate(self, request: Any) -> Any:
        asked.append(True)
        if request._request.META.get("REMOTE_USER"):
            raise AuthenticationFailed("Nobody.")
        return None


class OfficeHours(HasAPIKey):
    def has_permission(self, request: Any, view: Any) -> bool:
        return super().has_permission(request, view) and "X-Office" in request.headers
