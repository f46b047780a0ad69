"""`python manage.py stockade ...`: the command line, for the project that manage.py names."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    """Hands everything behind `stockade` to the command line unread."""

    help = "Stockade's command line: sessions, keyring, lockouts, events."
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """As the console script, within this project. What manage.py itself reads is taken out, wherever it stands."""
        from stockade.cli.root import run

        own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        own.add_argument("--settings")
        own.add_argument("--pythonpath")
        run(own.parse_known_args(argv[2:])[1], f"{Path(argv[0]).name} {argv[1]}")

    def add_arguments(self, parser: CommandParser) -> None:
        """Whatever follows is the command line's own to read."""
        parser.add_argument("arguments", nargs=argparse.REMAINDER)

    def handle(self, *args: Any, arguments: list[str], **options: Any) -> None:
        """For `call_command("stockade", "sessions", "list")`."""
        from stockade.cli.root import app

        app(arguments, standalone_mode=False, prog_name="manage.py stockade")
