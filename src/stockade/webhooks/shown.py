"""What a message shows of itself in its headers, read strictly: anything that could be read in two ways is refused."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from stockade.core.errors import InvalidSignature
from stockade.webhooks.presets import Preset

LONGEST: Final = 4096  # characters of the signature's header
MANY: Final = 20  # signatures: each costs a comparison, or one of Ed25519
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)
_ID = re.compile(r"[!-~]{1,256}", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)
_PAIR = re.compile(r"([A-Za-z0-9]{1,10})=([^,=\s]+=*)", re.ASCII)


class Shown(NamedTuple):
    """The headers of one message.

    Args:
        id, time: as they stand there; "" where there is none.
        given: the signatures that are to be taken for the HMAC.
        public: those of Ed25519.
    """

    id: str
    time: str
    given: tuple[bytes, ...]
    public: tuple[bytes, ...] = ()


def read(preset: Preset, headers: Mapping[str, str], source: str) -> Shown:
    """The headers of a message.

    Args:
        preset: how its source signs.
        headers: by name; the case of names does not matter.
        source: for the log.

    Raises:
        InvalidSignature: one that must be there is missing, or cannot be read in exactly one way.
    """
    header = _header(headers, preset.header)
    if not header:
        raise InvalidSignature(source, "no_signature", f"There is no {preset.header} header.")
    if len(header) > LONGEST:
        raise InvalidSignature(source, "signature_format")
    time = _header(headers, preset.time_header) if preset.time_header else ""
    versions: list[tuple[str, str]]
    if preset.form == "plain":
        if not header.startswith(preset.prefix):
            raise InvalidSignature(source, "unknown_version")
        versions = [(preset.version, header[len(preset.prefix) :])]
    elif preset.form == "list":
        versions = [(version, text) for version, _, text in (one.partition(",") for one in header.split(" "))]
    else:
        versions, time = _pairs(header, source)
    if len(versions) > MANY:
        raise InvalidSignature(source, "too_many_signatures")
    given = [text for version, text in versions if version == preset.version]
    public = [
        text for version, text in versions if preset.public_version and version == preset.public_version
    ]
    if not given and not public:
        raise InvalidSignature(source, "unknown_version")
    return Shown(
        _id(preset, headers, source),
        time,
        tuple(_decoded(preset, text, source) for text in given),
        tuple(_decoded(preset, text, source) for text in public),
    )


def seconds(time: str, source: str) -> int:
    """A time as it stands in a header.

    Raises:
        InvalidSignature: it is none.
    """
    if not time:
        raise InvalidSignature(source, "no_time")
    if not _TIME.fullmatch(time):
        raise InvalidSignature(source, "time_format")
    return int(time)


def _header(headers: Mapping[str, str], name: str) -> str:
    """One header; of several with one name, in whatever case, what servers make of them: joined by a comma."""
    wanted = name.lower()
    return ",".join([str(value) for key, value in headers.items() if key.lower() == wanted])


def _id(preset: Preset, headers: Mapping[str, str], source: str) -> str:
    if not preset.id_header:
        return ""
    id = _header(headers, preset.id_header)
    if "{id}" not in preset.before:
        return id[:256]
    # A dot would let the border between id and time be moved: `a.1` and `2` sign as `a` and `1.2` do.
    if not _ID.fullmatch(id) or "." in id:
        raise InvalidSignature(source, "id_format" if id else "no_id")
    return id


def _pairs(header: str, source: str) -> tuple[list[tuple[str, str]], str]:
    found: list[tuple[str, str]] = []
    times: list[str] = []
    for part in header.split(","):
        match = _PAIR.fullmatch(part)
        if match is None:
            raise InvalidSignature(source, "signature_format")
        name, value = match.groups()
        if name == "t":
            times.append(value)
        else:
            found.append((name, value))
    if len(times) != 1:  # two headers joined: which time was signed?
        raise InvalidSignature(source, "no_time" if not times else "signature_format")
    return found, times[0]


def _decoded(preset: Preset, text: str, source: str) -> bytes:
    """The bytes of a signature; a second spelling of the same bytes is no signature."""
    if preset.encoding == "hex":
        if not _HEX.fullmatch(text):
            raise InvalidSignature(source, "signature_format")
        return bytes.fromhex(text)
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSignature(source, "signature_format") from None
    if not raw or base64.b64encode(raw).decode() != text:
        raise InvalidSignature(source, "signature_format")
    return raw
