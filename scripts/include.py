"""Copy what `make bench` wrote into the pages that show it, between `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The marker, the file in bench/, and the pages.
SHOWN = {
    "bench": ("results.md", ("docs/performance.md",)),
    "summary": ("summary.md", ("README.md",)),
    "steps": ("steps.md", ("docs/performance.md",)),
}


def insert(text: str, page: Path, marker: str) -> None:
    """Put `text` between the markers of a page.

    Raises:
        LookupError: the page has no such markers.
    """
    before = page.read_text()
    region = re.compile(rf"(<!-- {marker} -->\n).*?(<!-- /{marker} -->)", re.DOTALL)
    after, count = region.subn(lambda match: f"{match[1]}{text.strip()}\n{match[2]}", before)
    if not count:
        raise LookupError(
            f"{page}: write <!-- {marker} --> and <!-- /{marker} --> where {marker} is to stand."
        )
    if after != before:
        page.write_text(after)


def main() -> None:
    for marker, (file, pages) in SHOWN.items():
        for page in pages:
            insert((ROOT / "bench" / file).read_text(), ROOT / page, marker)


if __name__ == "__main__":
    main()
