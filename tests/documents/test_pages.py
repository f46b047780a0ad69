"""Every code block of README.md and docs/ does what it says, and every link between them leads somewhere."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.documents import console, python
from tests.documents.blocks import ROOT, PageError, pages, read


def check_page(page: Path, folder: Path) -> None:
    """Run one page.

    Raises:
        PageError: something on it is not so.
    """
    blocks = read(page)
    for block in blocks:
        try:
            if block.kind == "json":
                json.loads(block.text)
            elif block.kind == "toml":
                tomllib.loads(block.text)
        except ValueError as error:
            raise PageError(f"{block.place}: not {block.kind.upper()}: {error}") from None
    for group in python.groups(blocks):
        python.run(group, folder)
    for block in blocks:
        if block.kind == "python test":
            python.run_test(block, folder)
    console.run(blocks, folder)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_code_block_of_the_page_is_true(page: Path, tmp_path: Path) -> None:
    check_page(page, tmp_path)


@pytest.mark.parametrize("page", [*pages(), *ROOT.glob("*.md")], ids=name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if not (page.parent / target).exists()] == []
