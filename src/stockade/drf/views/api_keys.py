"""One's own API keys: listed without their secrets, made, rotated and ended."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.core.validators import RegexValidator
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

from stockade.core.errors import BadRequest, Forbidden, LoginFailed, NotVisible
from stockade.core.principal import Principal
from stockade.drf.serializers import StrictSerializer
from stockade.drf.views.base import TextField
from stockade.drf.views.own import OwnView, may_touch
from stockade.schemes import opaque
from stockade.schemes.opaque import API_KEY
from stockade.schemes.opaque.bounds import MAX_NAME, MAX_NETWORKS, MAX_RATE

if TYPE_CHECKING:
    from rest_framework.request import Request

    from stockade.schemes.opaque import Made

_MAX_SECONDS = 10 * 366 * 86400 - 1  # what `conf.duration` takes


class KeySerializer(Serializer[Any]):
    """A key as its owner sees it."""

    id = UUIDField(read_only=True)
    name = CharField(read_only=True)
    visible = CharField(read_only=True, help_text="How it begins.")
    scopes = ListField(child=CharField(), read_only=True, allow_null=True)
    allow = ListField(
        child=CharField(), read_only=True, source="networks", help_text="Addresses; empty for any."
    )
    rate = CharField(read_only=True, help_text='Its own limit; "" for none.')
    created_at = DateTimeField(read_only=True)
    expires_at = DateTimeField(read_only=True, allow_null=True)
    last_used_at = DateTimeField(read_only=True, allow_null=True)
    current = BooleanField(read_only=True, help_text="Whether this request came by it.")


class MadeKeySerializer(StrictSerializer):
    """A key that was just made: the one time that it can be read."""

    id = UUIDField(read_only=True)
    key = TextField(read_only=True)
    visible = CharField(read_only=True, help_text="How it begins.")
    expires_at = DateTimeField(read_only=True, allow_null=True)


class NewKeySerializer(MadeKeySerializer):
    """What a new key is for, what it may do, from where, how often and how long."""

    name = TextField(max_length=MAX_NAME, write_only=True)
    # RFC 6749 section 3.3
    scopes = ListField(
        child=TextField(validators=[RegexValidator(r"^[!#-\[\]-~]+\Z")]),
        required=False,
        allow_null=True,
        max_length=100,
        write_only=True,
    )
    allow = ListField(
        child=TextField(max_length=64),
        required=False,
        max_length=MAX_NETWORKS,
        write_only=True,
        help_text="Addresses and CIDR blocks that it is taken from.",
    )
    rate = TextField(max_length=MAX_RATE, required=False, write_only=True, help_text="Such as 100/min.")
    expires_in = IntegerField(
        required=False, min_value=60, max_value=_MAX_SECONDS, write_only=True, help_text="Seconds."
    )


class RotationSerializer(MadeKeySerializer):
    """How long the old key goes on."""

    overlap = IntegerField(
        required=False, min_value=0, max_value=30 * 86400, write_only=True, help_text="Seconds."
    )


class KeysView(OwnView):
    """Base: only where SCHEMES names "api_key"."""

    serializer_class: Any = KeySerializer
    scheme = API_KEY.kind


class KeyListView(KeysView):
    """The caller's live keys, newest first, at most 100; POST makes one."""

    serializer_class = NewKeySerializer

    def get(self, request: Request) -> Response:
        """List them."""
        principal = self.caller(request)
        current = _id_of(principal)
        return Response(
            [
                {**KeySerializer(info).data, "current": str(info.id) == current}
                for info in opaque.live(principal.user.pk, API_KEY.kind)
                if may_touch(principal, current, info.id)
            ]
        )

    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Make one; the answer is the only place where it can be read.

        Raises:
            BadRequest: there are too many, or an address, rate or scope is none.
        """
        principal = self.maker(request)
        fields = self.read(request)
        more = {"expires": fields["expires_in"]} if "expires_in" in fields else {}
        try:
            made = opaque.make_own(
                principal.user, fields["name"], API_KEY, scopes=fields.get("scopes"),
                allow=fields.get("allow", ()), rate=fields.get("rate", ""), request=request._request, **more,  # noqa: SLF001
            )  # fmt: skip
        except ValueError as error:
            raise BadRequest(str(error), code="invalid") from None
        except LoginFailed:
            raise Forbidden(reason="inactive") from None
        return Response(_body(made), status=201)


class KeyDetailView(KeysView):
    """One key of the caller."""

    def delete(self, request: Request, id: uuid.UUID) -> Response:
        """End it; one that is another's or over does not exist for the caller."""
        principal = self.caller(request)
        mine = may_touch(principal, _id_of(principal), id)
        if not mine or not opaque.end_own(principal.user.pk, id, API_KEY.kind):
            raise NotVisible(reason="not_visible")
        return Response(status=204)


class KeyRotationView(KeysView):
    """Rotate one key of the caller: `{overlap}` gives another, and the old one goes on for so long."""

    serializer_class = RotationSerializer

    @sensitive_variables()
    def post(self, request: Request, id: uuid.UUID) -> Response:
        """Make the key that replaces it; one that is another's, over or rotated already does not exist."""
        principal = self.maker(request)
        fields = self.read(request)
        try:
            made = opaque.rotate(
                id,
                user_id=principal.user.pk,
                overlap=fields.get("overlap"),
                request=request._request,  # noqa: SLF001
            )
        except opaque.NotRotated:
            raise NotVisible(reason="not_visible") from None
        return Response(_body(made), status=201)


def _id_of(principal: Principal) -> str:
    """The id of the credential that a request came by; "" for none."""
    return principal.credential.id if principal.credential is not None else ""


def _body(made: Made) -> dict[str, Any]:
    return {"id": str(made.id), "key": made.token, "visible": made.visible, "expires_at": made.expires_at}
