"""DRF's content negotiation, asked once for each Accept header instead of at each request.

It is the dearest step of a small DRF view (a sixth of it), and clients send few different headers. What is remembered
is only which renderer DRF chose; whatever could make it choose otherwise is part of the key or is asked anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

MOST = 256  # answers that are remembered; a client may send as many different headers as it likes
LONGEST = 200  # characters of a header that is remembered; a browser's has 80 to 140

# The header and the media types of the renderers; which of them DRF chose, and the media type that is answered.
_Key = tuple[str | None, ...]
_chosen: dict[_Key, tuple[int, str]] = {}


class RememberedNegotiation(DefaultContentNegotiation):
    """`DefaultContentNegotiation` that remembers its choices, in each process.

    A subclass that chooses by anything else than the header, the renderers and the format derives from DRF's instead.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The renderer, and the media type of the answer (RFC 9110 section 12.5.1).

        Raises:
            NotAcceptable, Http404: as DRF does.
        """
        listed = list(renderers)
        meta = request._request.META  # noqa: SLF001 - DRF's request looks it up there too, the long way
        key: _Key | None = None
        if not format_suffix and not (
            meta.get("QUERY_STRING") and request.query_params.get(self.settings.URL_FORMAT_OVERRIDE)
        ):
            accept = meta.get("HTTP_ACCEPT")
            if accept is None or len(accept) <= LONGEST:
                key = (accept, *[renderer.media_type for renderer in listed])
                if (found := _chosen.get(key)) is not None:
                    return listed[found[0]], found[1]
        renderer: BaseRenderer
        renderer, media_type = super().select_renderer(request, listed, format_suffix)
        if key is not None:
            if len(_chosen) >= MOST:
                _chosen.clear()
            at = next(at for at, known in enumerate(listed) if known is renderer)
            _chosen[key] = at, media_type
        return renderer, media_type
