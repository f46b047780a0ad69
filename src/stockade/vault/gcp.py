"""Google Cloud Secret Manager, asked over REST with whatever identity the machine has."""

from __future__ import annotations

from typing import Any

from stockade.vault.address import authority, loopback, parse, wrong
from stockade.vault.checksum import crc32c
from stockade.vault.place import Answer, Away, library, parsed

_WORDS = {
    "NotFound": "absent",
    "PermissionDenied": "denied",
    "Forbidden": "denied",
    "Unauthenticated": "denied",
    "Unauthorized": "denied",
    "RefreshError": "denied",
    "FailedPrecondition": "deleted",
    "ResourceExhausted": "rate_limited",
    "TooManyRequests": "rate_limited",
    "SSLError": "certificate",
    "DefaultCredentialsError": "no_identity",
    "DeadlineExceeded": "timeout",
    "ServiceUnavailable": "broken",
    "TransportError": "connection",
    "ParseError": "answer",
}


class SecretManager:
    """Secrets in Google Cloud Secret Manager, their latest versions.

    Args:
        url: ``gcp://project/name``: a secret that holds a JSON object; ``gcp://project/``: each secret is one of its
            own, called NAME. The option `endpoint` is for an emulator on this machine.
        credentials: instead of the machine's (Application Default Credentials).
    """

    def __init__(self, url: str, credentials: Any = None) -> None:
        self.address = parse(url, frozenset({"ca", "endpoint"}))
        if not self.address.host or "/" in self.address.path or (self.address.folder and self.address.path):
            raise wrong(
                "The gcp URL of STOCKADE_SECRETS_ORDER is not one.",
                "Write gcp://PROJECT/ or gcp://PROJECT/SECRET.",
            )
        endpoint = self.address.options.get("endpoint")
        if endpoint is not None and not loopback(endpoint.rpartition(":")[0]):
            raise wrong("The option endpoint of the gcp URL is not on this machine.", "Write 127.0.0.1:PORT.")
        self._endpoint, self._credentials = endpoint, credentials
        self._ca = authority(self.address)
        self._client: Any = None

    def document(self, name: str) -> str:
        return self.address.path or name

    def ask(self, document: str) -> Answer:
        if self._client is None:
            self._client = self._made()
        path = f"projects/{self.address.host}/secrets/{document}/versions/latest"
        try:
            found = self._client.access_secret_version(
                request={"name": path}, timeout=self.address.timeout, retry=None
            )
        except Away:
            raise
        except Exception as error:  # noqa: BLE001 - a library's message may quote
            raise Away(_reason(error)) from None
        version = found.name.rpartition("/")[2]
        if not version.isdecimal():
            raise Away("answer")
        payload = found.payload
        # Google asks clients to compare it: https://cloud.google.com/secret-manager/docs/data-integrity
        if "data_crc32c" in payload and payload.data_crc32c != crc32c(payload.data):
            raise Away("damaged")
        return Answer(parsed(payload.data, self.address.folder), int(version), version)

    def remedy(self, name: str) -> str:
        what = "the secret" if self.address.folder else f"the key {name} of the secret"
        return f"{what} {self.document(name)} in Secret Manager of the project {self.address.host}"

    def forget(self) -> None:
        self._client = None

    def _made(self) -> Any:
        try:
            from google.auth.credentials import AnonymousCredentials
            from google.cloud.secretmanager_v1 import SecretManagerServiceClient
            from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
                SecretManagerServiceRestTransport,
            )
        except ImportError:
            raise library("google-cloud-secret-manager", "gcp") from None
        from stockade.vault.bounded import bound

        # REST and not gRPC, which does not survive a fork.
        if self._endpoint is not None:
            wire = SecretManagerServiceRestTransport(
                host=self._endpoint,
                credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
                url_scheme="http",
            )
        else:
            try:
                wire = SecretManagerServiceRestTransport(credentials=self._credentials)
            except Exception as error:  # noqa: BLE001 - a library's message may quote
                raise Away(_WORDS.get(type(error).__name__, "no_identity")) from None
        bound(wire._session)  # noqa: SLF001 - there is no other way to bound what it reads
        if self._ca is not None:
            wire._session.verify = self._ca  # noqa: SLF001
        return SecretManagerServiceClient(transport=wire)


def _reason(error: Exception) -> str:
    kind = type(error).__name__
    if kind in _WORDS:
        return _WORDS[kind]
    code = getattr(error, "code", None)
    if isinstance(code, int):
        return "broken" if code >= 500 else "answer"
    return "timeout" if "Timeout" in kind else "connection"
