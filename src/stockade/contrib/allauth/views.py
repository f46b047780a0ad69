"""A pair of tokens for a session token of allauth's API: at the login, and again after a step-up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from allauth.headless import app_settings
from django.contrib.auth import get_user
from django.views.decorators.debug import sensitive_variables
from rest_framework.response import Response
from rest_framework.serializers import CharField

from stockade.contrib.allauth.pairs import pair_of
from stockade.core.errors import InvalidCredential
from stockade.drf.serializers import StrictSerializer
from stockade.drf.views.tokens import BodyView
from stockade.schemes.jwt import Pair

if TYPE_CHECKING:
    from rest_framework.request import Request


class FromSessionSerializer(StrictSerializer):
    """Nothing in: the header is the credential. A pair out."""

    access = CharField(read_only=True)
    refresh = CharField(read_only=True)


class TokenFromSessionView(BodyView):
    """`X-Session-Token` gives `{access, refresh}`, as fresh and as strong as its session; the pair of before ends."""

    serializer_class = FromSessionSerializer

    def post(self, request: Request) -> Response:
        """Find allauth's session and its user, and make a pair.

        Raises:
            InvalidCredential: there is no such session, or nobody is logged in by it.
        """
        self.read(request)
        pair = self.prove(request, lambda: _pair(request))
        return Response({"access": pair.access, "refresh": pair.refresh})


@sensitive_variables()
def _pair(request: Request) -> Pair:
    strategy: Any = app_settings.TOKEN_STRATEGY
    http: Any = request._request  # noqa: SLF001 - DRF's documented way
    token = strategy.get_session_token(http)
    session = strategy.lookup_session(token) if token else None
    if session is None:
        raise InvalidCredential(reason="nobody" if not token else "gone")
    holder: Any = SimpleNamespace(session=session, META=http.META)
    user = get_user(holder)
    if not user.is_authenticated or not user.is_active:
        raise InvalidCredential(reason="nobody")
    return pair_of(holder, user)
