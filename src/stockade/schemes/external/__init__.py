"""The scheme `external`: tokens of issuers that the project names, verified with their keys, as users of ours."""

from __future__ import annotations

from stockade.schemes.external.links import link, unlink
from stockade.schemes.external.scheme import ExternalScheme

__all__ = ["ExternalScheme", "link", "unlink"]
