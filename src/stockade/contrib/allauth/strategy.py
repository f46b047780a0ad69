"""For HEADLESS_TOKEN_STRATEGY: bans hold at allauth's API for apps too, which are given our pair of tokens."""

from __future__ import annotations

from typing import Any

from allauth.headless.tokens.strategies.sessions import SessionTokenStrategy
from django.contrib.auth import SESSION_KEY, get_user_model

from stockade.contrib.allauth.pairs import pair_of
from stockade.core import clock, tenant
from stockade.core.errors import InvalidCredential
from stockade.schemes import attempts, banned, client
from stockade.schemes.jwt import redeem


class SessionStrategy(SessionTokenStrategy):  # type: ignore[misc]  # allauth publishes no types
    """Session tokens as allauth's own, but for those of banned users and sessions.

    Its views guard themselves, and find out by a header of its own who calls: nobody else can ask the list of bans.
    """

    def lookup_session(self, session_token: str) -> Any:
        """The session of a token, or None.

        Raises:
            Banned: its user is, or itself. Unavailable: the state is away.
        """
        session = super().lookup_session(session_token)
        user = session.get(SESSION_KEY) if session is not None else None
        if user is not None:
            pk = get_user_model()._meta.pk.to_python(user)  # noqa: SLF001 - as Django's own login does
            login = str(getattr(session, "login_id", ""))
            banned.refuse(tenant.subject(pk), *([login] if login else []))
        return session


class TokenStrategy(SessionStrategy):
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
