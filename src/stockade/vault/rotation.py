"""Rotates a secret in three steps, so that no process ever meets what it does not know: publish, sign, retire.

1. publish: the new value stands in NAME_FALLBACKS; every process learns to take it.
2. sign: the new value stands in NAME, the old one in NAME_FALLBACKS; processes change over one by one.
3. retire: the old value is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.core.secrets import fingerprint
from stockade.vault.address import Address
from stockade.vault.files import Files
from stockade.vault.kept import Kept
from stockade.vault.place import Bad, value
from stockade.vault.read import providers, several
from stockade.vault.text import Secret

WAIT = 600.0  # seconds between publish and sign, at least
OVERLAP = 14 * 86_400.0  # seconds between sign and retire: the life of a session of Django's
PATIENCE = 10.0  # seconds for another rotation of the same secret, which takes milliseconds


class Step(Enum):
    """What was done last."""

    PUBLISHED = "published"
    SIGNING = "signing"
    RETIRED = "retired"


class TooEarly(Exception):
    """The next step would refuse somebody.

    Args:
        seconds: that are left.
        step: what was done last.
    """

    def __init__(self, seconds: float, step: Step) -> None:
        super().__init__(f"too early by {seconds:.0f} s")
        self.seconds, self.step = seconds, step


class Store(Protocol):
    """Where a secret, its fallbacks and what is known of its rotation are written.

    wait: seconds after which every process has read what was published.
    """

    wait: float

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else rotates the same secret meanwhile."""
        ...

    def read(self) -> State: ...

    def write(self, state: State) -> None:
        """Write it; whoever reads meanwhile finds at least what both states have."""
        ...


@runtime_checkable
class Document(Protocol):
    """A source whose document can be written: that of Vault and OpenBao."""

    address: Address

    def document(self, name: str) -> str: ...

    def whole(self, document: str) -> tuple[dict[str, Any], int, dict[str, Any]]: ...

    def write(self, document: str, content: dict[str, Any], version: int) -> None: ...


@dataclass(frozen=True, slots=True)
class State:
    """A secret in the midst of its rotation, or not.

    Args:
        current: what signs.
        fallbacks: what is taken besides.
        step: what was done last; None where nothing is under way.
        since: seconds since the epoch.
        new: fingerprint of the value that comes.
        old: fingerprint of the value that goes.
    """

    current: Secret = field(repr=False)
    fallbacks: tuple[Secret, ...] = field(repr=False)
    step: Step | None = None
    since: float = 0.0
    new: str = ""
    old: str = ""

    def note(self) -> str:
        """What is written down of the rotation; no secret."""
        step = self.step.value if self.step else None
        return json.dumps({"step": step, "since": self.since, "new": self.new, "old": self.old})


@dataclass(frozen=True, slots=True)
class Note:
    """What is written down of a rotation; see `State`."""

    step: Step | None = None
    since: float = 0.0
    new: str = ""
    old: str = ""


def noted(text: str | None) -> Note:
    """What `State.note` wrote; nothing where it cannot be read."""
    try:
        found = json.loads(text or "{}")
        step = None if found["step"] is None else Step(found["step"])
        return Note(step, float(found["since"]), str(found["new"]), str(found["old"]))
    except (ValueError, KeyError, TypeError):
        return Note()


def advance(
    store: Store,
    new: Secret,
    *,
    wait: float | None = None,
    overlap: float = OVERLAP,
    may_retire: Callable[[], None] = lambda: None,
) -> Step:
    """Do the next step, or what is left of one that was ended in its midst.

    Args:
        store: where the secret is.
        new: the value that a first step publishes.
        wait: seconds that must have passed since publish before the new value signs; None: the store's.
        overlap: seconds that the old value is still taken after that.
        may_retire: called before the old value goes; raises where something still rests on it.

    Returns:
        What was done.

    Raises:
        TooEarly: nothing was done.
        ConfigurationError: E067, somebody has changed the values in the midst of it, or rotates it at this moment.
    """
    wait = store.wait if wait is None else wait
    with store.alone():
        state = store.read()
        now = clock.now()
        due = state.since + (wait if state.step is Step.PUBLISHED else overlap)
        if state.step in (Step.PUBLISHED, Step.SIGNING):
            if now < due:
                raise TooEarly(due - now, state.step)
            # In the midst of the step to sign NAME is the new value already.
            if fingerprint(state.current) not in (state.new, state.old):
                raise _changed("NAME holds neither the value that was there nor the one that was published.")
        if state.step is Step.SIGNING:
            may_retire()
        following = _following(state, new, now)
        store.write(following)
    assert following.step is not None  # noqa: S101 - each step is one
    return following.step


def _following(state: State, new: Secret, now: float) -> State:
    values = {fingerprint(one): one for one in (state.current, *state.fallbacks)}
    rest = tuple(one for one in state.fallbacks if fingerprint(one) not in (state.new, state.old))
    coming, going = values.get(state.new), values.get(state.old)
    if state.step is Step.PUBLISHED:
        if coming is None or (coming is not state.current and coming not in state.fallbacks):
            raise _changed("The fallbacks do not hold the value that was published.")
        # The new one stays among the fallbacks: who reads NAME before this and the fallbacks after it knows both.
        kept = (*((going,) if going is not None else ()), coming, *rest)
        return State(coming, kept, Step.SIGNING, now, state.new, state.old)
    if state.step is Step.SIGNING:
        return State(state.current, rest, Step.RETIRED, now)
    # A value that was put there, and whose note was not written any more, is the one that comes.
    started = next((one for one in state.fallbacks if fingerprint(one) == state.new), None)
    coming = started or new
    others = tuple(one for one in state.fallbacks if one != coming)
    return State(
        state.current, (*others, coming), Step.PUBLISHED, now, fingerprint(coming), fingerprint(state.current)
    )


def _changed(what: str) -> ConfigurationError:
    return ConfigurationError(
        "stockade.E067",
        what,
        "Delete the note of the rotation (NAME.rotation, or the field NAME_ROTATION) to begin anew.",
    )


class InFiles:
    """NAME, NAME_FALLBACKS and NAME.rotation as files, each where the application finds it.

    Args:
        name: of the secret.
        files: that have it.
    """

    wait = WAIT

    def __init__(self, name: str, files: Files) -> None:
        self._name, self._files = name, files
        path, beside = files.path(name), files.beside(name)
        if path is None or beside is None:
            raise ConfigurationError("stockade.E060", f"The secret {name} is in no file.")
        self._path, self._beside = path, beside
        self._note = path.with_name(f"{path.name}.rotation")

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        fd = os.open(
            self._path.with_name(f".{self._path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            _lock(fd)
            yield
        finally:
            os.close(fd)

    def read(self) -> State:
        found, fallbacks = self._files.find(self._name), self._files.find(f"{self._name}_FALLBACKS")
        if found is None:
            raise ConfigurationError("stockade.E060", f"The secret {self._name} is in no file.")
        note = noted(self._note.read_text() if self._note.is_file() else None)
        others = several(fallbacks) if fallbacks else ()
        return State(found, others, note.step, note.since, note.new, note.old)

    def write(self, state: State) -> None:
        if state.step is Step.PUBLISHED:  # what is about to be put there is known again if this ends here
            self._put(self._note, State(state.current, (), None, 0.0, state.new, state.old).note())
        # Before it signs it must be known, and what is known goes last.
        self._put(self._beside, "\n".join(state.fallbacks))
        self._put(self._path, str(state.current))
        self._put(self._note, state.note())

    def _put(self, path: Path, text: str) -> None:
        """Whole at once, with the owner and mode of the secret; a link is replaced, not followed."""
        like = self._path.stat()
        new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        try:
            with os.fdopen(fd, "w") as file:
                if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(fd, like.st_uid, like.st_gid)
                # Whatever the umask is: who may read it now may read it then.
                os.fchmod(fd, like.st_mode & 0o777)
                file.write(text + "\n" if text else "")
                file.flush()
                os.fsync(fd)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)


def _lock(fd: int) -> None:
    """Hold a lock until the file is closed; bounded."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise ConfigurationError(
                    "stockade.E067", "Another rotation of this secret is under way.", "Run it again later."
                ) from None
        time.sleep(0.02)


class InDocument:
    """NAME, NAME_FALLBACKS and NAME_ROTATION in one document of Vault or OpenBao; each step is one write of it.

    Args:
        name: of the secret.
        source: where it is; its policy must let us write as well.
    """

    def __init__(self, name: str, source: Document) -> None:
        self._name, self._source, self._version = name, source, 0
        self._content: dict[str, Any] = {}
        # Who has asked just before asks again after the lifetime, and a little: see `Kept`.
        self.wait = max(WAIT, 2 * source.address.lifetime)

    def alone(self) -> AbstractContextManager[None]:
        return contextlib.nullcontext()  # a write over somebody else's is refused

    def read(self) -> State:
        self._content, self._version, _ = self._source.whole(self._source.document(self._name))
        found = value(self._content.get(self._name))
        others = value(self._content.get(f"{self._name}_FALLBACKS"))
        if not isinstance(found, Secret) or isinstance(others, Bad):
            raise ConfigurationError(
                "stockade.E060", f"The secret {self._name} is not there, or no text.", "Write it first."
            )
        note = noted(str(self._content.get(f"{self._name}_ROTATION") or ""))
        return State(found, several(others) if others else (), note.step, note.since, note.new, note.old)

    def write(self, state: State) -> None:
        new = {
            self._name: str(state.current),
            f"{self._name}_FALLBACKS": "\n".join(state.fallbacks),
            f"{self._name}_ROTATION": state.note(),
        }
        self._source.write(self._source.document(self._name), {**self._content, **new}, self._version)


def store_of(name: str) -> Store | None:
    """Where the application reads a secret, if we can write there; None where it lies somewhere else.

    Raises:
        ConfigurationError: E067, its fallbacks are read from another place, where what is published would not be seen.
    """
    others = f"{name}_FALLBACKS"
    for provider in providers():
        if provider.find(name) is not None:
            break
        if provider.find(others) is not None:
            raise ConfigurationError(
                "stockade.E067",
                f"{others} is read from {provider.name}, and {name} is not there.",
                f"Move {others} to where {name} is.",
            )
    else:
        return None
    if isinstance(provider, Files):
        return InFiles(name, provider)
    source: object = provider.source if isinstance(provider, Kept) else None
    if isinstance(source, Document) and not source.address.folder:
        return InDocument(name, source)
    return None
