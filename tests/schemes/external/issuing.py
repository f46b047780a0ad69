"""An issuer of our own on the loopback address: honest by default, and hostile in whatever way a test asks for."""

from __future__ import annotations

import contextlib
import itertools
import json
import ssl
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from stockade.core import clock
from tests.schemes.forge import dumps, encode

AUDIENCE = "https://api.example.com"
CLIENT = "spa-1"
Answer = Callable[[BaseHTTPRequestHandler], None]


@lru_cache(maxsize=8)
def _pairs(bits: int) -> Iterator[RSAKey]:
    """Pairs of RSA keys without end, no two of eight the same: to make one takes longer than most tests."""

    def made() -> Iterator[RSAKey]:
        for _ in range(8):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it is short is the point
                yield RSAKey.generate_key(bits)

    return itertools.cycle(made())


class Key:
    """A key pair, and how it stands in a JWKS."""

    def __init__(
        self, kid: str = "", algorithm: str = "RS256", bits: int = 2048, members: Any = None
    ) -> None:
        self.kid = kid or uuid.uuid4().hex
        self.algorithm = algorithm
        if algorithm[:2] in ("RS", "PS"):
            self.private: Any = next(_pairs(bits))
        elif algorithm == "EdDSA":
            self.private = OKPKey.generate_key("Ed25519")
        else:
            self.private = ECKey.generate_key(
                {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm]
            )
        self.members: dict[str, Any] = members or {}

    @property
    def jwk(self) -> dict[str, Any]:
        found = {**self.private.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": self.algorithm}
        return {name: value for name, value in {**found, **self.members}.items() if value is not None}


class _Server(ThreadingHTTPServer):
    """Whoever it talks to may leave in the midst of anything."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        pass


class Issuer:
    """Serves a discovery document and a JWKS, and signs tokens.

    Args:
        key: the first one.
        host: a loopback address.
        certificates: a folder with server.pem and server.key, to serve over TLS.
    """

    def __init__(
        self, key: Key | None = None, host: str = "127.0.0.1", certificates: Path | None = None
    ) -> None:
        self.keys = [key or Key()]
        self.hits: dict[str, int] = {}
        self.answers: dict[str, Answer] = {}  # by path, instead of the honest ones
        self.discovery: dict[str, Any] = {}  # members that are otherwise
        self._hits = threading.Lock()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self) -> None:
                with issuer._hits:
                    issuer.hits[self.path] = issuer.hits.get(self.path, 0) + 1
                with contextlib.suppress(
                    ConnectionError, TimeoutError, ssl.SSLError
                ):  # the other side has had enough
                    issuer.answers.get(self.path, issuer.honest)(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = _Server((host, 0), Handler)
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
            # The handshake is the handler's: one that fails must not keep others waiting.
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if certificates is None else "https"
        self.url = f"{scheme}://{host}:{self.server.server_address[1]}"
        self._thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving: from now on connections are refused."""
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(30)

    @property
    def fetched(self) -> int:
        """How often the keys were asked for."""
        return self.hits.get("/jwks", 0)

    def honest(self, handler: BaseHTTPRequestHandler) -> None:
        """What an issuer says."""
        if handler.path == "/jwks":
            json_answer(handler, {"keys": [key.jwk for key in self.keys]})
        elif handler.path == "/.well-known/openid-configuration":
            json_answer(handler, {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **self.discovery})
        else:
            handler.send_error(404)

    def claims(self, **more: Any) -> dict[str, Any]:
        """The claims of an access token; None takes one away."""
        now = int(clock.now())
        found = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "alice-at-issuer",
            "client_id": CLIENT,
            "iat": now,
            "exp": now + 300,
            "jti": uuid.uuid4().hex,
            "scope": "articles:read",
            **more,
        }
        return {name: value for name, value in found.items() if value is not None}

    def token(self, *, key: Key | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """An access token, signed with the newest key unless said otherwise; None takes a member away."""
        return self.sign(self.claims(**claims), key=key, header=header)

    def sign(self, claims: Any, *, key: Key | None = None, header: dict[str, Any] | None = None) -> str:
        """Sign any claims under any header."""
        key = key or self.keys[-1]
        found = {"typ": "at+jwt", "alg": key.algorithm, "kid": key.kid, **(header or {})}
        found = {name: value for name, value in found.items() if value is not None}
        signing = f"{dumps(found)}.{dumps(claims)}"
        model = JWSRegistry.algorithms[key.algorithm]
        return f"{signing}.{encode(model.sign(signing.encode(), key.private))}"

    def settings(self, **more: Any) -> dict[str, Any]:
        """Its entry in ISSUERS. On a loaded machine it may take its time to answer."""
        return {"ISSUER": self.url, "AUDIENCE": AUDIENCE, "LOOPBACK": True, "TIMEOUT": "30s", **more}


def json_answer(handler: BaseHTTPRequestHandler, value: Any, kind: str = "application/json") -> None:
    """Answer with a document."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
