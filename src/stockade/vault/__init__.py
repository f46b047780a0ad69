"""Secrets for settings.py: from the environment or from files, checked, and redacted wherever they are shown.

Usable before Django is set up; nothing here imports it.
"""

from stockade.vault.files import Files
from stockade.vault.providers import Environment, Provider
from stockade.vault.read import secret, several, use
from stockade.vault.text import Secret

__all__ = ["Environment", "Files", "Provider", "Secret", "secret", "several", "use"]
