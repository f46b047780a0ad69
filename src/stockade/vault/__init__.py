"""Secrets for settings.py: from the environment, from files or a secrets manager, checked, redacted wherever shown.

Usable before Django is set up; nothing here imports it.
"""

from stockade.vault.files import Files
from stockade.vault.kept import refresh
from stockade.vault.providers import Environment, Provider
from stockade.vault.read import Live, fallbacks, origin, secret, several, use
from stockade.vault.text import Secret

__all__ = [
    "Environment",
    "Files",
    "Live",
    "Provider",
    "Secret",
    "fallbacks",
    "origin",
    "refresh",
    "secret",
    "several",
    "use",
]
