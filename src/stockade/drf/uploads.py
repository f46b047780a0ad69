"""Uploads that are what they are called: by content, from the first byte to the last, and by size.

A file that is two things at once (a picture with an archive behind it, a script that begins as a GIF) is a picture to
whoever checks it and something else to whoever opens it. So a file is walked through by its format's own structure, and
must end where that ends.
"""

from __future__ import annotations

import secrets
import unicodedata
import zlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from rest_framework import serializers

from stockade.core.errors import ConfigurationError


class Kind(NamedTuple):
    """A type of file.

    Args:
        media_type: as stored files should be served.
        extensions: lower case, the usual one first.
        whole: whether bytes are one file of this type, and nothing before or after it.
    """

    media_type: str
    extensions: tuple[str, ...]
    whole: Callable[[bytes], bool]


def _png(data: bytes) -> bool:
    """PNG, third edition, sections 5.2 and 5.3: a signature, then chunks with a CRC, IEND the last."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR":
        return False
    at = 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data) or zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(
            data[end - 4 : end], "big"
        ):
            return False
        if data[at + 4 : at + 8] == b"IEND":
            return end == len(data)
        at = end
    return False


def _jpeg(data: bytes) -> bool:
    """ITU T.81, annex B: SOI, segments with their lengths, scans, EOI the last."""
    if not data.startswith(b"\xff\xd8\xff"):
        return False
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:  # the data of a scan: FF is followed by 00 or a restart marker in it
            while True:
                at = data.find(b"\xff", at)
                if at < 0 or at + 1 >= len(data):
                    return False
                if data[at + 1] == 0xD9:
                    return at + 2 == len(data)
                if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7 and data[at + 1] != 0xFF:
                    break
                at += 1 if data[at + 1] == 0xFF else 2
    return False


def _gif(data: bytes) -> bool:
    """GIF89a, sections 17 to 27: header, screen, blocks of sub-blocks, the trailer the last."""
    if not data.startswith((b"GIF87a", b"GIF89a")) or len(data) < 14:
        return False
    at = 13 + _colours(data[10])
    while at < len(data):
        kind = data[at]
        if kind == 0x3B:
            return at + 1 == len(data)
        if kind == 0x21:
            at += 2
        elif kind == 0x2C and at + 10 < len(data):
            at += 11 + _colours(data[at + 9])
        else:
            return False
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return False


def _colours(flags: int) -> int:
    """The length of a colour table in bytes."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(data: bytes) -> bool:
    """RFC 9649 section 2.4: a RIFF file as long as it says."""
    return (
        data[:4] == b"RIFF"
        and data[8:12] == b"WEBP"
        and data[12:16] in (b"VP8 ", b"VP8L", b"VP8X")
        and int.from_bytes(data[4:8], "little") + 8 == len(data)
    )


def _pdf(data: bytes) -> bool:
    """ISO 32000-2, 7.5.2 and 7.5.5: the header is the first line, %%EOF the last."""
    return data.startswith((b"%PDF-1.", b"%PDF-2.")) and data.rstrip(b"\r\n").endswith(b"%%EOF")


_END, _LONGEST_END = b"PK\x05\x06", 22 + 0xFFFF


def _holds_archive(data: bytes) -> bool:
    """Whether a reader of ZIP or JAR finds an archive in it: those look from the end, for a record near it.

    The comment of that record may hold what closes a picture, and a block of the picture the archive (APPNOTE.TXT
    4.3.6 and 4.3.16). The record of a real one leads to an entry; four bytes that chance wrote do not.
    """
    least = max(0, len(data) - _LONGEST_END)
    at = data.rfind(_END)
    while at >= least:
        size, offset = (int.from_bytes(data[at + here : at + here + 4], "little") for here in (12, 16))
        if data[at - 20 : at - 16] == b"PK\x06\x07":  # the figures are in a record of 64 bits
            return True
        if size and any(
            data[start : start + 4] == b"PK\x01\x02" for start in (at - size, offset) if start >= 0
        ):
            return True
        at = data.rfind(_END, 0, at)
    return False


def _text(data: bytes) -> bool:
    """UTF-8 without control characters but tabs and ends of lines, and nothing that a browser takes for markup."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    if any(unicodedata.category(sign) == "Cc" and sign not in "\t\r\n" for sign in text):
        return False
    return not text.lstrip("\ufeff \t\r\n").startswith("<") and not text.startswith(("%PDF", "%!PS"))


KINDS = {
    "png": Kind("image/png", ("png",), _png),
    "jpeg": Kind("image/jpeg", ("jpg", "jpeg"), _jpeg),
    "gif": Kind("image/gif", ("gif",), _gif),
    "webp": Kind("image/webp", ("webp",), _webp),
    "pdf": Kind("application/pdf", ("pdf",), _pdf),
    "text": Kind("text/plain", ("txt",), _text),
    "csv": Kind("text/csv", ("csv",), _text),
}


class UploadField(serializers.FileField):
    """A file of one of a few types.

    It gets a new name, random and with the usual extension of its type, and that type's media type: what the client
    has called it decides nothing. Its own name is kept as `client_name`.

    Args:
        types: keys of `KINDS`, such as ``["png", "jpeg"]``.
        max_size: bytes.

    Raises:
        ConfigurationError: there is no such type.
    """

    default_error_messages = {
        "too_large": "The file is too large. Send at most {most} bytes.",
        "wrong_content": "The file is none of: {types}. Its content decides, from the first byte to the last.",
        "wrong_extension": "The file's name does not fit its content. Call it *.{extension}.",
    }

    def __init__(self, *, types: Iterable[str], max_size: int, **kwargs: Any) -> None:
        self.types, self.max_size = tuple(types), max_size
        for name in self.types:
            if name not in KINDS:
                raise ConfigurationError(
                    "stockade.E238", f"UploadField knows no type {name!r}.", f"Known: {', '.join(KINDS)}."
                )
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """The file under its new name.

        Raises:
            ValidationError: it is too large, none of the types, or called as none of them.
        """
        file: Any = super().to_internal_value(data)
        if file.size > self.max_size:
            self.fail("too_large", most=self.max_size)
        file.seek(0)
        content = file.read(self.max_size + 1)
        file.seek(0)
        if len(content) > self.max_size:
            self.fail("too_large", most=self.max_size)
        archive = _holds_archive(content)
        fitting = [KINDS[name] for name in self.types if not archive and KINDS[name].whole(content)]
        if not fitting:
            self.fail("wrong_content", types=", ".join(self.types))
        extension = str(file.name).rpartition(".")[2].lower()
        kind = next((kind for kind in fitting if extension in kind.extensions), None)
        if kind is None:
            self.fail("wrong_extension", extension=fitting[0].extensions[0])
        file.client_name = file.name
        file.name = f"{secrets.token_hex(16)}.{kind.extensions[0]}"
        file.content_type = kind.media_type
        return file
