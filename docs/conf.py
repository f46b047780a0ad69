"""How Sphinx builds the documentation: Markdown, offline, and with every warning an error."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_ext")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import stockade  # noqa: E402

project = "Stockade"
author = "The Stockade authors"
project_copyright = "2026, The Stockade authors"
release = version = stockade.__version__
extensions = ["myst_parser", "catalogue"]
exclude_patterns = ["_build", "_ext"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Pages link to files of the repository (README, SECURITY) that are no part of the documentation.
suppress_warnings = ["myst.xref_missing"]
nitpicky = True
html_theme = "furo"
html_title = "Stockade"
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False
