"""The other company's key, and the access tokens that it signs (RFC 9068)."""

from __future__ import annotations

import json
import secrets
import time

from joserfc import jwt
from joserfc.jwk import ECKey

ALGORITHM = "ES256"
LIFETIME = 600  # seconds
SCOPE = "articles:read"


def new_key() -> str:
    """A private key as a JWK; only the file that it is written to may have it."""
    return json.dumps(ECKey.generate_key("P-256").as_dict(private=True))


class Signer:
    """Signs the company's tokens.

    Args:
        url: the issuer's, as `iss`.
        key: what `new_key` gave.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = ECKey.import_key(json.loads(key))
        self._kid = self._key.thumbprint()

    def public(self) -> dict[str, object]:
        """The key as it stands in the JWKS (RFC 7517 section 4)."""
        return {**self._key.as_dict(private=False), "kid": self._kid, "use": "sig", "alg": ALGORITHM}

    def token(self, subject: str, client: str, audience: str) -> str:
        """An access token with the claims that RFC 9068 section 2.2 requires, and a scope.

        Args:
            subject: whom it is of: a person, or the client itself.
            client: who has asked for it.
            audience: the API that it is for.
        """
        now = int(time.time())
        claims = {
            "iss": self._url, "sub": subject, "aud": audience, "client_id": client, "iat": now,
            "exp": now + LIFETIME, "jti": secrets.token_urlsafe(16), "scope": SCOPE,
        }  # fmt: skip
        header = {"typ": "at+jwt", "alg": ALGORITHM, "kid": self._kid}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])
