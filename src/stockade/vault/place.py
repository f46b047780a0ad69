"""What a secrets manager is asked and answers, whichever it is: one document for all secrets, or an entry for each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from stockade.core.errors import ConfigurationError, StockadeError
from stockade.vault.address import Address
from stockade.vault.text import Secret, malformed, tidy

MOST = 64 * 1024  # characters of one secret, as for files
WHOLE = ""  # the field of an entry that is one secret


class Away(StockadeError):
    """A place gave nothing that can be used.

    Args:
        reason: in one word, for the log: never what the other side said.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Bad:
    """A value that no secret has.

    Args:
        why: the end of a sentence; does not quote it.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a place said.

    Args:
        fields: text, or what else was found, by name; one that is not there or empty is absent.
        order: grows with each version, so that an older one is noticed.
        version: as the place calls it, for the log.
        made: when, in seconds since the epoch; None where the place does not tell.
    """

    fields: Mapping[str, Secret | Bad] = field(repr=False)
    order: float = 0.0
    version: str = ""
    made: float | None = None


class Source(Protocol):
    """One secrets manager, asked over the network.

    address: what of it is asked.
    """

    address: Address

    def document(self, name: str) -> str:
        """Which document holds this secret: the same for all, or one for each."""
        ...

    def ask(self, document: str) -> Answer:
        """Ask it now; may take the address's `timeout`.

        Raises:
            Away: it gives nothing that can be used.
            ConfigurationError: it cannot be asked, because something is not configured or not installed.
        """
        ...

    def remedy(self, name: str) -> str:
        """Where this secret has to be put, as the rest of a sentence that begins with "Set"."""
        ...

    def forget(self) -> None:
        """Drop connections: they are the parent's."""
        ...


def value(found: object) -> Secret | Bad | None:
    """A secret out of what a place holds for it; None where that is nothing."""
    if found is None:
        return None
    if isinstance(found, bytes):
        try:
            found = Secret(found.decode())
        except UnicodeDecodeError:
            return Bad("is not UTF-8")
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str):
        return Bad("is not a text")
    if len(found) > MOST:
        return Bad(f"is longer than {MOST} characters")
    text = Secret(tidy(found))
    if not text.strip():
        return None
    why = malformed(text)
    return Bad(why) if why is not None else text


def fields(document: Mapping[str, object]) -> dict[str, Secret | Bad]:
    """The secrets of a document, by name."""
    found = {name: value(content) for name, content in document.items()}
    return {name: content for name, content in found.items() if content is not None}


def parsed(text: object, folder: bool) -> dict[str, Secret | Bad]:
    """The secrets of an entry that is a text: one secret, or, in a document, a JSON object.

    Raises:
        Away: it is no JSON object.
    """
    if folder:
        return fields({WHOLE: text})
    if not isinstance(text, str | bytes):
        raise Away("answer")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Away("not_json")
    return fields(found)


def library(name: str, extra: str) -> ConfigurationError:
    """The error of a library that is not installed."""
    return ConfigurationError(
        "stockade.E066", f"{name} is not installed.", f'Run pip install "django-stockade[{extra}]".'
    )
