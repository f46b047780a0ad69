"""What Twilio signs: the URL as it knows it, and a form's parameters, or the SHA-256 of another body in the URL.

https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

from stockade.core.errors import InvalidSignature

FORM: Final = "application/x-www-form-urlencoded"
HASH: Final = "bodySHA256"
MANY: Final = 1000  # parameters
_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message was sent, and as what.

    Args:
        url: the whole of it, as the sender knows it.
        content_type: the header, with its parameters.
    """

    url: str
    content_type: str = FORM


def is_form(content_type: str) -> bool:
    """Whether a body of this type is signed by its parameters."""
    return content_type.partition(";")[0].strip().lower() == FORM


def signed_texts(target: Target, body: bytes, source: str) -> list[bytes]:
    """What may have been signed: the URL with and without its port, and the parameters.

    Of a URL with a port Twilio signs now one and now the other, as its own libraries know.

    Raises:
        InvalidSignature: the body is neither empty, nor a form, nor of the hash that the URL has.
    """
    tail = ""
    if is_form(target.content_type) or not body:
        tail = _parameters(body, source)
    else:
        wanted = parse_qs(urlsplit(target.url).query).get(HASH, [])
        found = hashlib.sha256(body).hexdigest()
        if len(wanted) != 1 or not hmac.compare_digest(found.encode(), wanted[0].encode()):
            raise InvalidSignature(source, "body")
    return [(url + tail).encode() for url in _urls(target.url)]


def _parameters(body: bytes, source: str) -> str:
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MANY
        )
    except (UnicodeDecodeError, ValueError):
        raise InvalidSignature(source, "body") from None
    # A value that comes twice is signed once, as Twilio's own libraries do it.
    return "".join([name + value for name, value in sorted(set(pairs))])


def _urls(url: str) -> list[str]:
    parts = urlsplit(url)
    if not parts.hostname:
        return [url]
    host = parts.netloc
    other = (
        f"{host}:{_PORTS.get(parts.scheme)}" if parts.port is None else host.removesuffix(f":{parts.port}")
    )
    return [url, url.replace(f"//{host}", f"//{other}", 1)]
