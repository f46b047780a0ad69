"""Blocks and comments, as both configurations have them."""

from __future__ import annotations

import textwrap


def note(text: str) -> str:
    """A comment for the operator, wrapped."""
    return textwrap.fill(
        " ".join(text.split()), 112, initial_indent="# ", subsequent_indent="# ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def block(opening: str, *lines: str, indent: str = "    ") -> str:
    """Lines in braces; each may be several."""
    inner = "\n".join(lines).split("\n")
    head = f"{opening} {{" if opening else "{"
    return "\n".join([head, *(f"{indent}{line}" if line else "" for line in inner), "}"])
