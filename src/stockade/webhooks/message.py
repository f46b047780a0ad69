"""A message that holds: what a view gets to know of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from stockade.core.secrets import fingerprint


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose signature holds.

    Args:
        source: whom it is from, by the name in WEBHOOKS.
        preset: how it was signed.
        id: its id as the source gives it, "" where it has none; signed or not, see the preset.
        time: when it was signed, in seconds since 1970; None where no time is signed.
        body: the raw bytes.
        digests: of what was signed, by each secret in force; () where the id stands for that.
    """

    source: str
    preset: str
    id: str
    time: int | None
    body: bytes = field(repr=False)
    digests: tuple[bytes, ...] = field(repr=False)

    @property
    def contents(self) -> tuple[str, ...]:
        """Names of what was signed, the same for the same content: one is enough to know it by.

        By each secret in force, because which of them a copy is signed with is its sender's choice. Not the signatures
        themselves: the shared state need not hold what would open the door if it were forgotten there.
        """
        if not self.digests:
            return (f"i:{self.id}",)
        return tuple(["c:" + hashlib.sha256(digest).hexdigest() for digest in self.digests])

    @property
    def attempt(self) -> str:
        """Names this try of the source to deliver it."""
        return f"i:{self.id}" if self.time is None else f"t:{self.time}"

    @property
    def label(self) -> str:
        """What the log calls it: its id, or a fingerprint where the id is none to print."""
        if self.id and len(self.id) <= 100 and self.id.isascii() and self.id.isprintable():
            return self.id
        return fingerprint(self.id or self.contents[0])
