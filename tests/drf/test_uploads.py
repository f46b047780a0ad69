"""A file is what it is called, whole and nothing besides; a name is what it looks like."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework import serializers

from stockade.core.errors import ConfigurationError
from stockade.drf.serializers import StrictSerializer
from stockade.drf.text import IdentifierField, PlainTextField
from stockade.drf.uploads import KINDS, UploadField


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


PNG = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)) + chunk(
    b"IDAT", zlib.compress(b"\0\0")
) + chunk(b"IEND", b"")  # fmt: skip
GIF = (
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\x21\xf9\x04\0\0\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0"
    b"\x02\x02\x44\x01\0\x3b"
)
JPEG = (
    b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0" + b"\xff\xdb\0\x43\0" + b"\x01" * 64
    + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + b"\x12\xff\0\x34\xff\xd0\x56" + b"\xff\xd9"
)  # fmt: skip
WEBP = b"RIFF" + struct.pack("<I", 12) + b"WEBPVP8 " + b"\0\0\0\0"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n"
WHOLE = {
    "png": PNG,
    "jpeg": JPEG,
    "gif": GIF,
    "webp": WEBP,
    "pdf": PDF,
    "text": "größer\n".encode(),
    "csv": b"a,b\n1,2\n",
}
SCRIPT = b"<script>alert(document.domain)</script>"


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archived:
        archived.writestr("payload.class", "x")
    return file.getvalue()


class Taking(StrictSerializer):
    file = UploadField(types=list(KINDS), max_size=2000)


class TakingPictures(StrictSerializer):
    file = UploadField(types=["png", "jpeg", "gif", "webp"], max_size=2000)


def take(content: bytes, name: str, cls: Any = Taking) -> Any:
    serializer = cls(data={"file": SimpleUploadedFile(name, content, "image/png")})
    return serializer.validated_data["file"] if serializer.is_valid() else str(serializer.errors["file"][0])


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_file_is_taken_under_a_name_and_type_that_the_client_has_not_chosen(kind: str) -> None:
    file = take(WHOLE[kind], f"../x;y.{KINDS[kind].extensions[-1].upper()}")
    assert file.content_type == KINDS[kind].media_type
    assert file.name.endswith(f".{KINDS[kind].extensions[0]}")
    assert "x" not in file.name.partition(".")[0]
    assert len(file.name) > 32
    assert file.read() == WHOLE[kind]


@pytest.mark.parametrize("kind", [kind for kind in WHOLE if kind not in ("text", "csv")])
@pytest.mark.parametrize(
    "tail", [SCRIPT, archive(), b"\0", b"<?php system($_GET[0]); ?>"], ids=["script", "zip", "nul", "php"]
)
def test_a_polyglot_is_refused_whatever_hangs_on_it(kind: str, tail: bytes) -> None:
    name = f"x.{KINDS[kind].extensions[0]}"
    assert "content decides" in take(WHOLE[kind] + tail, name)
    assert "content decides" in take(tail + WHOLE[kind], name)


def _within(before: bytes, block: Any, after: bytes) -> bytes:
    """A picture with an archive in one of its blocks, whose comment is the rest of the picture."""
    file = archive()[:-2] + struct.pack("<H", len(after))
    return before + block(file) + after


INSIDE = {
    "png": _within(PNG[:-12], lambda file: chunk(b"zIPd", file), PNG[-12:]),
    "jpeg": _within(
        JPEG[:20], lambda file: b"\xff\xfe" + struct.pack(">H", len(file) + 2) + file, JPEG[20:]
    ),
    "gif": _within(GIF[:19], lambda file: b"\x21\xfe" + bytes([len(file)]) + file + b"\0", GIF[19:]),
    "webp": b"RIFF" + struct.pack("<I", 12 + len(archive())) + b"WEBPVP8 \0\0\0\0" + archive(),
    "pdf": b"%PDF-1.7\n" + archive()[:-2] + struct.pack("<H", 6) + b"\n%%EOF",
}  # fmt: skip


@pytest.mark.parametrize("kind", INSIDE)
def test_an_archive_within_a_picture_is_refused_though_the_picture_is_whole(kind: str) -> None:
    content = INSIDE[kind]
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["payload.class"]  # to who opens it as one
    assert KINDS[kind].whole(content)
    assert "content decides" in take(content, f"x.{KINDS[kind].extensions[0]}")


def test_four_bytes_that_chance_wrote_are_no_archive() -> None:
    for block in (b"PK\x05\x06" + b"\0" * 20, b"PK\x05\x06" + b"\xff" * 20, b"PK\x05\x06PK\x05\x06"):
        picture = PNG[:-12] + chunk(b"teXt", block) + PNG[-12:]
        assert take(picture, "x.png").content_type == "image/png"


@pytest.mark.parametrize(
    "content",
    [
        SCRIPT, b"GIF89a/*" + SCRIPT + b"*/=1;", b"GIF89a" + SCRIPT, b"\x89PNG\r\n\x1a\n" + SCRIPT,
        b"\xff\xd8\xff\xe0" + SCRIPT,
        b"RIFF\0\0\0\0WEBP" + SCRIPT, PNG[:-1], PNG[:-20], PNG.replace(b"IDAT", b"IDAX"), JPEG[:-1], JPEG[:30],
        GIF[:-1], b"",
        b"\x7fELF" + b"\0" * 60, archive(), b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    ],
)  # fmt: skip
def test_what_only_begins_as_a_picture_is_none(content: bytes) -> None:
    for extension in ("png", "jpg", "gif", "webp"):
        answer = take(content, f"x.{extension}", TakingPictures)
        assert "content decides" in answer or "empty" in answer


@pytest.mark.parametrize(
    "content", [SCRIPT, b" \n<html>", b"\xef\xbb\xbf<svg/>", b"a\0b", b"\xff\xfe<\0", b"%PDF-1.7"]
)
def test_text_is_no_page(content: bytes) -> None:
    assert "content decides" in take(content, "x.txt")


@pytest.mark.parametrize(
    "name", ["x.html", "x.php", "x.png.php", "x.jpg", "x", "x.svg", "x.png\u202egpj.exe", "x.png "]
)
def test_a_wrong_extension_is_refused(name: str) -> None:
    assert "Call it *.png" in take(PNG, name)


def test_a_file_that_is_too_large_is_refused_also_where_it_lies_about_its_size() -> None:
    assert "at most 2000 bytes" in take(b"x" * 2001, "x.txt")
    file = SimpleUploadedFile("x.txt", b"x" * 2001)
    file.size = 1
    serializer = Taking(data={"file": file})
    assert not serializer.is_valid()


def test_a_type_that_is_not_known_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="svg"):
        UploadField(types=["svg"], max_size=1)


# --- text -------------------------------------------------------------------------------------------------------------


def reads(field: serializers.CharField, text: str) -> str:
    try:
        return str(field.run_validation(text))
    except serializers.ValidationError as error:
        return f"refused: {error.detail[0]}"  # type: ignore[index]


@pytest.mark.parametrize(
    "sign",
    ["\u202e", "\u2066", "\u200b", "\u200f", "\ufeff", "\u2028", "\x1b", "\ue000", "\U000e0041", "\x85"],
)
def test_what_turns_or_hides_text_is_refused(sign: str) -> None:
    assert reads(PlainTextField(lines=True), f"a{sign}b").startswith("refused: The character U+")


def test_plain_text_is_kept_in_one_form() -> None:
    assert (
        reads(PlainTextField(), "Zoe\u0308 \U0001f468\u200d\U0001f469 \u0645\u06cc\u200c\u062e")
        == "Zo\u00eb \U0001f468\u200d\U0001f469 \u0645\u06cc\u200c\u062e"
    )
    assert reads(PlainTextField(), "a\nb") == "refused: Write one line."
    assert reads(PlainTextField(lines=True), "a\n\tb") == "a\n\tb"


@pytest.mark.parametrize(
    "name",
    [
        "p\u0430ypal",
        "\u0430dmin",
        "admin\u0455",
        "\uff41dmin",
        "a\u03bf",
        "a b",
        "a/b",
        "<b>",
        "a\u200db",
        "x\ufb01",
        "b\u0c66b",  # a zero of Telugu
        "admi\u0307n",
        "adm\u0131\u0307n",
        "\u043f\u0456\u0307",
        "a\u093e",  # a vowel sign of Devanagari
    ],
)
def test_a_name_that_imitates_another_is_refused(name: str) -> None:
    assert reads(IdentifierField(), name).startswith("refused:")


@pytest.mark.parametrize(
    "name",
    [
        "alice",
        "a.b-c_d@e+f",
        "\u00c5sa7",
        "\u0430\u043b\u0438\u0441\u0430",
        "\u5c71\u7530\u306e\u30ab",
        "\u0645\u0631\u06cc\u0645",
        "\u0645\u0631\u06cc\u0645\u0661",  # with a digit of its own
        "\u0928\u092e\u093e\u0967",
        "b\u0254\u0300b",  # an open o with a grave accent
        "Q\u0307",
    ],
)
def test_a_name_of_one_script_is_taken(name: str) -> None:
    assert reads(IdentifierField(), name) == name
