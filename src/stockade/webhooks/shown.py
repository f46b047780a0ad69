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
MANY: Final = 20  # signatures: each costs a comparison
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)
_ID = re.compile(r"[!-~]{1,256}", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)
_PAIR = re.compile(r"([A-Za-z0-9]{1,10})=([^,=\s]+=*)", re.ASCII)


class Headers(NamedTuple):
    """The headers of one message that its preset names, as they came; "" for one that did not."""

    signature: str
    id: str = ""
    time: str = ""


class Shown(NamedTuple):
    """What they say.

    Args:
        id, time: as they stand there; "" where there is none.
        given: the signatures that are to be taken for the HMAC, as they are written.
        public: those of Ed25519.
    """

    id: str
    time: str
    given: tuple[str, ...]
    public: tuple[str, ...] = ()


def of_meta(preset: Preset, meta: Mapping[str, object]) -> Headers:
    """The headers in Django's META."""
    one, two, three = preset.metas
    return Headers(
        str(meta.get(one, "")),
        str(meta.get(two, "")) if two else "",
        str(meta.get(three, "")) if three else "",
    )


def of_mapping(preset: Preset, headers: Mapping[str, str]) -> Headers:
    """The headers by their names in any case; of several with one name what servers make of them: joined by a comma."""
    found: dict[str, str] = {}
    for key, value in headers.items():
        name = key.lower()
        if name in preset.names:
            found[name] = f"{found[name]},{value}" if name in found else str(value)
    return Headers(*[found.get(name, "") for name in preset.names])


def read(preset: Preset, headers: Headers, source: str) -> Shown:
    """What the headers of a message say.

    Args:
        preset: how its source signs.
        headers: of the message.
        source: for the log.

    Raises:
        InvalidSignature: one that must be there is missing, or cannot be read in exactly one way.
    """
    header, id, time = headers
    if not header:
        raise InvalidSignature(source, "no_signature", f"There is no {preset.header} header.")
    if len(header) > LONGEST:
        raise InvalidSignature(source, "signature_format")
    public: list[str] = []
    if preset.form == "plain":
        if not header.startswith(preset.prefix):
            raise InvalidSignature(source, "unknown_version")
        given = [header[len(preset.prefix) :]]
    else:
        if preset.form == "list":
            versions = [(name, text) for name, _, text in [one.partition(",") for one in header.split(" ")]]
        else:
            versions, time = _pairs(header, source)
        if len(versions) > MANY:
            raise InvalidSignature(source, "too_many_signatures")
        given = [text for version, text in versions if version == preset.version]
        if preset.public_version:
            public = [text for version, text in versions if version == preset.public_version]
        if not given and not public:
            raise InvalidSignature(source, "unknown_version")
    if given:
        # Before the body is read: what has not the length of a signature is none.
        given = [text for text in given if len(text) == preset.length]
        if not given and not public:
            raise InvalidSignature(source, "signature_format")
    if "{id}" in preset.before:
        if not is_id(preset, id):
            raise InvalidSignature(source, "id_format" if id else "no_id")
    else:
        id = id[:256]
    return Shown(id, time, tuple(given), tuple(public))


def is_id(preset: Preset, id: str) -> bool:
    """Whether a message may have this id, where it is signed before the body.

    With the text that stands behind it the border could be moved: `a.1` and `2` sign as `a` and `1.2` do.
    """
    return _ID.fullmatch(id) is not None and preset.after_id not in id


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


def written(preset: Preset, raw: bytes) -> str:
    """A signature in the one spelling that is taken."""
    return raw.hex() if preset.encoding == "hex" else binascii.b2a_base64(raw, newline=False).decode()


def is_written(preset: Preset, text: str) -> bool:
    """Whether a text is some signature in that spelling; for the log."""
    if preset.encoding == "hex":
        return _HEX.fullmatch(text) is not None
    return decoded(text) is not None


def decoded(text: str) -> bytes | None:
    """The bytes of a base64; None of a second spelling of the same bytes, which decoders take."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if raw and base64.b64encode(raw).decode() == text else None


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
