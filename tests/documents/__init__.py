"""Runs what README.md and docs/ show: every code block is executed, checked, or named as output only."""
