"""For HEADLESS_TOKEN_STRATEGY: apps that log in by allauth's API are given our pair of tokens."""

from __future__ import annotations

from typing import Any

from allauth.headless.tokens.strategies.sessions import SessionTokenStrategy

from stockade.contrib.allauth.pairs import pair_of
from stockade.core import clock
from stockade.core.errors import InvalidCredential
from stockade.schemes import attempts, client
from stockade.schemes.jwt import redeem


class TokenStrategy(SessionTokenStrategy):  # type: ignore[misc]  # allauth publishes no types
    """Session tokens as allauth's own while the login is under way, and our pair at its end."""

    def create_access_token_payload(self, request: Any) -> dict[str, Any]:
        """What stands in `meta` of the answer to a login.

        Raises: as `stockade.issue`.
        """
        pair = pair_of(request, request.user)
        return {
            "access_token": pair.access,
            "refresh_token": pair.refresh,
            "expires_in": max(0, int(pair.expires - clock.now())),
        }

    def refresh_token(self, refresh_token: str) -> tuple[str, str] | None:
        """The next pair, as `POST token/refresh/` gives it; None for a token that does not hold.

        Raises:
            TooMany: this address has shown too many that did not.
            Banned, Unavailable: as `stockade.schemes.jwt.redeem`.
        """
        try:
            with attempts.failed_auth(client.of().address):
                pair = redeem(refresh_token)
        except InvalidCredential:
            return None
        return pair.access, pair.refresh
