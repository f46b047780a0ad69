"""A message that holds: what a view gets to know of it."""

from __future__ import annotations

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
        content: names what was signed; the same for the same content, and of no use to make a signature.
        attempt: names this try of the source to deliver it.
    """

    source: str
    preset: str
    id: str
    time: int | None
    body: bytes = field(repr=False)
    content: str = field(repr=False)
    attempt: str = field(repr=False)

    @property
    def label(self) -> str:
        """What the log calls it: its id, or a fingerprint where the id is none to print."""
        if self.id and len(self.id) <= 100 and self.id.isascii() and self.id.isprintable():
            return self.id
        return fingerprint(self.id or self.content)
