"""The scheme `simplejwt`: access tokens that simplejwt issued, while the import takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model

from stockade.core.credential import Credential
from stockade.core.principal import Kind, Principal
from stockade.gate import keys
from stockade.schemes.jwt.compact import refuse
from stockade.schemes.simplejwt import standing, tokens
from stockade.schemes.simplejwt.conf import config
from stockade.schemes.users import trusted_user


class SimpleJWTScheme:
    """Implements `stockade.schemes.protocol.Scheme`.

    Raises:
        ConfigurationError: SIMPLE_JWT is such that its tokens cannot be judged.
    """

    name = "simplejwt"
    keywords: tuple[str, ...] = ("bearer",)
    dear = False  # the signature is all there is to check

    def __init__(self) -> None:
        if not config().algorithm.startswith("HS"):
            tokens.public_key()

    def looks_mine(self, value: str) -> bool:
        """Whether `value` has the shape of simplejwt's tokens, access or refresh."""
        return tokens.looks_mine(value)

    def verify(self, value: str, meta: Mapping[str, Any]) -> Credential:
        """Prove an access token. No I/O.

        Raises:
            InvalidCredential: it does not hold.
        """
        shown = tokens.read(value, tokens.ACCESS)
        if not config().by_pk:
            # Whose it is would take a query here, and what is remembered is ended by primary key. Its holder refreshes.
            refuse("user_field")
        subject = str(standing.user_pk(shown.user))  # one spelling: a UUID may be written in several ways
        return Credential(
            self.name,
            shown.id,
            subject,
            scopes=shown.scopes,
            issued=shown.issued,
            expires=shown.expires,
            claims=shown.claims,
        )

    def load(self, credential: Credential) -> Principal:
        """Who that is now, in two queries on the write database.

        Raises:
            InvalidCredential: the import does not take it any more, or the user's tokens.
        """
        standing.opened(tokens.ACCESS)
        pk = standing.user_pk(credential.subject)
        shown = tokens.Shown(
            credential.id,
            credential.subject,
            int(credential.issued),
            int(credential.expires),
            credential.scopes,
            credential.claims,
        )
        found = standing.holder(pk, shown)
        return Principal(
            Kind.USER,
            credential.subject,
            trusted_user(get_user_model(), pk, True),
            found.roles,
            credential.scopes,
            credential,
            found.state.superuser,
        )

    def epochs(self, credential: Credential) -> tuple[bytes, ...]:
        """The epoch of its user; it belongs to no session."""
        return (keys.subject_key(credential.subject),)

    def challenge(self) -> str:
        """RFC 6750 section 3."""
        return "Bearer"
