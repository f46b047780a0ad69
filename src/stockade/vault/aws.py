"""AWS Secrets Manager, asked by boto3 with whatever identity the machine has."""

from __future__ import annotations

import re
from typing import Any

from stockade.vault.address import authority, loopback, parse, wrong
from stockade.vault.place import Answer, Away, library, parsed

_REGION = re.compile(r"[a-z0-9-]{1,63}")
_WORDS = {
    "ResourceNotFoundException": "absent",
    "AccessDeniedException": "denied",
    "UnrecognizedClientException": "denied",
    "InvalidClientTokenId": "denied",
    "ExpiredTokenException": "denied",
    "InvalidSignatureException": "denied",
    "DecryptionFailure": "denied",
    "InvalidRequestException": "deleted",
    "ThrottlingException": "rate_limited",
}


class SecretsManager:
    """Secrets in AWS Secrets Manager, the version labelled AWSCURRENT.

    Args:
        url: ``aws://region/name``: a secret that holds a JSON object; with a slash at the end each secret is one of
            its own, ``name/NAME``.
    """

    def __init__(self, url: str) -> None:
        self.address = parse(url, frozenset({"ca"}))
        if not _REGION.fullmatch(self.address.host):
            raise wrong(
                "The aws URL of STOCKADE_SECRETS_ORDER has no region.",
                "Write aws://REGION/NAME, such as aws://eu-west-1/myproject.",
            )
        self._ca = authority(self.address)
        self._client: Any = None

    def document(self, name: str) -> str:
        return f"{self.address.path}/{name}".lstrip("/") if self.address.folder else self.address.path

    def ask(self, document: str) -> Answer:
        if self._client is None:
            self._client = self._made()
        try:
            found = self._client.get_secret_value(SecretId=document)
        except Away:
            raise
        except Exception as error:  # noqa: BLE001 - a library's message may quote
            raise Away(_reason(error)) from None
        text = found.get("SecretString", found.get("SecretBinary"))
        created = found.get("CreatedDate")
        return Answer(
            parsed(text, self.address.folder),
            created.timestamp() if created is not None else 0.0,
            str(found.get("VersionId", ""))[:8],
            created.timestamp() if created is not None else None,
        )

    def remedy(self, name: str) -> str:
        what = "the secret" if self.address.folder else f"the key {name} of the secret"
        return f"{what} {self.document(name)} in AWS Secrets Manager, {self.address.host}"

    def forget(self) -> None:
        self._client = None

    def _made(self) -> Any:
        try:
            import boto3
            from botocore.config import Config
            from botocore.httpsession import URLLib3Session
        except ImportError:
            raise library("boto3", "aws") from None
        seconds = self.address.timeout
        client: Any = boto3.session.Session().client(
            "secretsmanager",
            region_name=self.address.host,
            verify=self._ca,
            config=Config(connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 1}),
        )
        endpoint = client.meta.endpoint_url
        if not endpoint.startswith("https://") and not loopback(_host(endpoint)):
            raise wrong("The endpoint of AWS Secrets Manager has no TLS.", "Check AWS_ENDPOINT_URL.")
        wire = URLLib3Session(verify=self._ca or True, timeout=seconds)
        client.meta.events.register("before-send.secrets-manager", lambda request, **_: _sent(wire, request))
        return client


def _sent(wire: Any, request: Any) -> Any:
    """The answer, with a bound on its size: botocore reads all of it."""
    from stockade.vault.bounded import read

    request.stream_output = True
    answer = wire.send(request)
    answer._content = read(answer.raw)  # noqa: SLF001 - what botocore itself does, without a bound
    if 300 <= answer.status_code < 400:
        raise Away("redirect")
    return answer


def _host(endpoint: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(endpoint).hostname or ""


def _reason(error: Exception) -> str:
    answer = getattr(error, "response", None)
    if isinstance(answer, dict):
        return _WORDS.get(answer.get("Error", {}).get("Code", ""), "broken")
    kind = type(error).__name__
    if kind in ("NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError"):
        return "no_identity"
    return {"SSLError": "certificate", "ResponseParserError": "answer"}.get(
        kind, "timeout" if "Timeout" in kind else "connection"
    )
