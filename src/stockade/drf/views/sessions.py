"""Where am I logged in: the caller's own sessions, listed and ended."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from rest_framework.response import Response
from rest_framework.serializers import BooleanField, CharField, DateTimeField, Serializer, UUIDField

from stockade.core.errors import Forbidden, NotVisible
from stockade.core.principal import Principal
from stockade.drf.views.own import OwnView, may_touch
from stockade.schemes.jwt import end_others, end_own, live

if TYPE_CHECKING:
    from rest_framework.request import Request


class SessionSerializer(Serializer[Any]):
    """A live session as its owner sees it."""

    id = UUIDField(read_only=True)
    scheme = CharField(read_only=True)
    client = CharField(read_only=True)
    created_at = DateTimeField(read_only=True)
    last_used_at = DateTimeField(read_only=True)
    expires_at = DateTimeField(read_only=True)
    user_agent = CharField(read_only=True)
    address = CharField(read_only=True)
    current = BooleanField(read_only=True, help_text="Whether this request came by it.")


class SessionListView(OwnView):
    """The caller's live sessions, newest first, at most 100; DELETE ends all but the one that asks."""

    serializer_class = SessionSerializer

    def get(self, request: Request) -> Response:
        """List them."""
        principal = self.caller(request)
        current = _session_of(principal)
        return Response(
            [
                {**SessionSerializer(info).data, "current": str(info.id) == current}
                for info in live(principal.user.pk)
                if may_touch(principal, current, info.id)
            ]
        )

    def delete(self, request: Request) -> Response:
        """End all others.

        Raises:
            Forbidden: by what is bounded by scopes.
        """
        principal = self.caller(request)
        if principal.scopes is not None:
            raise Forbidden(reason="bounded_by_scopes")
        end_others(principal.user, _session_of(principal))
        return Response(status=204)


class SessionDetailView(OwnView):
    """One session of the caller."""

    serializer_class = SessionSerializer

    def delete(self, request: Request, id: uuid.UUID) -> Response:
        """End it; one that is another's or over does not exist for the caller."""
        principal = self.caller(request)
        if not may_touch(principal, _session_of(principal), id) or not end_own(principal.user.pk, id):
            raise NotVisible(reason="not_visible")
        return Response(status=204)


def _session_of(principal: Principal) -> str:
    return principal.credential.session if principal.credential is not None else ""
