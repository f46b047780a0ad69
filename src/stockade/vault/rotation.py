"""Rotates a secret in three steps, so that no process ever meets what it does not know: publish, sign, retire.

1. publish: the new value stands in NAME_FALLBACKS; every process learns to take it.
2. sign: the new value stands in NAME, the old one in NAME_FALLBACKS; processes change over one by one.
3. retire: the old value is gone.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
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

WAIT = 600.0  # seconds between publish and sign: twice the lifetime of what is kept of a secrets manager
OVERLAP = 14 * 86_400.0  # seconds between sign and retire: the life of a session of Django's


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
    """Where a secret, its fallbacks and what is known of its rotation are written."""

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
    """

    current: Secret = field(repr=False)
    fallbacks: tuple[Secret, ...] = field(repr=False)
    step: Step | None = None
    since: float = 0.0
    new: str = ""

    def note(self) -> str:
        """What is written down of the rotation; no secret."""
        return json.dumps(
            {"step": self.step.value if self.step else None, "since": self.since, "new": self.new}
        )


def noted(text: str | None) -> tuple[Step | None, float, str]:
    """What `note` wrote; nothing where it cannot be read."""
    try:
        found = json.loads(text or "{}")
        return Step(found["step"]), float(found["since"]), str(found["new"])
    except (ValueError, KeyError, TypeError):
        return None, 0.0, ""


def advance(store: Store, new: Secret, *, wait: float = WAIT, overlap: float = OVERLAP) -> Step:
    """Do the next step.

    Args:
        store: where the secret is.
        new: the value that a first step publishes.
        wait: seconds that must have passed since publish before the new value signs.
        overlap: seconds that the old value is still taken after that.

    Returns:
        What was done.

    Raises:
        TooEarly: nothing was done.
        ConfigurationError: E067, somebody has changed the values in the midst of it.
    """
    state = store.read()
    now = clock.now()
    due = state.since + (wait if state.step is Step.PUBLISHED else overlap)
    if state.step in (Step.PUBLISHED, Step.SIGNING) and now < due:
        raise TooEarly(due - now, state.step)
    if state.step is Step.PUBLISHED:
        coming = next((one for one in state.fallbacks if fingerprint(one) == state.new), None)
        if coming is None:
            raise ConfigurationError(
                "stockade.E067",
                "The fallbacks do not hold the value that was published.",
                "Delete the note of the rotation (NAME.rotation, or the field NAME_ROTATION) to begin anew.",
            )
        # The new one stays among the fallbacks: who reads NAME before this and the fallbacks after it knows both.
        rest = tuple(one for one in state.fallbacks if one not in (coming, state.current))
        store.write(State(coming, (state.current, coming, *rest), Step.SIGNING, now, state.new))
        return Step.SIGNING
    if state.step is Step.SIGNING:
        rest = tuple(one for one in state.fallbacks[1:] if one != state.current)
        store.write(State(state.current, rest, Step.RETIRED, now))
        return Step.RETIRED
    store.write(State(state.current, (*state.fallbacks, new), Step.PUBLISHED, now, fingerprint(new)))
    return Step.PUBLISHED


class InFiles:
    """NAME, NAME_FALLBACKS and NAME.rotation in one folder.

    Args:
        name: of the secret.
        folder: where it is.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name, self._folder = name, folder
        self._files = Files([folder])

    def read(self) -> State:
        found = self._files.find(self._name)
        if found is None:
            raise ConfigurationError("stockade.E060", f"The secret {self._name} is not in {self._folder}.")
        fallbacks = self._files.find(f"{self._name}_FALLBACKS")
        note = self._folder / f"{self._name}.rotation"
        step, since, new = noted(note.read_text() if note.is_file() else None)
        return State(found, several(fallbacks) if fallbacks else (), step, since, new)

    def write(self, state: State) -> None:
        fallbacks = "\n".join(state.fallbacks)
        current = {self._name: str(state.current)}
        others = {f"{self._name}_FALLBACKS": fallbacks}
        # Before it signs it must be known, and what is known goes last.
        order: tuple[Mapping[str, str], ...] = (others, current)
        for values in order:
            for name, text in values.items():
                self._put(name, text)
        self._put(f"{self._name}.rotation", state.note())

    def _put(self, name: str, text: str) -> None:
        """Whole at once, with the mode of the secret; a link is replaced, not followed."""
        like = (self._folder / self._name).stat()
        new = self._folder / f".{name}.{secrets.token_hex(8)}"
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, like.st_mode & 0o777)
        try:
            with os.fdopen(fd, "w") as file:
                file.write(text + "\n" if text else "")
                file.flush()
                os.fsync(file.fileno())
            if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(new, like.st_uid, like.st_gid)
            new.replace(self._folder / name)
        finally:
            new.unlink(missing_ok=True)


class InDocument:
    """NAME, NAME_FALLBACKS and NAME_ROTATION in one document of Vault or OpenBao; each step is one write of it.

    Args:
        name: of the secret.
        source: where it is; its policy must let us write as well.
    """

    def __init__(self, name: str, source: Document) -> None:
        self._name, self._source, self._version = name, source, 0
        self._content: dict[str, Any] = {}

    def read(self) -> State:
        self._content, self._version, _ = self._source.whole(self._source.document(self._name))
        found = value(self._content.get(self._name))
        others = value(self._content.get(f"{self._name}_FALLBACKS"))
        if not isinstance(found, Secret) or isinstance(others, Bad):
            raise ConfigurationError(
                "stockade.E060", f"The secret {self._name} is not there, or no text.", "Write it first."
            )
        step, since, new = noted(str(self._content.get(f"{self._name}_ROTATION") or ""))
        return State(found, several(others) if others else (), step, since, new)

    def write(self, state: State) -> None:
        new = {
            self._name: str(state.current),
            f"{self._name}_FALLBACKS": "\n".join(state.fallbacks),
            f"{self._name}_ROTATION": state.note(),
        }
        self._source.write(self._source.document(self._name), {**self._content, **new}, self._version)


def store_of(name: str) -> Store | None:
    """Where a secret lies that we can write; None where it lies somewhere else."""
    folder = _folder_of(name)
    if folder is not None:
        return InFiles(name, folder)
    for provider in providers():
        if provider.find(name) is None:
            continue
        source: object = provider.source if isinstance(provider, Kept) else None
        return (
            InDocument(name, source) if isinstance(source, Document) and not source.address.folder else None
        )
    return None


def _folder_of(name: str) -> Path | None:
    """The folder in which a secret lies as a file."""
    told = os.environ.get(f"{name}_FILE")
    if told:
        path = Path(told)
        return path.parent if path.name == name else None
    return next((folder for folder in Files()._where() if (folder / name).is_file()), None)  # noqa: SLF001
