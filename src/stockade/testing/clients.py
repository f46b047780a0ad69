"""Django's test clients, with a principal."""

from __future__ import annotations

from typing import Any, Self

from django.test import AsyncClient, Client

from stockade.core.principal import Principal
from stockade.testing.acting import TESTING_KEY, make_principal


class Acting:
    """Mixed into a test client: all its requests are made by one principal, through the whole of Stockade."""

    _principal: Principal | None = None

    def as_principal(self, user: Any = None, **how: Any) -> Self:
        """Make every request of this client as `user` from now on, and return the client.

        Args:
            user: a saved user, None for nobody, or a Principal.
            how: `roles`, `scopes`, `scheme` and more, as for `make_principal`.
        """
        self._principal = user if isinstance(user, Principal) else make_principal(user, **how)
        return self

    def as_itself(self) -> Self:
        """Send what a client without a principal sends, credentials in its headers included; return the client."""
        self._principal = None
        return self

    @property
    def principal(self) -> Principal | None:
        """Who it acts as; None if its requests must prove who they are."""
        return self._principal

    def _base_environ(self, **request: Any) -> dict[str, Any]:
        return self._acting(super()._base_environ(**request))  # type: ignore[misc]

    def _base_scope(self, **request: Any) -> dict[str, Any]:
        return self._acting(super()._base_scope(**request))  # type: ignore[misc]

    def _acting(self, base: dict[str, Any]) -> dict[str, Any]:
        if self._principal is not None:
            base[TESTING_KEY] = self._principal
        return base


class StockadeClient(Acting, Client):
    """`django.test.Client` with `as_principal`."""


class AsyncStockadeClient(Acting, AsyncClient):
    """`django.test.AsyncClient` with `as_principal`."""
