"""Azure Key Vault, asked with whatever identity the machine has."""

from __future__ import annotations

import re
from typing import Any

from stockade.vault.address import authority, parse, wrong
from stockade.vault.place import Answer, Away, library, parsed

_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")  # of an object in Key Vault
_WORDS = {401: "denied", 403: "denied", 404: "absent", 429: "rate_limited"}


class KeyVault:
    """Secrets in Azure Key Vault, their latest versions.

    Args:
        url: ``azure://myvault.vault.azure.net/name``: a secret that holds a JSON object; with nothing after the host
            each secret is one of its own, called NAME with ``-`` for ``_``.
        credential: instead of the machine's (DefaultAzureCredential).
    """

    def __init__(self, url: str, credential: Any = None) -> None:
        self.address = parse(url, frozenset({"ca"}))
        whole = self.address.folder and not self.address.path
        if (
            not self.address.host
            or not (whole or _NAME.fullmatch(self.address.path))
            or (self.address.folder and self.address.path)
        ):
            raise wrong(
                "The azure URL of STOCKADE_SECRETS_ORDER is not one.",
                "Write azure://NAME.vault.azure.net/ or azure://NAME.vault.azure.net/SECRET (letters, digits, -).",
            )
        self._ca, self._credential = authority(self.address), credential
        self._client: Any = None

    def document(self, name: str) -> str:
        return self.address.path or name.replace("_", "-")

    def ask(self, document: str) -> Answer:
        if self._client is None:
            self._client = self._made()
        try:
            found = self._client.get_secret(document)
        except Away:
            raise
        except Exception as error:  # noqa: BLE001 - a library's message may quote
            raise Away(_reason(error)) from None
        properties = found.properties
        if properties.enabled is False:
            raise Away("denied")
        created = properties.created_on
        return Answer(
            parsed(found.value, self.address.folder),
            created.timestamp() if created is not None else 0.0,
            str(properties.version or "")[:8],
            created.timestamp() if created is not None else None,
        )

    def remedy(self, name: str) -> str:
        what = "the secret" if self.address.folder else f"the key {name} of the secret"
        return f"{what} {self.document(name)} in Azure Key Vault {self.address.host}"

    def forget(self) -> None:
        self._client = None

    def _made(self) -> Any:
        try:
            from azure.core.pipeline.transport import RequestsTransport
            from azure.identity import DefaultAzureCredential
            from azure.keyvault.secrets import SecretClient
        except ImportError:
            raise library("azure-keyvault-secrets", "azure") from None
        from stockade.vault.bounded import session

        seconds = self.address.timeout
        wire: Any = RequestsTransport(
            session=session(self._ca),
            session_owner=False,
            use_env_settings=False,
            connection_verify=self._ca or True,
            connection_timeout=seconds,
            read_timeout=seconds,
        )
        return SecretClient(
            vault_url=f"https://{self.address.host}",
            credential=self._credential or DefaultAzureCredential(),
            transport=wire,
            retry_total=0,
        )


def _reason(error: Exception) -> str:
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return _WORDS.get(status, "broken" if status >= 500 else "answer")
    kind = type(error).__name__
    if kind in ("ClientAuthenticationError", "CredentialUnavailableError"):
        return "no_identity"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "certificate"
    if "Timeout" in kind:
        return "timeout"
    return "connection" if kind.startswith(("ServiceRe", "Incomplete")) else "answer"
