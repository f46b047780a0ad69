"""Obtain, refresh and revoke for a page in a browser: the refresh token is a cookie and never in a body."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.views.decorators.debug import sensitive_variables
from rest_framework.response import Response

from stockade.core.errors import InvalidCredential, NotVisible, Refusal, Unauthenticated
from stockade.drf.serializers import StrictSerializer
from stockade.drf.views.base import TextField
from stockade.drf.views.tokens import ObtainSerializer, TokenView
from stockade.edge import csrf
from stockade.schemes import devices, jwt, login, step_up
from stockade.schemes.jwt import Pair, cookie

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

# Refusals after which the same cookie may hold again: the account is activated, another tab was faster, or this worker
# has not heard of a new key yet. (If the key was revoked instead, the cookie is dead and harmless.)
_NOT_FINAL = frozenset({"inactive", "refresh_changing", "refresh_superseded", "refresh_unknown_kid"})


class BrowserObtainSerializer(ObtainSerializer):
    """Name and password in; only the access token out."""

    def get_fields(self) -> dict[str, Any]:
        """The fields of the other one, without the refresh token."""
        fields = super().get_fields()
        del fields["refresh"]
        return fields


class BrowserRefreshSerializer(StrictSerializer):
    """Nothing in: the cookie is the credential. A refresh token in the body is an unknown field."""

    access = TextField(read_only=True)


class BrowserStepUpSerializer(StrictSerializer):
    """The password in: the cookie says whose."""

    password = TextField(write_only=True, style={"input_type": "password"})
    access = TextField(read_only=True)


class BrowserRevokeSerializer(StrictSerializer):
    """Nothing in, nothing out."""


class BrowserView(TokenView):
    """Base: for pages that may use the cookie, and only where REFRESH_COOKIE is set.

    Obtaining is guarded like the rest: a page of somebody else must not log a browser in, as him, either.
    """

    over = False  # whether the cookie that was shown will never hold again

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """As DRF's; then refuse what no page of ours has sent.

        Raises:
            NotVisible: it is turned off.
            CsrfFailed: see `csrf.require_own_page`.
        """
        super().initial(request, *args, **kwargs)
        if not cookie.enabled():
            raise NotVisible(reason="refresh_cookie_off")
        if request.method == "POST":
            csrf.require_own_page(_http(request))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """As `CredentialView`; and a dead cookie is not shown again."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.over:
            cookie.clear(_http(request), response)
        return response  # type: ignore[no-any-return]

    def go_on(self, request: Request, check: Callable[[], tuple[Pair, str]]) -> Response:
        """The answer with the next pair that `check` gives of the cookie.

        Raises:
            InvalidCredential: it does not hold; it is cleared, unless that may change.
        """
        try:
            pair, binding = self.prove(request, check)
        except InvalidCredential as refusal:
            self.over = refusal.reason not in _NOT_FINAL
            raise
        return _answer(_http(request), pair, binding)


class BrowserObtainView(BrowserView):
    """Log in: `{username, password}` gives `{access}`, and the cookie."""

    serializer_class = BrowserObtainSerializer

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Verify the password, open a session, and end the one that this browser had."""
        fields = self.read(request)
        http, binding = _http(request), cookie.new_binding()
        cookie.path(http)  # before there is a session that nobody could refresh
        found = login.obtain(
            fields[get_user_model().USERNAME_FIELD], fields["password"], http, binding=binding
        )
        with suppress(Refusal):  # the login has succeeded, also if the state has just gone away
            cookie.end_former(http)
        response = _answer(http, found.pair, binding)
        devices.set_cookie(http, response, found.name)
        return response


class BrowserRefreshView(BrowserView):
    """Renew: the cookie gives `{access}`, and the next cookie."""

    serializer_class = BrowserRefreshSerializer

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Redeem the cookie's refresh token for the next pair.

        Raises:
            Unauthenticated: there is no cookie: nobody is logged in here.
            InvalidCredential: it does not hold; it is cleared, unless that may change.
        """
        self.read(request)
        http = _http(request)
        return self.go_on(request, lambda: _redeem(http))


class BrowserStepUpView(BrowserView):
    """Log in again within a session: the cookie and `{password}` give `{access}`, and the next cookie."""

    serializer_class = BrowserStepUpSerializer

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Verify the password of the session's user, and go on with the next pair.

        Raises: as `BrowserRefreshView.post`; LoginFailed: the password is wrong, and the session goes on as it was.
        """
        password = self.read(request)["password"]
        http = _http(request)
        return self.go_on(request, lambda: _step_up(http, password))


class BrowserRevokeView(BrowserView):
    """Log out: 204; the session ends, its access tokens stop at once, the cookie is cleared."""

    serializer_class = BrowserRevokeSerializer

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """End the session of the cookie; one that is over, or no cookie at all, is logged out already."""
        self.read(request)
        http = _http(request)
        with suppress(InvalidCredential):
            self.prove(request, lambda: _revoke(http))
        response = Response(status=204)
        cookie.clear(http, response)
        return response


def _http(request: Request) -> HttpRequest:
    found: HttpRequest = request._request  # noqa: SLF001 - DRF's documented way
    return found


def _answer(http: HttpRequest, pair: Pair, binding: str) -> Response:
    response = Response({"access": pair.access})
    cookie.put(http, response, pair, binding)
    return response


def _redeem(http: HttpRequest) -> tuple[Pair, str]:
    found = cookie.held(http)
    if found is None:
        raise Unauthenticated()
    return jwt.redeem(found.token, found.binding), found.binding


@sensitive_variables()
def _step_up(http: HttpRequest, password: object) -> tuple[Pair, str]:
    found = cookie.held(http)
    if found is None:
        raise Unauthenticated()
    return step_up.by_password(found.token, password, http, binding=found.binding), found.binding


def _revoke(http: HttpRequest) -> None:
    found = cookie.held(http)
    if found is not None:
        jwt.revoke(found.token, found.binding)
