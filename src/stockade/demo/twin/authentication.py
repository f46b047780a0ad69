"""Tokens of the other company's issuer, as simplejwt takes them: by JWK_URL, ISSUER, AUDIENCE and a claim."""

from __future__ import annotations

from typing import Any

import jwt
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import AccessToken, Token

from stockade.demo.config import read

_config = read()


class PartnerToken(AccessToken):
    """An access token that another issuer has signed."""

    _token_backend = TokenBackend(
        "ES256",
        jwk_url=f"{_config.issuer_url}/jwks.json",
        issuer=_config.issuer_url,
        audience=_config.base_url,
    )

    def verify_token_type(self) -> None:
        """It has none: `token_type` is simplejwt's own claim."""


class PartnerAuthentication(JWTAuthentication):
    """Whoever shows a token of the other issuer is the user of that name; any other token is left to the next class."""

    def authenticate(self, request: Request) -> Any:
        """The user and the token, or None."""
        header = self.get_header(request)
        raw = self.get_raw_token(header) if header else None
        if raw is None or _issuer_in(raw) != _config.issuer_url:
            return None
        return super().authenticate(request)

    def get_validated_token(self, raw_token: bytes) -> Token:
        """The token, if it holds."""
        try:
            return PartnerToken(raw_token)  # type: ignore[arg-type]
        except TokenError as error:
            raise InvalidToken from error

    def get_user(self, validated_token: Token) -> Any:
        """The user whom USER_ID_CLAIM = "sub" and USER_ID_FIELD = "username" name."""
        user = self.user_model.objects.filter(username=validated_token.get("sub")).first()
        if user is None or not user.is_active:
            raise InvalidToken
        return user


def _issuer_in(raw: bytes) -> object:
    """The `iss` of a token, not verified, to see whose it may be."""
    try:
        return jwt.decode(raw, options={"verify_signature": False}).get("iss")
    except jwt.InvalidTokenError:
        return None
