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
from stockade.vault.scan.git import ask, command, environment, refused
from stockade.vault.scan.look import look, named
from stockade.vault.scan.names import by_name
from stockade.vault.scan.tree import MOST, text_of

SECONDS = 120.0
_NAMED = 200  # findings whose commit is looked for
_ENOUGH = 2_000_000  # objects, about 300 MB of names; no time that anybody waits is enough for more

# Why not everything was read.
TIME = "the time was over"
SHALLOW = "this is a shallow clone: what is older is not here"
PARTIAL = "objects are not here: this is a partial clone, or a damaged one"
FAILED = "git failed"
REFUSED = "git does not read the repository: it belongs to another user (see safe.directory), or git is not installed"


class NotARepository(Exception):
    """There is no history."""


@dataclass(slots=True)
class Scanned:
    """What was found.

    Args:
        findings: one for each secret, where it was last.
        read: versions and messages that were read.
        gaps: why some were not; empty where all were.
        too_long: how many versions are longer than MOST, and were left out.
    """

    findings: list[Finding] = field(default_factory=list)
    read: int = 0
    gaps: list[str] = field(default_factory=list)
    too_long: int = 0

    @property
    def complete(self) -> bool:
        """Whether all were read."""
        return not self.gaps

    def lacks(self, why: str) -> None:
        """Say why not."""
        if why not in self.gaps:
            self.gaps.append(why)


def history(folder: Path, allowed: Collection[str] = frozenset(), seconds: float = SECONDS) -> Scanned:
    """Look through git's objects: of all branches, tags, stashes, the reflog, the index, and those of none.

    Args:
        folder: in the repository.
        allowed: fingerprints of what was judged to be none.
        seconds: after which it stops, and says that it did.

    Raises:
        NotARepository: there is none.
    """
    found = Scanned()
    if ask(folder, "rev-parse", "--git-dir") is None:
        if not refused(folder):
            raise NotARepository
        found.lacks(REFUSED)
        return found
    if (ask(folder, "rev-parse", "--is-shallow-repository") or b"").strip() == b"true":
        found.lacks(SHALLOW)
    begin = time.monotonic()
    deadline = begin + seconds
    seen: set[str] = set()
    known: set[int] = set()
    # Half of the time at most for the list: of what is newest, some is read in any case.
    paths = _reachable(folder, begin + seconds / 2, found)
    for id, kind, content in _contents(folder, paths, deadline, found):
        found.read += 1
        path = f"(message of {kind} {id[:10]})"
        if kind == "blob":
            path = paths.get(id, f"(a version of a file, {id[:10]})")
        told = look(text_of(content), path, allowed, known, deadline)
        for one in (*by_name(content, path, allowed), *told):
            if one.fingerprint not in seen:
                seen.add(one.fingerprint)
                found.findings.append(replace(one, commit=id))
    if time.monotonic() > deadline:  # the last one may not have been looked at to its end
        found.lacks(TIME)
    found.findings = [_placed(folder, one, number, deadline) for number, one in enumerate(found.findings)]
    found.findings += [one for one in named(set(paths.values()), allowed) if one.fingerprint not in seen]
    return found


def _reachable(folder: Path, deadline: float, found: Scanned) -> dict[str, str]:
    """The path of each object; newest first. Trees have one too, and are sorted out later."""
    paths: dict[str, str] = {}
    all_of_them = ("rev-list", "--objects", "--all", "--reflog", "--indexed-objects", "--missing=print")
    with _running(folder, deadline, *all_of_them) as (process, out):
        for line in out:
            id, _, path = line.rstrip(b"\n").partition(b" ")
            if id.startswith(b"?"):
                found.lacks(PARTIAL)
                continue
            paths.setdefault(id.decode(), path.decode("utf-8", "replace"))
            if len(paths) >= _ENOUGH:
                found.lacks(TIME)
                return paths
        _ended(process, deadline, found)
    return paths


def _contents(
    folder: Path, paths: dict[str, str], deadline: float, found: Scanned
) -> Iterator[tuple[str, str, bytes]]:
    """Kind and content of each version and message that git has: those of `paths` in their order, then the others."""
    here: set[str] = set()
    others: list[str] = []
    # What was undone and dropped from the reflog too is here until git collects it.
    check = ("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype) %(objectsize)")
    with _running(folder, deadline, *check, "--buffer", "--unordered") as (process, out):
        for line in out:
            id, kind, size = (*line.decode("ascii", "replace").split(), "", "")[:3]
            if kind not in ("blob", "commit", "tag") or not size.isdecimal():
                continue
            if int(size) > MOST:
                found.too_long += 1
            elif id in paths:
                here.add(id)
            elif len(others) < _ENOUGH:
                others.append(id)
        _ended(process, deadline, found)
    wanted = [*(id for id in paths if id in here), *others]
    with _running(folder, deadline, "cat-file", "--batch", "--buffer", ids=wanted) as (_, out):
        for _number in wanted:
            head = out.readline().decode("ascii", "replace").split()
            content = out.read(int(head[2])) if len(head) == 3 else b""
            out.read(1)
            if time.monotonic() > deadline:
                found.lacks(TIME)
                return
            if len(head) != 3:
                found.lacks(FAILED)
                return
            yield head[0], head[1], content


def _ended(process: subprocess.Popen[bytes], deadline: float, found: Scanned) -> None:
    if process.wait() != 0:
        found.lacks(TIME if time.monotonic() >= deadline else FAILED)


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
        for at in range(0, len(ids), 10_000):
            process.stdin.write("".join(f"{id}\n" for id in ids[at : at + 10_000]).encode())
        process.stdin.close()
    except (OSError, ValueError):
        pass  # it has ended


def _placed(folder: Path, finding: Finding, number: int, deadline: float) -> Finding:
    """With the commit that brought it in, in place of the object."""
    id = finding.commit
    left = deadline + 10 - time.monotonic()
    if finding.path.startswith("(") or number >= _NAMED or left <= 0:
        return replace(finding, commit=id[:10])
    said = ask(
        folder, "log", "--all", "--reflog", "--topo-order", f"--find-object={id}", "--format=%h", seconds=left
    )
    commits = (said or b"").decode().split()
    return replace(finding, commit=commits[-1] if commits else id[:10])
