"""The public keys (RFC 7517), for whoever verifies our access tokens elsewhere."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import orjson
from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from django.views import View

from stockade import keyring, truth
from stockade.gate.registry import get_gate
from stockade.policy import Public

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


class JWKSView(View):
    """Serves the key set. A key is published for longer than caches may keep it before it signs; they ask by ETag."""

    policy = Public()
    limited = False  # public and cached; whoever verifies our tokens must be able to read it
    http_method_names = ("get", "head", "options")

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """The key set, or 304."""
        if "stockade" not in request.__dict__:  # not by the middleware, which would have asked the state
            gate = get_gate()
            truth.follow(gate, gate.ask((), ()).world)
        # Makes the first key if there is none: a cached empty set would lack it when it signs its first token.
        keyring.ring().signer()
        # Sorted: PostgreSQL gives a JSON object back in an order of its own, and the ETag is one for all workers.
        body = orjson.dumps(keyring.ring().jwks(), option=orjson.OPT_SORT_KEYS)
        response = HttpResponse(body, content_type="application/jwk-set+json")
        response["Cache-Control"] = keyring.cache_control()
        etag = response["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        return get_conditional_response(request, etag=etag, response=response) or response
