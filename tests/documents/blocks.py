"""Reads the code blocks of a Markdown page, and says which kind each is.

The word after the fence, and what may follow it, decide what a test does with a block:

    ```python            runs, in the page's order and in one namespace for the whole page
    ```python settings   is a part of settings.py: Django is started with it and its checks must pass; the Python
                         blocks after it run under these settings
    ```python test       is a test module: pytest runs it in the project of the documents
    ```console           each line behind `$ ` is run by bash (`> ` goes on with it); lines below it, if any, are what
                         it prints, with `...` for any text; `status=1` after the word if the last command fails
    ```json  ```toml     must parse
    ```text  ```http     is only shown

A comment `<!-- run` ... `-->` on lines of their own holds Python that runs but is not shown: what a reader has
already (a user, an article). A comment `<!-- console` ... `-->` holds console lines. Anything else is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent.parent
SHOWN = {"text", "http", "mermaid", "nginx"}
KINDS = {"python", "python settings", "python test", "console", "json", "toml", *SHOWN}


class PageError(AssertionError):
    """A page shows something that is not so."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its kind, its text, and the line of the page on which the text begins (from 1)."""

    page: Path
    kind: str
    text: str
    line: int
    status: int = 0

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


def pages() -> list[Path]:
    """README.md and every page below docs/."""
    built = ROOT / "docs" / "_build"
    return [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if built not in p.parents)]


def read(page: Path) -> list[Block]:
    """The blocks of a page in order.

    Raises:
        PageError: a block has no kind, or one that no test knows.
    """
    return list(_blocks(page, page.read_text(), 0))


def _blocks(page: Path, text: str, offset: int) -> Iterator[Block]:
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.map is None:
            continue
        line = offset + token.map[0] + 1
        if token.type == "code_block":
            raise PageError(f"{page.name}:{line}: indented code is not run: use a fence")
        if token.type == "html_block" and (
            hidden := re.match(r"<!-- (run|console)\n(.*?)-->", token.content, re.DOTALL)
        ):
            kind = "python" if hidden[1] == "run" else "console"
            yield Block(page, kind, hidden[2], line + 1)
        if token.type == "fence":
            if token.info.startswith("{"):  # a MyST directive: look inside
                yield from _blocks(page, token.content, line)
            else:
                yield _fence(page, token.info, token.content, line)


def _fence(page: Path, info: str, content: str, line: int) -> Block:
    words = info.split()
    status = 0
    if words and (match := re.fullmatch(r"status=(\d+)", words[-1])):
        status = int(match[1])
        words.pop()
    kind = " ".join(words)
    if kind not in KINDS:
        raise PageError(
            f"{page.name}:{line}: unknown kind of block {info!r}; known: {', '.join(sorted(KINDS))}"
        )
    return Block(page, kind, content, line + 1, status)
