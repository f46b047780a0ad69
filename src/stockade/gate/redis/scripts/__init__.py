"""The scripts that run inside Redis; each file says what its keys and arguments are."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the name that Redis gives it (the SHA-1 of its text; no security rests on it)."""

    text: bytes
    sha: bytes


def _read(name: str) -> Script:
    text = (files(__name__) / f"{name}.lua").read_bytes()
    return Script(text, sha1(text, usedforsecurity=False).hexdigest().encode())


ASK = _read("ask")
REFUND = _read("refund")
EPOCHS = _read("epochs")
STALE = _read("stale")
LOADING = _read("loading")
ALL = (ASK, REFUND, EPOCHS, STALE, LOADING)
