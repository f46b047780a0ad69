"""The public keys (RFC 7517), for whoever verifies our access tokens elsewhere."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import orjson
from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from django.views import View

from stockade import keyring
from stockade.policy import Public

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


class JWKSView(View):
    """Serves the key set. Caches keep it no longer than a key is published before it signs, and ask again by ETag."""

    policy = Public()
    limited = False  # public and cached; whoever verifies our tokens must be able to read it
    http_method_names = ("get", "head", "options")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """The key set, or 304."""
        body = orjson.dumps(keyring.ring().jwks())
        response = HttpResponse(body, content_type="application/jwk-set+json")
        response["Cache-Control"] = keyring.cache_control()
        etag = response["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        return get_conditional_response(request, etag=etag, response=response) or response
