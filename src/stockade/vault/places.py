"""Makes the provider that a URL names; the module of a secrets manager is imported only where its URL is used."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from stockade.vault.address import wrong
from stockade.vault.files import Files
from stockade.vault.kept import Kept
from stockade.vault.providers import Provider

_SOURCES = {
    "vault": "stockade.vault.hashicorp:KeyValue",
    "vault+http": "stockade.vault.hashicorp:KeyValue",
    "transit": "stockade.vault.hashicorp:Transit",
    "transit+http": "stockade.vault.hashicorp:Transit",
    "aws": "stockade.vault.aws:SecretsManager",
    "gcp": "stockade.vault.gcp:SecretManager",
    "azure": "stockade.vault.azure:KeyVault",
}
SCHEMES = ("files:///", "vault://", "transit://", "aws://", "gcp://", "azure://")


def by_url(url: str) -> Provider | None:
    """The provider of a URL; None if it is none that we know.

    Args:
        url: such as ``files:///run/myproject`` or ``vault://bao.internal:8200/secret/myproject``.

    Raises:
        ConfigurationError: E064, something in it is wrong.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return None
    if scheme == "files":
        if not rest.startswith("/") or "?" in rest or "#" in rest:
            raise wrong(
                "The files URL of STOCKADE_SECRETS_ORDER names no folder.", "Write files:///run/myproject."
            )
        if not Path(rest).is_dir():
            raise wrong(
                "The folder that the files URL of STOCKADE_SECRETS_ORDER names is not there.", "Make it."
            )
        return Files([Path(rest)])
    target = _SOURCES.get(scheme)
    if target is None:
        return None
    module, _, name = target.partition(":")
    return Kept(getattr(import_module(module), name)(url))
