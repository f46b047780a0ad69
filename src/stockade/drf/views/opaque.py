"""Opaque tokens over HTTP: one for a password, as DRF's obtain_auth_token gives it, and one's own in a list."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.validators import RegexValidator
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables
from rest_framework.response import Response
from rest_framework.serializers import (
    BooleanField,
    CharField,
    DateTimeField,
    IntegerField,
    ListField,
    Serializer,
    UUIDField,
)

from stockade.conf import load
from stockade.core.errors import BadRequest, Forbidden, LoginFailed, NotVisible
from stockade.core.principal import Principal
from stockade.drf.serializers import StrictSerializer
from stockade.drf.views.base import NameField, TextField
from stockade.drf.views.forms import is_json
from stockade.drf.views.own import OPAQUE, OwnView, may_touch
from stockade.drf.views.tokens import BodyView
from stockade.edge import csrf
from stockade.pipeline import registry as registries
from stockade.schemes import devices, opaque
from stockade.schemes.conf import SchemeSettings
from stockade.schemes.opaque.bounds import MAX_NAME
from stockade.schemes.opaque.login import obtain
from stockade.schemes.opaque.shapes import TOKEN

if TYPE_CHECKING:
    from rest_framework.request import Request

_MAX_SECONDS = 10 * 366 * 86400 - 1  # what `conf.duration` takes


class TokenAuthSerializer(StrictSerializer):
    """Name and password; the name's field is called as USERNAME_FIELD is."""

    password = TextField(write_only=True, style={"input_type": "password"})
    token = TextField(read_only=True)

    def get_fields(self) -> dict[str, Any]:
        """The fields, with the name's first."""
        return {get_user_model().USERNAME_FIELD: NameField(write_only=True), **super().get_fields()}


class TokenAuthView(BodyView):
    """Log in: `{username, password}` gives `{token}`, a new one each time. Not there unless SCHEMES names "token"."""

    serializer_class = TokenAuthSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """As the base's.

        Raises:
            NotVisible: the scheme is off, so that no token would be taken.
        """
        if TOKEN.kind not in load(SchemeSettings).schemes:
            raise NotVisible(reason="token_scheme_off")
        super().initial(request, *args, **kwargs)

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Verify the password and make a token."""
        fields = self.read(request)
        django_request = request._request  # noqa: SLF001 - DRF's documented way
        try:
            found = obtain(fields[get_user_model().USERNAME_FIELD], fields["password"], django_request)
        except LoginFailed:
            registry = registries.current()
            if registry is None or registry.settings.errors != "drf":
                raise
            # As DRF's view says it, to clients that were written for that.
            return Response(
                {"non_field_errors": [gettext("Unable to log in with provided credentials.")]}, status=400
            )
        response = Response({"token": found.made.token})
        if is_json(request) or csrf.is_own_page(django_request):
            devices.set_cookie(django_request, response, found.name)
        return response


class TokenSerializer(Serializer[Any]):
    """A token as its owner sees it."""

    id = UUIDField(read_only=True)
    name = CharField(read_only=True)
    visible = CharField(read_only=True, help_text="How it begins.")
    origin = CharField(read_only=True, help_text="made, login, or the package it was imported from")
    scopes = ListField(child=CharField(), read_only=True, allow_null=True)
    created_at = DateTimeField(read_only=True)
    expires_at = DateTimeField(read_only=True, allow_null=True)
    last_used_at = DateTimeField(read_only=True, allow_null=True)
    user_agent = CharField(read_only=True)
    address = CharField(read_only=True)
    current = BooleanField(read_only=True, help_text="Whether this request came by it.")


class NewTokenSerializer(StrictSerializer):
    """What a new token is for, what it may do, and how long."""

    name = TextField(max_length=MAX_NAME)
    # RFC 6749 section 3.3
    scopes = ListField(
        child=TextField(validators=[RegexValidator(r"^[!#-\[\]-~]+\Z")]),
        required=False,
        allow_null=True,
        max_length=100,
    )
    expires_in = IntegerField(
        required=False, write_only=True, min_value=60, max_value=_MAX_SECONDS, help_text="Seconds."
    )
    token = TextField(read_only=True)
    id = UUIDField(read_only=True)
    visible = CharField(read_only=True, help_text="How it begins.")
    expires_at = DateTimeField(read_only=True, allow_null=True)


class OwnTokensView(OwnView):
    """Base: only where SCHEMES names "token"."""

    serializer_class: Any = TokenSerializer
    scheme = TOKEN.kind


class TokenListView(OwnTokensView):
    """The caller's live tokens, newest first, at most 100; POST makes one."""

    serializer_class = NewTokenSerializer

    def get(self, request: Request) -> Response:
        """List them."""
        principal = self.caller(request)
        current = _id_of(principal)
        return Response(
            [
                {**TokenSerializer(info).data, "current": str(info.id) == current}
                for info in opaque.live(principal.user.pk)
                if may_touch(principal, current, info.id)
            ]
        )

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Make one; the answer is the only place where it can be read.

        Raises:
            Forbidden: see `maker`.
            BadRequest: there are too many, or a scope is none.
        """
        principal = self.maker(request)
        fields = self.read(request)
        more = {} if fields.get("expires_in") is None else {"expires": fields["expires_in"]}
        try:
            made = opaque.make_own(
                principal.user, fields["name"], TOKEN, scopes=fields.get("scopes"),
                request=request._request, **more,  # noqa: SLF001
            )  # fmt: skip
        except ValueError as error:
            raise BadRequest(str(error), code="invalid") from None
        except LoginFailed:
            raise Forbidden(reason="inactive") from None
        body = {
            "id": str(made.id),
            "name": fields["name"],
            "scopes": fields.get("scopes"),
            "token": made.token,
            "visible": made.visible,
            "expires_at": made.expires_at,
        }
        return Response(body, status=201)


class TokenDetailView(OwnTokensView):
    """One token of the caller; `current` is the one that the request came by."""

    def delete(self, request: Request, id: uuid.UUID | str) -> Response:
        """End it; one that is another's or over does not exist for the caller."""
        principal = self.caller(request)
        own = _id_of(principal)
        wanted = own if id == "current" else str(id)
        if not wanted or not may_touch(principal, own, wanted):
            raise NotVisible(reason="not_visible")
        if not opaque.end_own(principal.user.pk, uuid.UUID(wanted)):
            raise NotVisible(reason="not_visible")
        return Response(status=204)


def _id_of(principal: Principal) -> str:
    """The id of the token that a request came by; "" where it came by something else."""
    credential = principal.credential
    return credential.id if credential is not None and credential.scheme in OPAQUE else ""
