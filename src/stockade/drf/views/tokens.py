"""Obtain, refresh, verify and revoke: the wire format of simplejwt's views, the behaviour of Stockade's sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.auth import get_user_model
from django.views.decorators.debug import sensitive_variables
from rest_framework.response import Response

from stockade.core.errors import InvalidCredential
from stockade.drf.serializers import StrictSerializer
from stockade.drf.views.base import BoundedJSONParser, CredentialView, NameField, TextField
from stockade.drf.views.forms import BoundedFormParser, BoundedMultiPartParser, is_json
from stockade.edge import csrf
from stockade.policy import Public
from stockade.schemes import attempts, banned, client, devices, jwt, login, step_up
from stockade.schemes.jwt import JWTScheme, Pair, profile, refresh
from stockade.schemes.simplejwt import exchange

if TYPE_CHECKING:
    from rest_framework.request import Request

T = TypeVar("T")


class ObtainSerializer(StrictSerializer):
    """Name and password; the name's field is called as USERNAME_FIELD is."""

    password = TextField(write_only=True, style={"input_type": "password"})
    access = TextField(read_only=True)
    refresh = TextField(read_only=True)

    def get_fields(self) -> dict[str, Any]:
        """The fields, with the name's first."""
        return {get_user_model().USERNAME_FIELD: NameField(write_only=True), **super().get_fields()}


class RefreshSerializer(StrictSerializer):
    """A refresh token in, a pair out."""

    refresh = TextField()
    access = TextField(read_only=True)


class StepUpSerializer(StrictSerializer):
    """A refresh token and its user's password in, a pair out."""

    refresh = TextField()
    password = TextField(write_only=True, style={"input_type": "password"})
    access = TextField(read_only=True)


class VerifySerializer(StrictSerializer):
    """Any token of ours."""

    token = TextField(write_only=True)


class RevokeSerializer(StrictSerializer):
    """A refresh token."""

    refresh = TextField(write_only=True)


class TokenView(CredentialView):
    """A view whose body is the credential."""

    policy = Public()
    authentication_classes = ()
    ignores_credentials = True
    # "50/day" for strangers would end every session after a day of refreshes: failures are counted here, by themselves.
    limited = False

    def prove(self, request: Request, check: Callable[[], T]) -> T:
        """Run `check` at the expense of the client's address if what it proves does not hold.

        Raises:
            InvalidCredential: it does not, in simplejwt's words: clients look at `code`.
            TooMany: this address has shown too many that did not.
        """
        try:
            with attempts.failed_auth(client.of(request._request).address):  # noqa: SLF001 - DRF's documented way
                return check()
        except InvalidCredential as error:
            refusal = InvalidCredential(
                "Token is invalid or expired", code=profile.NOT_VALID, reason=error.reason
            )
            refusal.recorded = error.reason == "refresh_reuse"  # TOKEN_REUSE told more
            raise refusal from None


class BodyView(TokenView):
    """Base of the views that take JSON or a form, and look at no cookie.

    Any page can have its visitor's browser send a form here, and JSON only after CORS has been asked. So a form is
    taken from programs and from pages that the project knows: else a page of somebody else could log its visitors'
    browsers in as known devices of his own account, or use up the failures of their addresses and accounts.
    """

    parser_classes = (BoundedJSONParser, BoundedFormParser, BoundedMultiPartParser)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """As DRF's; then refuse forms of somebody else's pages, before anything is read or counted.

        Raises:
            CsrfFailed: see `csrf.refuse_pages_of_others`.
        """
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and not is_json(request):
            csrf.refuse_pages_of_others(request._request)  # noqa: SLF001


class TokenObtainPairView(BodyView):
    """Log in: `{username, password}` gives `{access, refresh}`."""

    serializer_class = ObtainSerializer

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Verify the password and open a session."""
        fields = self.read(request)
        django_request = request._request  # noqa: SLF001
        found = login.obtain(fields[get_user_model().USERNAME_FIELD], fields["password"], django_request)
        response = Response(_body(found.pair))
        if is_json(request) or csrf.is_own_page(django_request):
            devices.set_cookie(django_request, response, found.name)
        return response


class TokenRefreshView(BodyView):
    """Renew: `{refresh}` gives `{access, refresh}`."""

    serializer_class = RefreshSerializer

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Redeem the refresh token for the next pair."""
        token = self.read(request)["refresh"]
        redeem = exchange.redeem if exchange.is_mine(token) else jwt.redeem
        return Response(_body(self.prove(request, lambda: redeem(token))))


class TokenStepUpView(BodyView):
    """Log in again within a session: `{refresh, password}` gives `{access, refresh}`, whose login is now."""

    serializer_class = StepUpSerializer

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Verify the password of the session's user, and go on with the next pair."""
        fields = self.read(request)
        http = request._request  # noqa: SLF001
        pair = self.prove(request, lambda: step_up.by_password(fields["refresh"], fields["password"], http))
        return Response(_body(pair))


class TokenVerifyView(BodyView):
    """Check: `{token}` gives 200 if it holds now, 401 if not. Takes access and refresh tokens."""

    serializer_class = VerifySerializer

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Prove the token, and that its session and user still hold."""
        token = self.read(request)["token"]
        self.prove(request, lambda: _check(token))
        return Response({})


class TokenRevokeView(BodyView):
    """Log out: `{refresh}` gives 204; the session ends, its access tokens stop at once.

    With simplejwt's profile it gives 200 and `{}`, as its view of the blacklist does.
    """

    serializer_class = RevokeSerializer

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """End the session of the refresh token."""
        token = self.read(request)["refresh"]
        revoke = exchange.revoke if exchange.is_mine(token) else jwt.revoke
        self.prove(request, lambda: revoke(token))
        return Response({}) if profile.is_simplejwt() else Response(status=204)


def _body(pair: Pair) -> dict[str, str]:
    return {"access": pair.access, "refresh": pair.refresh}


def _check(token: str) -> None:
    if refresh.looks_mine(token):
        jwt.check(token)
    elif exchange.is_mine(token):
        exchange.check(token)
    else:
        scheme = JWTScheme()
        credential = scheme.verify(token, {})
        scheme.load(credential)
        banned.refuse(credential.subject, credential.session, credential.id)
