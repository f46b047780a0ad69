"""Where an issuer's keys are, and what is there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from stockade.schemes.external import fetching
from stockade.schemes.external.conf import Issuer
from stockade.schemes.external.fetching import FetchFailed
from stockade.schemes.external.parsers import may_fetch


def jwks_of(issuer: Issuer) -> Mapping[str, Any]:
    """The JWKS of an issuer, from where the setting or its discovery document says.

    Raises:
        FetchFailed: it cannot be had.
    """
    url, deadline = issuer.jwks_url, time.monotonic() + issuer.timeout
    if not url:
        document = fetching.get(issuer.discovery_url, deadline)
        # OpenID Connect Discovery 1.0 section 4.3: else any host could speak for any issuer.
        if document.get("issuer") != issuer.issuer:
            raise FetchFailed("another_issuer")
        found = document.get("jwks_uri")
        url = found if isinstance(found, str) else ""
        if not may_fetch(url, issuer.loopback):
            raise FetchFailed("jwks_uri")
    return fetching.get(url, deadline)
