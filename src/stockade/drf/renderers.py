"""JSON that stays data wherever a browser puts it, and in which nothing leaves that no serializer has named."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, QuerySet
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

from stockade.core.errors import Undeclared
from stockade.core.escape import html_safe
from stockade.pipeline.exchange import Exchange


class UndeclaredOutput(Undeclared):
    """500: a view has put rows into its answer that no serializer has chosen the fields of."""

    status = 500
    title = "Internal server error"
    default_code = "undeclared_output"
    default_detail = "The server could not complete the request."


class DeclaredEncoder(JSONEncoder):
    """DRF's encoder, but for rows: DRF's writes a queryset out, with every column that `.values()` has."""

    def default(self, obj: Any) -> Any:
        """What JSON has no form of.

        Raises:
            UndeclaredOutput: a row, or rows.
        """
        if isinstance(obj, QuerySet | Model):
            raise UndeclaredOutput(reason="undeclared_output")
        return super().default(obj)


class SafeJSONRenderer(JSONRenderer):
    """DRF's JSON, with ``<``, ``>``, ``&``, U+2028 and U+2029 written as escapes.

    A parser of JSON reads the same text (RFC 8259 section 7); a browser that takes it for a page finds no tag in it,
    also where it was put into a script (OWASP XSS prevention, rule 3.1).
    """

    encoder_class = DeclaredEncoder

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        """`data` as JSON.

        Raises:
            UndeclaredOutput: there is a row in it, or rows.
        """
        try:
            found = super().render(data, accepted_media_type, renderer_context)
        except UndeclaredOutput as refusal:
            if not _spared(renderer_context, refusal):
                raise
            found = JSONRenderer().render(data, accepted_media_type, renderer_context)
        return html_safe(found)


def _spared(renderer_context: Any, refusal: UndeclaredOutput) -> bool:
    """Whether the view declares nothing, or its mode has policies only recorded."""
    request = (renderer_context or {}).get("request")
    exchange: Exchange | None = getattr(getattr(request, "_request", None), "stockade", None)
    return exchange is None or exchange.legacy or exchange.spares(refusal)
