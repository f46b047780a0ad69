"""An authenticator that no extension describes."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request


class Odd(BaseAuthentication):
    def authenticate(self, request: Request) -> Any:
        return None
