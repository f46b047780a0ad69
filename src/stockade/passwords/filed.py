"""The file of breached passwords: truncated digests in order, found by two short reads.

Version 1, numbers big-endian except where said::

    offset  size
    0       8      "stkpwned"
    8       1      1, the version
    9       1      p, the bits of a digest that name its bucket, 0 to 28
    10      2      0
    12      4      how often a password was seen at least to be in it; 0 where nobody counted
    16      8      n, how many digests it has
    24      32     SHA-256 over the 24 bytes before and everything after this header
    56      8      0
    64      4 * (2**p + 1)    little-endian: for each bucket how many digests stand before it; at the end n
    ...     3 * n             of each digest the 24 bits after the first p, in order within its bucket

A digest is the SHA-1 of a password's UTF-8 bytes, as the lists that one can download have it; nothing rests on its
strength. A bucket has 32 digests or fewer on average, so a password that is not in the list passes for one that is
with a probability of at most 32 / 2**24, one in 524,288. One that is in it is always found.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import weakref
from pathlib import Path

MAGIC = b"stkpwned"
VERSION = 1
REMAINDER = 3  # bytes
PER_BUCKET = 32
MOST_BITS = 28
HEAD = struct.Struct(">8sBBHIQ32s8x")
DIGESTED = 24  # bytes of the header before its digest
_OFFSET = struct.Struct("<I")
_CHUNK = 1 << 20


class BrokenList(ValueError):
    """A file is no list of breached passwords, or not all of one."""


def key_of(password: str) -> int:
    """The first 64 bits of the password's SHA-1."""
    # A lone surrogate has no UTF-8, and no list has it; it must not be an error either.
    text = password.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha1(text, usedforsecurity=False).digest()[:8], "big")


def body_size(bits: int, count: int) -> int:
    """Bytes after the header."""
    return _OFFSET.size * ((1 << bits) + 1) + REMAINDER * count


class BreachList:
    """An open list. It is read as it was when it was opened, whatever file is put in its place.

    It is read, and not mapped into memory: where somebody cuts a mapped file short, as `cp` does before it writes
    another over it, the next look at it kills the process.

    Args:
        path: of a file that `stockade passwords build` has made.

    Attributes:
        count: how many passwords it has.
        at_least: how often each of them was seen at least; 0 where nobody counted.

    Raises:
        BrokenList: it is none, or was damaged: its digest is not right. Also later, by `in`: it was written to.
        OSError: it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._handle)
        status = os.fstat(self._handle)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(21, "Is a directory", str(self.path))
        if not stat.S_ISREG(status.st_mode):
            raise BrokenList(f"{self.path} is no file.")
        head = os.pread(self._handle, HEAD.size, 0)
        if len(head) < HEAD.size or not head.startswith(MAGIC):
            raise BrokenList(f"{self.path} is no list of `stockade passwords build`.")
        _, version, bits, _, self.at_least, self.count, digest = HEAD.unpack(head)
        if version != VERSION:
            raise BrokenList(f"{self.path} is of version {version}; this is for version {VERSION}.")
        if bits > MOST_BITS or status.st_size != HEAD.size + body_size(bits, self.count):
            raise BrokenList(f"{self.path} is not whole.")
        self._shift, self._remainders = 64 - bits, HEAD.size + _OFFSET.size * ((1 << bits) + 1)
        self._written = _written(status)
        if digest_of(self._handle) != digest:
            raise BrokenList(f"{self.path} was damaged: its digest is not right.")

    def __contains__(self, password: str) -> bool:
        key = key_of(password)
        at = HEAD.size + _OFFSET.size * (key >> self._shift)
        bounds = self._read(2 * _OFFSET.size, at)
        first, end = (_OFFSET.unpack_from(bounds, step)[0] for step in (0, _OFFSET.size))
        wanted = (key >> (self._shift - 8 * REMAINDER) & (1 << 8 * REMAINDER) - 1).to_bytes(REMAINDER, "big")
        bucket = self._read(REMAINDER * (end - first), self._remainders + REMAINDER * first)
        # After reading: who writes meanwhile is noticed.
        if _written(os.fstat(self._handle)) != self._written:
            raise BrokenList(self._changed())
        return any(bucket[one : one + REMAINDER] == wanted for one in range(0, len(bucket), REMAINDER))

    def _read(self, size: int, at: int) -> bytes:
        found = os.pread(self._handle, size, at) if size > 0 else b""
        if len(found) != size:
            raise BrokenList(self._changed())
        return found

    def _changed(self) -> str:
        return f"{self.path} was written to since it was opened."


def _written(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def digest_of(handle: int) -> bytes:
    """SHA-256 of an open file but for the digest in its header."""
    found = hashlib.sha256(os.pread(handle, DIGESTED, 0))
    at = HEAD.size
    while some := os.pread(handle, _CHUNK, at):
        found.update(some)
        at += len(some)
    return found.digest()
