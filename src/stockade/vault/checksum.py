"""CRC-32C, with which Google guards what it sends: a payload that was damaged on the way is no secret of ours."""

from __future__ import annotations

from functools import cache

_CASTAGNOLI = 0x82F63B78  # reflected; RFC 3720, appendix B.4


@cache
def _table() -> tuple[int, ...]:
    found = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_CASTAGNOLI if value & 1 else 0)  # noqa: PLW2901 - the table's own arithmetic
        found.append(value)
    return tuple(found)


def crc32c(data: bytes) -> int:
    """The checksum of `data`. No library for 64 KiB: it takes some milliseconds, in a thread that nobody waits for."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
