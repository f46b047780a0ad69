"""What the bench wrote stands in the pages between two comments, and the rest of a page is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import include


def test_only_what_stands_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- bench -->\nold \\1\n<!-- /bench -->\nafter\n")
    include.insert("new \\1\n", page, "bench")
    assert page.read_text() == "before\n<!-- bench -->\nnew \\1\n<!-- /bench -->\nafter\n"


def test_a_page_without_the_markers_is_named(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("text\n")
    with pytest.raises(LookupError, match=r"README\.md: write <!-- steps -->"):
        include.insert("new\n", page, "steps")
    assert page.read_text() == "text\n"


@pytest.mark.parametrize("marker", include.SHOWN)
def test_the_pages_show_what_was_measured(marker: str) -> None:
    file, pages = include.SHOWN[marker]
    measured = (include.ROOT / "bench" / file).read_text().strip()
    for name in pages:
        shown = (include.ROOT / name).read_text().partition(f"<!-- {marker} -->\n")[2]
        assert shown.partition(f"<!-- /{marker} -->")[0].strip() == measured, (
            f"{name} shows other figures: run `make bench` or scripts/include.py"
        )
