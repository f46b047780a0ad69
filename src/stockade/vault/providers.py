"""Where secrets come from: the protocol, and the environment."""

from __future__ import annotations

import os
import re
from typing import Protocol

from stockade.core.errors import ConfigurationError
from stockade.vault.text import Secret, malformed, tidy

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class Provider(Protocol):
    """One place that secrets come from.

    name: as in STOCKADE_SECRETS_ORDER and in messages.
    """

    name: str

    def find(self, name: str) -> Secret | None:
        """The secret called `name`, or None if this place does not have it (an empty one counts as not there).

        Raises:
            ConfigurationError: it is there and cannot be used; the message never holds the value.
        """
        ...

    def remedy(self, name: str) -> str:
        """What to set so that this place has it, as the rest of a sentence that begins with "Set"."""
        ...


def valid_name(name: str) -> bool:
    """Whether `name` can be a variable and a file: no separators, no dots, nothing that leaves a folder."""
    return _NAME.fullmatch(name) is not None


def cleaned(text: str, where: str) -> Secret | None:
    """The secret in raw text, None if it is empty.

    Raises:
        ConfigurationError: E063, it holds what no secret holds.
    """
    text = found = Secret(tidy(text))  # both redacted: a traceback may show this frame's locals
    why = malformed(found)
    if why is not None:
        raise ConfigurationError(
            "stockade.E063", f"{where} {why}.", "Write the secret alone, without quotes or spaces."
        )
    return found or None


class Environment:
    """Environment variables, by their own name."""

    name = "environment"

    def find(self, name: str) -> Secret | None:
        return cleaned(Secret(os.environ.get(name, "")), f"The environment variable {name}")

    def remedy(self, name: str) -> str:
        return f"the environment variable {name}"
