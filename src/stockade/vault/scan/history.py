"""Everything that git still has of a project: each version of each file once, and each message; newest first."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from stockade.vault.scan.finding import Finding
from stockade.vault.scan.git import ask, command, environment
from stockade.vault.scan.look import look
from stockade.vault.scan.tree import MOST

SECONDS = 120.0
_NAMED = 200  # findings whose commit is looked for


class NotARepository(Exception):
    """There is no history."""


@dataclass(slots=True)
class Scanned:
    """What was found.

    Args:
        findings: one for each secret, where it was last.
        read: versions and messages that were read.
        complete: whether all were, before the time was over.
    """

    findings: list[Finding] = field(default_factory=list)
    read: int = 0
    complete: bool = True


def history(folder: Path, allowed: Collection[str] = frozenset(), seconds: float = SECONDS) -> Scanned:
    """Look through git's objects, of all branches, tags, stashes and the reflog.

    Args:
        folder: in the repository.
        allowed: fingerprints of what was judged to be none.
        seconds: after which it stops, and says that it did.

    Raises:
        NotARepository: git knows none there.
    """
    if ask(folder, "rev-parse", "--git-dir") is None:
        raise NotARepository
    deadline = time.monotonic() + seconds
    found = Scanned()
    seen: set[str] = set()
    known: set[int] = set()
    paths = _objects(folder, deadline, found)
    for id, kind, text in _contents(folder, list(paths), deadline, found):
        path = paths[id] if kind == "blob" else f"(message of {kind} {id[:10]})"
        found.read += 1
        for one in look(text, path, allowed, known):
            if one.fingerprint not in seen:
                seen.add(one.fingerprint)
                found.findings.append(replace(one, commit=id))
    found.findings = [_placed(folder, one, number, deadline) for number, one in enumerate(found.findings)]
    return found


def _objects(folder: Path, deadline: float, found: Scanned) -> dict[str, str]:
    """The path of each object; newest first. Trees have one too, and are sorted out later."""
    paths: dict[str, str] = {}
    with _running(folder, deadline, "rev-list", "--objects", "--all", "--reflog") as (process, out):
        for line in out:
            id, _, path = line.rstrip(b"\n").partition(b" ")
            paths.setdefault(id.decode(), path.decode("utf-8", "replace"))
        if process.wait() != 0:
            found.complete = False
    return paths


def _contents(
    folder: Path, ids: list[str], deadline: float, found: Scanned
) -> Iterator[tuple[str, str, bytes]]:
    wanted = []
    check = ("cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", "--buffer")
    with _running(folder, deadline, *check, ids=ids) as (process, out):
        for line in out:
            id, _, rest = line.decode("ascii", "replace").strip().partition(" ")
            kind, _, size = rest.partition(" ")
            if kind in ("blob", "commit", "tag") and size.isdecimal() and int(size) <= MOST:
                wanted.append(id)
        if process.wait() != 0:
            found.complete = False
    with _running(folder, deadline, "cat-file", "--batch", "--buffer", ids=wanted) as (process, out):
        for _ in wanted:
            head = out.readline().decode("ascii", "replace").split()
            if len(head) != 3:
                found.complete = False
                return
            text = out.read(int(head[2]))
            out.read(1)
            if time.monotonic() > deadline:
                found.complete = False
                return
            if b"\0" not in text[:8192]:
                yield head[0], head[1], text


@contextmanager
def _running(
    folder: Path, deadline: float, *arguments: str, ids: list[str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A git that is ended at the deadline, whatever it does."""
    process = subprocess.Popen(
        command(folder, *arguments), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        stdin=subprocess.PIPE if ids is not None else subprocess.DEVNULL,
    )  # fmt: skip
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), process.kill)
    timer.daemon = True
    timer.start()
    feeder = threading.Thread(target=_feed, args=(process, ids or []), daemon=True)
    feeder.start()
    try:
        assert process.stdout is not None  # noqa: S101 - as asked for
        yield process, process.stdout
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        feeder.join(5)
        if process.stdout is not None:
            process.stdout.close()


def _feed(process: subprocess.Popen[bytes], ids: list[str]) -> None:
    if process.stdin is None:
        return
    try:
        process.stdin.write("".join(f"{id}\n" for id in ids).encode())
        process.stdin.close()
    except (OSError, ValueError):
        pass  # it has ended


def _placed(folder: Path, finding: Finding, number: int, deadline: float) -> Finding:
    """With the commit that brought it in, in place of the object."""
    id = finding.commit
    left = deadline + 10 - time.monotonic()
    if finding.path.startswith("(message") or number >= _NAMED or left <= 0:
        return replace(finding, commit=id[:10])
    said = ask(
        folder, "log", "--all", "--reflog", "--topo-order", f"--find-object={id}", "--format=%h", seconds=left
    )
    commits = (said or b"").decode().split()
    return replace(finding, commit=commits[-1] if commits else id[:10])
