"""Secrets for settings.py: from the environment, from files or a secrets manager, checked, redacted wherever shown.

Usable before Django is set up; nothing here imports it.
"""

from stockade.vault.files import Files
from stockade.vault.kept import refresh
from stockade.vault.providers import Environment, Provider
from stockade.vault.read import origin, secret, several, use
from stockade.vault.text import Secret

__all__ = ["Environment", "Files", "Provider", "Secret", "origin", "refresh", "secret", "several", "use"]
