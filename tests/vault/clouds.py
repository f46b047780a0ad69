"""AWS by moto; Google Cloud and Azure by servers that keep the documented contract of the one call that we make.

There are no emulators of Secret Manager and Key Vault. What stands here was written after their reference pages:
`projects.secrets.versions.access` (v1) and `Get Secret` (7.x) with its authentication challenge.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stockade.vault.azure import KeyVault
from stockade.vault.checksum import crc32c
from stockade.vault.kept import Kept
from stockade.vault.places import by_url
from stockade.vault.providers import Provider
from tests.servers import free_port, serve
from tests.vault.servers import Answer, answering


@dataclass(slots=True)
class Cloud:
    """One secrets manager as a test sees it: what it holds, and whether it answers."""

    provider: Callable[[str], Provider]  # of a path: "" is an entry for each secret
    put: Callable[[str, str], None]
    stop: Callable[[], None]
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    held: Held | None = None


@contextlib.contextmanager
def aws() -> Iterator[Cloud]:
    import boto3

    port = free_port()
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(serve(command, port, env={"PATH": "/usr/bin"}, seconds=60))
        client: Any = boto3.session.Session().client(
            "secretsmanager", region_name="eu-west-1", endpoint_url=f"http://127.0.0.1:{port}"
        )

        def put(name: str, text: str) -> None:
            try:
                client.put_secret_value(SecretId=name, SecretString=text)
            except client.exceptions.ResourceNotFoundException:
                client.create_secret(Name=name, SecretString=text)

        yield Cloud(lambda path: _made(f"aws://eu-west-1/{path}"), put, stack.close)


def _made(url: str) -> Provider:
    found = by_url(url)
    assert found is not None
    return found


@dataclass(slots=True)
class Held:
    """What a stand-in holds: every version, the newest last."""

    entries: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    up: bool = True
    damage: int = 0

    def put(self, name: str, text: str) -> None:
        self.entries.setdefault(name, []).append((time.time(), text))

    def stop(self) -> None:
        self.up = False


@contextlib.contextmanager
def gcp() -> Iterator[Cloud]:
    held = Held()

    def how(request: BaseHTTPRequestHandler) -> Answer | None:
        if not held.up:
            return None
        _, v1, projects, project, secrets, name, versions, latest = urlsplit(request.path).path.split("/")
        assert (v1, projects, project, secrets, versions, latest) == (
            "v1", "projects", "my-project", "secrets", "versions", "latest:access",
        )  # fmt: skip
        found = held.entries.get(name)
        if found is None:
            error = {"code": 404, "status": "NOT_FOUND", "message": f"Secret [{name}] not found"}
            return 404, {}, json.dumps({"error": error}).encode()
        text = found[-1][1].encode()
        payload = {"data": base64.b64encode(text).decode(), "dataCrc32c": str(crc32c(text) ^ held.damage)}
        path = f"projects/123/secrets/{name}/versions/{len(found)}"
        return 200, {}, json.dumps({"name": path, "payload": payload}).encode()

    with answering(how) as (host, asked):
        yield Cloud(
            lambda path: _made(f"gcp://my-project/{path}?endpoint={host}"), held.put, held.stop, asked, held
        )


class Identity:
    """A token of nobody's, as azure-identity would give one of the machine's."""

    def get_token(self, *scopes: str, **_: object) -> Any:
        from azure.core.credentials import AccessToken

        return AccessToken("token-of-the-machine", int(time.time()) + 3600)


@contextlib.contextmanager
def azure(certificate: tuple[Path, ssl.SSLContext]) -> Iterator[Cloud]:
    held = Held()

    def how(request: BaseHTTPRequestHandler) -> Answer | None:
        if not held.up:
            return None
        host = request.headers["Host"]
        if request.headers.get("Authorization") != "Bearer token-of-the-machine":
            # The resource must be a domain above the vault's own: the client looks whether the challenge is for it.
            above = host.partition(".")[2]
            challenge = f'Bearer authorization="https://login.example/tenant", resource="https://{above}"'
            return 401, {"WWW-Authenticate": challenge}, b"{}"
        name = urlsplit(request.path).path.split("/")[2]
        found = held.entries.get(name)
        if found is None:
            return 404, {}, json.dumps({"error": {"code": "SecretNotFound", "message": name}}).encode()
        moment = int(found[-1][0])
        body = {
            "value": found[-1][1],
            "id": f"https://{host}/secrets/{name}/{len(found):032x}",
            "attributes": {"enabled": True, "created": moment, "updated": moment},
        }
        return 200, {}, json.dumps(body).encode()

    with answering(how, certificate[1]) as (host, asked):
        yield Cloud(
            lambda path: Kept(KeyVault(f"azure://{host}/{path}?ca={certificate[0]}", Identity())),
            held.put,
            held.stop,
            asked,
        )
