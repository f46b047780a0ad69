"""Imported by the process that `tests.servers.run_processes` forks from, before anything else."""

from __future__ import annotations

from tests.warm import warm

warm()
