"""What all credential views share: strict JSON in, nothing cached, and no transaction around them."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from django.core.validators import RegexValidator
from django.db import connections, transaction
from rest_framework.parsers import BaseParser
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView

from stockade.core.errors import BadRequest
from stockade.drf.parsers import StrictJSONParser
from stockade.drf.renderers import SafeJSONRenderer
from stockade.drf.views.forms import bounded
from stockade.schemes.accounts import MAX_NAME

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.response import Response


class BoundedJSONParser(StrictJSONParser):
    """A JSON object, and no longer than a credential can be."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The object.

        Raises:
            ParseError: it is no clean JSON.
            BadRequest: it is no object, or too long.
        """
        found = super().parse(BytesIO(bounded(stream)), media_type, parser_context)
        if not isinstance(found, dict):
            raise BadRequest("Send a JSON object.", code="parse_error")
        return found


class TextField(CharField):
    """A string that was sent as a string and stays as it was sent. (DRF's takes numbers, and cuts spaces.)"""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: object) -> str:
        """The string itself."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


# What no strip takes away. Python's white space has four separators and U+0085 more than that of ECMA 262, which reads
# the pattern in an OpenAPI document, and lacks U+FEFF.
_NOT_BLANK = r"[^\s\x1c-\x1f\x85\ufeff]"


class NameField(TextField):
    """The name of an account: spaces around it are not part of it, so it has something else too."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", MAX_NAME)
        kwargs.setdefault("validators", [RegexValidator(_NOT_BLANK, "This field may not be blank.", "blank")])
        super().__init__(**kwargs)


class CredentialView(APIView):
    """Base of the views that deal in credentials.

    Never within a transaction of the request: what a refusal writes (a failed login, the end of a stolen session)
    must outlive it, and a password must not be hashed while locks are held.

    Attributes:
        ignores_credentials: an Authorization header is not read here: the body is the credential, and a client that
            sends its expired access token along must still be able to refresh.
    """

    parser_classes: tuple[type[BaseParser], ...] = (BoundedJSONParser,)
    renderer_classes = (SafeJSONRenderer,)
    permission_classes = ()  # `policy` decides
    throttle_classes = ()
    serializer_class: type[Serializer[Any]] | None = None
    ignores_credentials = False

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """The view callable, outside of ATOMIC_REQUESTS on every database."""
        view = super().as_view(**initkwargs)
        for alias in connections:
            transaction.non_atomic_requests(using=alias)(view)
        return view

    def read(self, request: Request) -> dict[str, Any]:
        """The validated body.

        Raises:
            ValidationError: a field is missing, wrong, or not taken here.
        """
        assert self.serializer_class is not None  # noqa: S101 - every view that reads has one
        serializer = self.serializer_class(data=request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Credentials are kept by no cache (RFC 6749 section 5.1)."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response  # type: ignore[no-any-return]
