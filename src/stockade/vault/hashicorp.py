"""HashiCorp Vault and OpenBao: KV version 2, and transit; by token, AppRole or a Kubernetes service account."""

from __future__ import annotations

import base64
import datetime
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.vault.address import Address, authority, loopback, parse, wrong
from stockade.vault.files import Files
from stockade.vault.place import WHOLE, Answer, Away, Bad, fields, library, value
from stockade.vault.providers import Environment
from stockade.vault.text import Secret

OPTIONS = frozenset({"auth", "role", "namespace", "mount", "login", "ca", "jwt"})
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"
_AUTHS = ("token", "approle", "kubernetes")
_SEALED = re.compile(r"vault:v(\d+):[A-Za-z0-9+/=]+")


def own(name: str) -> Secret | None:
    """A credential for the secrets manager itself: from the environment, else from a file."""
    return Environment().find(name) or Files().find(name)


def _needed(*names: str) -> Secret:
    for name in names:
        found = own(name)
        if found is not None:
            return found
    raise ConfigurationError(
        "stockade.E060",
        f"The secret {names[0]} is missing: it opens the vault that STOCKADE_SECRETS_ORDER names.",
        f"Set the environment variable {' or '.join(names)}, or {names[0]}_FILE to the path of a file that holds it.",
    )


class Server:
    """One server, one identity: logs in, and asks again with a new login where the old one has ended.

    Args:
        address: its host, its options.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._auth = address.options.get("auth", "token")
        if self._auth not in _AUTHS:
            raise wrong("The option auth of the vault URL is unknown.", f"Write one of {', '.join(_AUTHS)}.")
        if self._auth == "kubernetes" and not address.options.get("role"):
            raise wrong("The vault URL says auth=kubernetes and no role.", "Add role=NAME.")
        if not address.hostname:
            raise wrong(
                f"The {address.scheme} URL of STOCKADE_SECRETS_ORDER has no host.",
                "Write vault://HOST/MOUNT/PATH, such as vault://bao.internal:8200/secret/myproject.",
            )
        self._plain = address.scheme.endswith("+http")
        if self._plain and not loopback(address.hostname):
            raise wrong(
                f"The URL {address.shown} asks for secrets without TLS.",
                f"Write {address.scheme.removesuffix('+http')}://, or an address of this machine.",
            )
        self._ca = authority(address) or os.environ.get("VAULT_CACERT") or os.environ.get("BAO_CACERT")
        self._client: Any = None
        self._again_at = 0  # ticks; when the login is renewed
        self._guard = threading.Lock()

    def ask(self, question: Callable[[Any], Any]) -> dict[str, Any]:
        """What the server answers to `question(client)`.

        Raises:
            Away: it gives nothing that can be used.
        """
        with self._guard:
            known = self._client is not None and clock.ticks() < self._again_at
            try:
                return self._answer(question)
            except Away as away:
                if away.reason != "denied" or not known:
                    raise
            # The login may have ended before its time: revoked, or the server was restored.
            self._drop()
            return self._answer(question)

    def forget(self) -> None:
        self._guard = threading.Lock()
        self._drop()

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.adapter.close()

    def _answer(self, question: Callable[[Any], Any]) -> dict[str, Any]:
        if self._client is None or clock.ticks() >= self._again_at:
            self._drop()
            self._client = self._logged_in()
        found = _said(question, self._client)
        if not isinstance(found, dict):
            raise Away("answer")
        return found

    def _logged_in(self) -> Any:
        try:
            import hvac
        except ImportError:
            raise library("hvac", "openbao") from None
        from stockade.vault.bounded import session

        address = self.address
        client = hvac.Client(
            url=f"{'http' if self._plain else 'https'}://{address.host}",
            token="",
            verify=self._ca or True,
            timeout=address.timeout,
            namespace=address.options.get("namespace"),
            allow_redirects=False,
            session=session(self._ca),
        )
        try:
            self._log_in(client)
        except BaseException:
            client.adapter.close()
            raise
        return client

    def _log_in(self, client: Any) -> None:
        if self._auth == "token":
            client.token = str(_needed("VAULT_TOKEN", "BAO_TOKEN"))
            lease = self._renewed(client)
        else:
            found = _said(self._login, client)
            auth = found.get("auth") if isinstance(found, dict) else None
            token = auth.get("client_token") if isinstance(auth, dict) else None
            if not isinstance(token, str) or not token:
                raise Away("answer")
            client.token = token
            lease = _lease(found)
        # Half of its life, at most a day; 0 is a token that does not end.
        seconds = min(lease / 2, 86_400) if lease > 0 else 86_400
        self._again_at = clock.ticks() + int(seconds * 1_000_000)

    def _login(self, client: Any) -> Any:
        options = self.address.options
        mount = options.get("login", self._auth)
        if self._auth == "approle":
            return client.auth.approle.login(
                role_id=str(_needed("VAULT_ROLE_ID", "BAO_ROLE_ID")),
                secret_id=str(_needed("VAULT_SECRET_ID", "BAO_SECRET_ID")),
                use_token=False,
                mount_point=mount,
            )
        try:
            # Read at each login: Kubernetes writes a new one every hour.
            jwt = Path(options.get("jwt", _SERVICE_ACCOUNT)).read_text().strip()
        except OSError:
            raise Away("no_service_account") from None
        return client.auth.kubernetes.login(role=options["role"], jwt=jwt, use_token=False, mount_point=mount)

    def _renewed(self, client: Any) -> int:
        """Seconds that a given token still has; renewed where it can be, so that a periodic one never ends."""
        try:
            found = _said(lambda one: one.auth.token.renew_self(), client)
        except Away as away:
            if away.reason not in ("denied", "refused"):
                raise
            return 0  # its policy or its kind does not let it: then somebody else renews it
        return _lease(found)


def _lease(found: Any) -> int:
    """Seconds that the login lives, out of the answer to it."""
    auth = found.get("auth") if isinstance(found, dict) else None
    lease = auth.get("lease_duration") if isinstance(auth, dict) else 0
    return lease if isinstance(lease, int) else 0


def _said(question: Callable[[Any], Any], client: Any) -> Any:
    """What the server answers; whatever goes wrong is one word, because a library's message may quote."""
    from hvac import exceptions as said

    from stockade.vault.bounded import failures, reason

    words = (
        (said.Forbidden, "denied"),
        (said.Unauthorized, "denied"),
        (said.InvalidPath, "absent"),
        (said.InvalidRequest, "refused"),
        (said.VaultDown, "sealed"),
        (said.VaultNotInitialized, "sealed"),
        (said.RateLimitExceeded, "rate_limited"),
    )
    try:
        return question(client)
    except said.VaultError as error:
        raise Away(next((word for kind, word in words if isinstance(error, kind)), "broken")) from None
    except RecursionError:
        raise Away("answer") from None
    except failures as error:
        raise Away(reason(error)) from None


class KeyValue:
    """Secrets in a KV version 2 engine.

    Args:
        url: ``vault://host:port/mount/path``: a document with a field for each secret; with a slash at the end each
            secret is an entry below it, with its text in the field ``value``.
    """

    def __init__(self, url: str) -> None:
        self.address = parse(url, OPTIONS)
        self._server = Server(self.address)
        mount = self.address.options.get("mount") or self.address.path.partition("/")[0]
        self.mount = mount.strip("/")
        self.path = self.address.path[len(self.mount) :].strip("/")
        if (
            not self.mount
            or not self.address.path.startswith(self.mount)
            or not (self.path or self.address.folder)
        ):
            raise wrong(
                "The vault URL of STOCKADE_SECRETS_ORDER has no path.",
                "Write vault://HOST/MOUNT/PATH, such as vault://bao.internal:8200/secret/myproject.",
            )

    def document(self, name: str) -> str:
        return f"{self.path}/{name}".lstrip("/") if self.address.folder else self.path

    def ask(self, document: str) -> Answer:
        content, version, metadata = self.whole(document)
        secrets = fields({WHOLE: content.get("value")} if self.address.folder else content)
        return Answer(secrets, version, str(version), _moment(metadata))

    def whole(self, document: str) -> tuple[dict[str, Any], int, dict[str, Any]]:
        """Everything in a document, its version, and what is known of that.

        Raises:
            Away: it gives nothing that can be used.
        """
        found = self._server.ask(
            lambda client: client.secrets.kv.v2.read_secret_version(
                path=document, mount_point=self.mount, raise_on_deleted_version=True
            )
        )
        data = found.get("data")
        content = data.get("data") if isinstance(data, dict) else None
        metadata = data.get("metadata") if isinstance(data, dict) else None
        version = metadata.get("version") if isinstance(metadata, dict) else None
        if not isinstance(content, dict) or not isinstance(metadata, dict) or not isinstance(version, int):
            raise Away("answer")
        return content, version, metadata

    def write(self, document: str, content: dict[str, Any], version: int) -> None:
        """Write a document anew, if it still has that version (check-and-set).

        Raises:
            Away: it does not take it; ``refused`` where somebody has written it meanwhile.
        """
        self._server.ask(
            lambda client: client.secrets.kv.v2.create_or_update_secret(
                path=document, secret=content, cas=version, mount_point=self.mount
            )
        )

    def remedy(self, name: str) -> str:
        where = f"{self.mount}/{self.document(name)}"
        return f"the field {'value' if self.address.folder else name} of {where} in {self.address.shown}"

    def forget(self) -> None:
        self._server.forget()


def _moment(metadata: object) -> float | None:
    text = metadata.get("created_time") if isinstance(metadata, dict) else None
    try:
        return datetime.datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None


class Transit:
    """Secrets that lie sealed in NAME_SEALED, a variable or a file, and that only the server can open.

    Args:
        url: ``transit://host:port/mount/key``.
    """

    def __init__(self, url: str) -> None:
        self.address = parse(url, OPTIONS)
        self._server = Server(self.address)
        self.mount, _, self.key = self.address.path.rpartition("/")
        if not self.mount or not self.key or self.address.folder:
            raise wrong(
                "The transit URL of STOCKADE_SECRETS_ORDER has no key.",
                "Write transit://HOST/MOUNT/KEY, such as transit://bao.internal:8200/transit/myproject.",
            )

    def document(self, name: str) -> str:
        return name

    def ask(self, document: str) -> Answer:
        sealed = own(f"{document}_SEALED")
        if sealed is None:
            return Answer({})
        shape = _SEALED.fullmatch(sealed)
        if shape is None:
            raise ConfigurationError(
                "stockade.E063",
                f"{document}_SEALED is not what transit seals.",
                "It begins with vault:v1: and is printed by `bao write transit/encrypt/KEY`.",
            )
        found = self._server.ask(
            lambda client: client.secrets.transit.decrypt_data(
                name=self.key, ciphertext=str(sealed), mount_point=self.mount
            )
        )
        data = found.get("data")
        plain = data.get("plaintext") if isinstance(data, dict) else None
        return Answer(_opened(document, plain), version=f"key {shape[1]}")

    def remedy(self, name: str) -> str:
        return f"{name}_SEALED to what {self.address.shown} seals"

    def forget(self) -> None:
        self._server.forget()


def _opened(name: str, plain: object) -> dict[str, Secret | Bad]:
    try:
        found = value(base64.b64decode(plain, validate=True)) if isinstance(plain, str) else None
    except ValueError:
        found = None
    if found is None:
        raise Away("answer")
    return {name: found}
