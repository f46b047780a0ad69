"""Log a browser in and out by JSON: Django's session, whose key is a cookie that no script can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.middleware.csrf import get_token
from django.views.decorators.debug import sensitive_variables
from rest_framework.response import Response
from rest_framework.serializers import CharField

from stockade.conf import load
from stockade.core.errors import Forbidden, NotVisible
from stockade.core.principal import Principal
from stockade.drf.authentication import StockadeAuthentication
from stockade.drf.serializers import StrictSerializer
from stockade.drf.views.base import CredentialView, NameField, TextField
from stockade.edge import csrf
from stockade.policy import Authenticated, Policy, Public
from stockade.schemes import devices
from stockade.schemes.conf import SchemeSettings
from stockade.schemes.session.login import close_session, open_session, step_up, store_of
from stockade.schemes.session.rows import NAME

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

    from stockade.schemes.session.store import SessionStore


class SessionLoginSerializer(StrictSerializer):
    """Name and password in, the name's field called as USERNAME_FIELD is; the token that unsafe methods show out."""

    password = TextField(write_only=True, style={"input_type": "password"})
    csrf_token = CharField(read_only=True, help_text="For the header X-CSRFToken of every unsafe method.")

    def get_fields(self) -> dict[str, Any]:
        """The fields, with the name's first."""
        return {get_user_model().USERNAME_FIELD: NameField(write_only=True), **super().get_fields()}


class SessionStepUpSerializer(StrictSerializer):
    """The password in, the token out."""

    password = TextField(write_only=True, style={"input_type": "password"})
    csrf_token = CharField(read_only=True, help_text="For the header X-CSRFToken of every unsafe method.")


class SessionTokenSerializer(StrictSerializer):
    """Nothing in, the token out."""

    csrf_token = CharField(read_only=True, help_text="For the header X-CSRFToken of every unsafe method.")


class SessionLogoutSerializer(StrictSerializer):
    """Nothing in, nothing out."""


class BrowserSessionView(CredentialView):
    """Base: only where SCHEMES names "session", and its sessions are ours."""

    policy: Policy = Public()

    def session(self, request: Request) -> SessionStore:
        """The session of the browser.

        Raises:
            NotVisible: the scheme is off.
        """
        found = store_of(_http(request)) if NAME in load(SchemeSettings).schemes else None
        if found is None:
            raise NotVisible(reason="session_scheme_off")
        return found


class SessionLoginView(BrowserSessionView):
    """Log in: `{username, password}` gives the session's cookie, another one each time, and `{csrf_token}`."""

    serializer_class = SessionLoginSerializer
    # A cookie of before neither helps nor harms: who logs in has none that counts, or wants another.
    authentication_classes = ()
    ignores_credentials = True
    limited = False  # what fails is counted by itself, as at the views of tokens

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Verify the password and log the browser in.

        Raises:
            CsrfFailed: a page of another origin sends it: it must not log its visitors in as somebody of its choice.
        """
        session = self.session(request)
        http = _http(request)
        csrf.require_no_stranger(http)
        fields = self.read(request)
        found = open_session(fields[get_user_model().USERNAME_FIELD], fields["password"], http, session)
        response = Response({"csrf_token": get_token(http)})
        devices.set_cookie(http, response, found.name)
        return response


class SessionTokenView(BrowserSessionView):
    """The CSRF token of a browser, and its cookie: for pages that Django has not made and that cannot read cookies."""

    serializer_class = SessionTokenSerializer
    authentication_classes = ()

    def get(self, request: Request) -> Response:
        """`{csrf_token}`, for the header X-CSRFToken."""
        self.session(request)
        return Response({"csrf_token": get_token(_http(request))})


class SessionStepUpView(BrowserSessionView):
    """Prove again who is logged in: `{password}` gives the session another key, and `{csrf_token}`."""

    serializer_class = SessionStepUpSerializer
    policy = Authenticated()
    authentication_classes = (StockadeAuthentication,)

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Verify the password of the session's user.

        Raises:
            Forbidden: another credential is shown than the cookie.
        """
        session = self.session(request)
        principal = _of_cookie(request, required=True)
        step_up(self.read(request)["password"], _http(request), session, principal.user)
        return Response({"csrf_token": get_token(_http(request))})


class SessionLogoutView(BrowserSessionView):
    """Log out: 204; the session ends everywhere at once. A visitor is logged out already."""

    serializer_class = SessionLogoutSerializer
    limited = False  # whoever is over a limit can log out
    # Whatever the project's default is: where nobody is asked for, no page would have to show a token.
    authentication_classes = (StockadeAuthentication,)

    def post(self, request: Request) -> Response:
        """End the session of the cookie.

        Raises:
            Forbidden: another credential is shown, beside which the cookie does not count.
        """
        session = self.session(request)
        # A visitor is asked for no token, and has a session to lose as well.
        csrf.require_no_stranger(_http(request))
        self.read(request)
        _of_cookie(request)
        close_session(_http(request), session)
        return Response(status=204)


def _of_cookie(request: Request, required: bool = False) -> Principal:
    """Who is logged in by the cookie.

    Args:
        request: DRF's.
        required: whether somebody must be.

    Raises:
        Forbidden: another credential is shown, beside which the cookie does not count.
    """
    principal: Principal = request._request.stockade.principal  # type: ignore[attr-defined]  # noqa: SLF001
    credential = principal.credential
    if credential is None and not required:
        return principal
    if credential is None or credential.scheme != NAME:
        raise Forbidden("Send the cookie alone.", reason="not_a_session")
    return principal


def _http(request: Request) -> HttpRequest:
    found: HttpRequest = request._request  # noqa: SLF001 - DRF's documented way
    return found
