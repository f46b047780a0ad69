"""The projects here have suites of their own, run by their `manage.py test`: pytest leaves them alone."""

from __future__ import annotations

collect_ignore_glob = ["shop/*", "library/*", "clinic/*", "attacks/*"]
