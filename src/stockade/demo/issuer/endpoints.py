"""The three addresses of the other company's issuer: discovery, keys, and tokens for its own clients."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from stockade.demo.issuer.signing import LIFETIME, SCOPE, Signer

DISCOVERY = "/.well-known/openid-configuration"
KEYS, TOKEN = "/jwks.json", "/token"
MACHINE = "client_credentials"
# An extension grant (RFC 6749 section 4.5) in the place of a login page: the company's portal says whom it has logged
# in. Nobody else may, and it has the secret of a client for it.
PERSON = "urn:example:grant-type:person"
CLIENTS = {"portal": PERSON, "reports": MACHINE}  # each may do one thing
PEOPLE = frozenset({"c-1001", "c-1002"})
OTHER_API = "https://payroll.example"  # of the company itself
_LONGEST = 4096  # bytes of a body, and characters of a header
_FIELDS = 20
_STATUS = {200: "200 OK", 400: "400 Bad Request", 401: "401 Unauthorized", 404: "404 Not Found",
           405: "405 Method Not Allowed"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said, as JSON."""

    status: int
    body: Mapping[str, object] = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """No token; the error is one of RFC 6749 section 5.2 or RFC 8707 section 2."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Issuer:
    """A WSGI application.

    Args:
        url: where it answers.
        api: the audience of tokens where no `resource` says another.
        secrets: of its clients, by name.
        signer: has the key.
    """

    def __init__(self, url: str, api: str, secrets: Mapping[str, str], signer: Signer) -> None:
        self._url, self._api = url, api
        self._secrets, self._signer = dict(secrets), signer

    def __call__(self, environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
        """One request."""
        answer = self._answer(environ)
        body = json.dumps(answer.body).encode()
        start(
            _STATUS[answer.status],
            [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("X-Content-Type-Options", "nosniff"),
                *answer.headers,
            ],
        )
        return [body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        allowed = {DISCOVERY: "GET", KEYS: "GET", TOKEN: "POST"}.get(path)
        if allowed is None:
            return Answer(404, {"error": "not_found"})
        if method != allowed:
            return Answer(405, {"error": "method_not_allowed"}, (("Allow", allowed),))
        if path == TOKEN:
            return self._token(environ)
        return Answer(200, {"keys": [self._signer.public()]} if path == KEYS else self._about())

    def _about(self) -> dict[str, object]:
        """OpenID Connect Discovery 1.0 section 3, as far as there is something to say."""
        return {
            "issuer": self._url,
            "jwks_uri": self._url + KEYS,
            "token_endpoint": self._url + TOKEN,
            "grant_types_supported": [MACHINE, PERSON],
            "response_types_supported": [],
            "scopes_supported": [SCOPE],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def _token(self, environ: dict[str, Any]) -> Answer:
        secret = (("Cache-Control", "no-store"),)
        try:
            client = self._client(environ.get("HTTP_AUTHORIZATION", ""))
            token = self._granted(client, _form(environ))
        except Refused as refused:
            unknown = refused.error == "invalid_client"
            asked = (("WWW-Authenticate", 'Basic realm="issuer"'),) if unknown else ()
            return Answer(401 if unknown else 400, {"error": refused.error}, (*secret, *asked))
        body = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME, "scope": SCOPE}
        return Answer(200, body, secret)

    def _client(self, header: str) -> str:
        """Which client has shown its secret (RFC 6749 section 2.3.1)."""
        kind, _, coded = header.partition(" ")
        if kind.lower() != "basic" or len(header) > _LONGEST:
            raise Refused("invalid_client")
        try:
            name, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
        except ValueError:
            raise Refused("invalid_client") from None
        name, secret = unquote_plus(name), unquote_plus(secret)
        known = self._secrets.get(name, "")
        # An unknown name has no secret, so that not even an empty one fits.
        if not known or not hmac.compare_digest(known.encode(), secret.encode()):
            raise Refused("invalid_client")
        return name

    def _granted(self, client: str, form: Mapping[str, str]) -> str:
        grant = form.get("grant_type")
        if grant is None:
            raise Refused("invalid_request")
        if grant not in (MACHINE, PERSON):
            raise Refused("unsupported_grant_type")
        if grant != CLIENTS[client]:
            raise Refused("unauthorized_client")
        subject = client if grant == MACHINE else form.get("person")
        if subject is None:
            raise Refused("invalid_request")
        if grant == PERSON and subject not in PEOPLE:
            raise Refused("invalid_grant")
        audience = form.get("resource", self._api)  # RFC 8707
        if audience not in (self._api, OTHER_API):
            raise Refused("invalid_target")
        return self._signer.token(subject, client, audience)


def _form(environ: dict[str, Any]) -> dict[str, str]:
    """The fields of the body, none twice, none empty (RFC 6749 section 3.2)."""
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    body = environ["wsgi.input"].read(_LONGEST + 1)
    if kind != "application/x-www-form-urlencoded" or len(body) > _LONGEST:
        raise Refused("invalid_request")
    try:
        pairs = parse_qsl(body.decode("ascii"), max_num_fields=_FIELDS)
    except ValueError:
        raise Refused("invalid_request") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("invalid_request")
    return found
