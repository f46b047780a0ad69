"""The packages that are known."""

from __future__ import annotations

from stockade.schemes.imports.api_keys import DRF_API_KEY
from stockade.schemes.imports.authtoken import AUTHTOKEN
from stockade.schemes.imports.knox import KNOX
from stockade.schemes.imports.source import Source

NAMES = ("authtoken", "knox", "drf-api-key")  # of their schemes
SOURCES: tuple[Source, ...] = (AUTHTOKEN, KNOX, DRF_API_KEY)
