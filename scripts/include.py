"""Copy bench/results.md into the pages that show it, between `<!-- bench -->` and `<!-- /bench -->`."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/performance.md")


def main() -> None:
    results = (ROOT / "bench" / "results.md").read_text().strip()
    for name in PAGES:
        page = ROOT / name
        text = page.read_text()
        region = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
        page.write_text(region.sub(lambda match: f"{match[1]}{results}\n{match[2]}", text))


if __name__ == "__main__":
    main()
