"""What a user's own sessions, tokens and keys have in common: who sees them, who ends them, who may make more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Model

from stockade.conf import load
from stockade.core.errors import Forbidden, NotVisible
from stockade.core.principal import Kind, Principal
from stockade.drf.views.base import CredentialView
from stockade.policy import Authenticated
from stockade.schemes.conf import SchemeSettings
from stockade.schemes.imports import packages as imported
from stockade.schemes.opaque import API_KEY, TOKEN

if TYPE_CHECKING:
    from rest_framework.request import Request

OPAQUE = (TOKEN.kind, API_KEY.kind, *imported.NAMES)  # schemes that read our table


class OwnView(CredentialView):
    """Base: for users only.

    Attributes:
        scheme: without which there is nothing here; "" for sessions, which every project has.
    """

    policy = Authenticated()
    scheme = ""

    def caller(self, request: Request) -> Principal:
        """The user who calls.

        Raises:
            NotVisible: the scheme is off. Forbidden: a service has no such things, or they are the operator's.
        """
        if self.scheme and self.scheme not in load(SchemeSettings).schemes:
            raise NotVisible(reason=f"{self.scheme}_scheme_off")
        principal: Principal = request._request.stockade.principal  # type: ignore[attr-defined]  # noqa: SLF001 - DRF's way
        if principal.kind is not Kind.USER:
            raise Forbidden(reason="not_a_user")
        return principal

    def maker(self, request: Request) -> Principal:
        """The user who calls, where what he calls by may make what lasts.

        Raises:
            Forbidden: by a key or a token, whose thief would stay so; or by a credential with scopes.
        """
        principal = self.caller(request)
        if principal.scopes is not None or _lasts(request, principal):
            raise Forbidden("Log in for that: a key or a token makes no other.", reason="made_by_key")
        return principal


def may_touch(principal: Principal, own: str, id: object) -> bool:
    """Whether a caller sees and ends one of his sessions, tokens or keys.

    What is bounded by scopes is for something else: it sees where nobody is logged in, and ends nothing but itself.

    Args:
        own: the id of the one that the request came by; "" where it came by something else.
        id: of the one that is meant.
    """
    return principal.scopes is None or str(id) == own


def _lasts(request: Request, principal: Principal) -> bool:
    """Whether the credential is one of our table, or another package's row: authtoken's and knox's are."""
    credential = principal.credential
    return (credential is not None and credential.scheme in OPAQUE) or isinstance(request.auth, Model)
