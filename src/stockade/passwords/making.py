"""Makes the file of breached passwords, of lists of any length: sorted in runs on disk, merged, written once."""

from __future__ import annotations

import gzip
import hashlib
import heapq
import io
import os
import re
import sys
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from stockade.passwords.filed import (
    DIGESTED,
    HEAD,
    MAGIC,
    MOST_BITS,
    PER_BUCKET,
    REMAINDER,
    VERSION,
    digest_of,
)

RUN = 2_000_000  # digests that are sorted in memory at once: about 150 MB
_READ = 1 << 13  # digests that are read of a run at once
_LONGEST = 65_536  # bytes of a line; what is longer is no password
_HASHED = re.compile(rb"([0-9A-Fa-f]{40})(?::(\d{1,12}))?")
_NTLM = re.compile(rb"[0-9A-Fa-f]{32}:\d+")

Progress = Callable[[int], None]


class WrongInput(ValueError):
    """A list is none that can be read, or has nothing in it."""


@dataclass(slots=True)
class Built:
    """What was made.

    Args:
        passwords: how many the file has.
        lines: how many were read.
        left_out: lines of passwords that were seen too seldom.
        size: of the file, in bytes.
    """

    passwords: int = 0
    lines: int = 0
    left_out: int = 0
    size: int = 0


def build(
    sources: Iterable[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    *,
    at_least: int = 0,
    words: bool = False,
    run: int = RUN,
    progress: Progress | None = None,
) -> Built:
    """Make the file of all lists together; what stood at `target` stays whole until the new one is.

    Args:
        sources: files of lines: `SHA1:count` or `SHA1` in hex, or a password; those that end in ``.gz`` are unpacked.
        target: the file to make.
        at_least: how often a password that comes with a count must have been seen.
        words: take each line for a password, also one that looks like a digest.
        run: how many digests are sorted in memory at once.
        progress: called with the bytes read so far.

    Raises:
        WrongInput: a list has hashes that are not SHA-1, is no gzip file, or there is nothing in any.
        OSError: a file cannot be read or written.
    """
    found, path = Built(), Path(target)
    with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".passwords-") as folder:
        runs = list(_runs(_keys(sources, found, at_least, words, progress), run, Path(folder)))
        if not runs:
            raise WrongInput("There is no password in these lists.")
        upper = sum(one.stat().st_size for one in runs) // 8
        draft = Path(folder, "list")
        with draft.open("w+b") as file:
            _write(file, _merged(runs), upper, at_least, found)
            found.size = file.seek(0, io.SEEK_END)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o644)
        draft.replace(path)
    _keep_folder(path.absolute().parent)
    return found


def _keys(
    sources: Iterable[str | os.PathLike[str]],
    found: Built,
    at_least: int,
    words: bool,
    progress: Progress | None,
) -> Iterator[int]:
    done = 0
    for source in sources:
        with _opened(source) as (raw, lines):
            for line in _lines(lines, source):
                found.lines += 1
                if progress is not None and found.lines % 100_000 == 0:
                    progress(done + raw.tell())
                hashed = None if words else _HASHED.fullmatch(line)
                if hashed is not None:
                    if hashed[2] is not None and int(hashed[2]) < at_least:
                        found.left_out += 1
                        continue
                    yield int(hashed[1][:16], 16)
                elif not words and _NTLM.fullmatch(line):
                    raise WrongInput(f"{source} has NTLM hashes. Take the list of SHA-1 hashes.")
                elif line:
                    yield int.from_bytes(hashlib.sha1(line, usedforsecurity=False).digest()[:8], "big")
            done += raw.tell()
    if progress is not None:
        progress(done)


@contextmanager
def _opened(source: str | os.PathLike[str]) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """The file as it lies there, which tells how far one is, and its lines."""
    with Path(source).open("rb") as raw:
        if not str(source).endswith(".gz"):
            yield raw, raw
            return
        with gzip.GzipFile(fileobj=raw) as lines:
            yield raw, cast("IO[bytes]", lines)


def _lines(file: IO[bytes], source: object) -> Iterator[bytes]:
    """Each line without its end. Spaces are part of a password; the rest of a line that is too long is passed over."""
    whole = True
    try:
        while line := file.readline(_LONGEST):
            ends = line.endswith(b"\n")
            if whole and (ends or len(line) < _LONGEST):
                yield line.rstrip(b"\r\n")
            whole = ends
    except (gzip.BadGzipFile, EOFError) as error:
        raise WrongInput(f"{source} is no whole gzip file: {error}.") from None


def _runs(keys: Iterator[int], size: int, folder: Path) -> Iterator[Path]:
    """Files of sorted digests."""
    number, going = 0, True
    while going:
        run = array("Q")
        for key in keys:
            run.append(key)
            if len(run) >= size:
                break
        else:
            going = False
        if run:
            path = folder / f"run-{number}"
            with path.open("wb") as file:
                array("Q", sorted(run)).tofile(file)
            yield path
            number += 1


def _merged(runs: list[Path]) -> Iterator[int]:
    """All digests in order, each once."""
    last = -1
    for key in heapq.merge(*map(_read, runs)):
        if key != last:
            last = key
            yield key


def _read(path: Path) -> Iterator[int]:
    with path.open("rb") as file:
        while raw := file.read(8 * _READ):
            keys = array("Q")
            keys.frombytes(raw)
            yield from keys


def _write(file: IO[bytes], keys: Iterator[int], upper: int, at_least: int, found: Built) -> None:
    if upper >= 2**32:
        raise WrongInput("That is more than 4,294,967,295 passwords. Leave rare ones out with --at-least.")
    bits = min(MOST_BITS, max(0, (-(-upper // PER_BUCKET) - 1).bit_length()))
    shift, mask = 64 - bits - 8 * REMAINDER, (1 << 8 * REMAINDER) - 1
    before = array("I", bytes(4 * (2**bits + 1)))
    file.write(bytes(HEAD.size + 4 * len(before)))
    buffer, bucket, kept = bytearray(), 0, -1
    for key in keys:
        short = key >> shift
        if short == kept:  # two that differ only beyond what is kept are one
            continue
        kept = short
        while bucket < short >> 8 * REMAINDER:
            bucket += 1
            before[bucket] = found.passwords
        found.passwords += 1
        buffer += (short & mask).to_bytes(REMAINDER, "big")
        if len(buffer) >= 1 << 20:
            file.write(buffer)
            buffer.clear()
    file.write(buffer)
    for rest in range(bucket + 1, len(before)):
        before[rest] = found.passwords
    if sys.byteorder == "big":
        before.byteswap()
    file.seek(HEAD.size)
    file.write(before.tobytes())
    _seal(file, (MAGIC, VERSION, bits, 0, at_least, found.passwords))


def _seal(file: IO[bytes], head: tuple[Any, ...]) -> None:
    file.seek(0)
    file.write(HEAD.pack(*head, bytes(32)))
    file.flush()
    digest = digest_of(file.fileno())
    file.seek(DIGESTED)
    file.write(digest)


def _keep_folder(folder: Path) -> None:
    """So that the name outlasts a crash of the machine."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
