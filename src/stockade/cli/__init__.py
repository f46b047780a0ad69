"""The command `stockade`."""

from __future__ import annotations


def main() -> None:
    """Entry point of the console script."""
    from stockade.cli.root import run

    run()
