"""What a message shows of itself in its headers, read strictly: anything that could be read in two ways is refused."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Final

from stockade.core.errors import InvalidSignature
from stockade.webhooks.presets import Preset

LONGEST: Final = 4096  # characters of the signature's header
MANY: Final = 20  # signatures: each costs a comparison
DIGITS: Final = 12  # of a time
_ID = re.compile(r"[!-~]{1,256}", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)
_PAIR = re.compile(r"([A-Za-z0-9]{1,10})=([^,=\s]+=*)", re.ASCII)


Headers = tuple[
    str, str, str
]  # that a preset names, as they came: signature, id and time; "" for one that did not


def of_meta(preset: Preset, meta: Mapping[str, str]) -> Headers:
    """The headers in Django's META."""
    signature, id, time = preset.metas
    return meta.get(signature, ""), meta.get(id, "") if id else "", meta.get(time, "") if time else ""


def of_mapping(preset: Preset, headers: Mapping[str, str]) -> Headers:
    """The headers by their names in any case; of several with one name what servers make of them: joined by a comma."""
    names = preset.names
    found: dict[str, str] = {}
    for key, value in headers.items():
        name = key.lower()
        if name in names:
            found[name] = f"{found[name]},{value}" if name in found else value
    signature, id, time = names
    return found.get(signature, ""), found.get(id, ""), found.get(time, "")


def read(preset: Preset, headers: Headers, source: str) -> tuple[str, str, Sequence[str], Sequence[str]]:
    """What the headers of a message say.

    Args:
        preset: how its source signs.
        headers: of the message.
        source: for the log.

    Returns:
        Its id and its time, "" where there is none; the signatures that are to be taken for the HMAC, and those of
        Ed25519, as they are written.

    Raises:
        InvalidSignature: one that must be there is missing, or cannot be read in exactly one way.
    """
    header, id, time = headers
    if not header:
        raise InvalidSignature(source, "no_signature", f"There is no {preset.header} header.")
    if len(header) > LONGEST:
        raise InvalidSignature(source, "signature_format")
    versions: Sequence[tuple[str, str, str]]
    if preset.form == "list":
        versions = [one.partition(",") for one in header.split(" ")]
    elif preset.form == "pairs":
        versions, time = _pairs(header, source)
    elif header.startswith(preset.prefix):
        versions = ((preset.version, "", header[len(preset.prefix) :]),)
    else:
        raise InvalidSignature(source, "unknown_version")
    if len(versions) > MANY:
        raise InvalidSignature(source, "too_many_signatures")
    given: list[str] = []
    public: list[str] = []
    reason = "unknown_version"
    for version, _, text in versions:
        if version == preset.version:
            if len(text) == preset.length:
                given.append(text)
            else:  # it is no signature, and that is said before the body is read
                reason = "signature_format"
        elif version and version == preset.public_version:
            public.append(text)
    if not given and not public:
        raise InvalidSignature(source, reason)
    if "{id}" in preset.before:
        if not is_id(preset, id):
            raise InvalidSignature(source, "id_format" if id else "no_id")
    else:
        id = id[:256]
    return id, time, given, public


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
    if len(time) > DIGITS or not (time.isascii() and time.isdecimal()):
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


def _pairs(header: str, source: str) -> tuple[list[tuple[str, str, str]], str]:
    found: list[tuple[str, str, str]] = []
    times: list[str] = []
    for part in header.split(","):
        match = _PAIR.fullmatch(part)
        if match is None:
            raise InvalidSignature(source, "signature_format")
        name, value = match.groups()
        if name == "t":
            times.append(value)
        else:
            found.append((name, "=", value))
    if len(times) != 1:  # two headers joined: which time was signed?
        raise InvalidSignature(source, "no_time" if not times else "signature_format")
    return found, times[0]
