"""DRF's test client, with a principal."""

from __future__ import annotations

from rest_framework.test import APIClient as RestFrameworkClient

from stockade.testing.clients import Acting


class APIClient(Acting, RestFrameworkClient):
    """`rest_framework.test.APIClient` with `as_principal`."""
