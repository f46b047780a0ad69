"""One thing that is wrong with a project, as the start and the system checks tell of it."""

from __future__ import annotations

from dataclasses import dataclass

from stockade.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: the check's id, what it is, what to write instead, and whether it stops the start."""

    id: str
    message: str
    hint: str
    stops: bool = True

    def __str__(self) -> str:
        return f"{self.id}: {self.message} {self.hint}"

    @classmethod
    def of(cls, error: ConfigurationError) -> Finding:
        """What a wrong setting says of itself."""
        return cls(error.id, error.message, error.hint)
