"""Starts Redis and Sentinel with the files below deploy/redis."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.deploy.files import filled, write
from tests.servers import Server, free_port, serve
from tests.state_servers import binary

USERS = ("myproject", "operator", "replication", "sentinel", "watcher")


@dataclass(frozen=True, slots=True)
class Passwords:
    """One for each user of the two ACL files."""

    of: dict[str, str] = field(default_factory=lambda: {name: secrets.token_urlsafe(24) for name in USERS})

    def put(self, *names: str) -> dict[str, str]:
        """The digests, in place of what the files have."""
        return {f"{n.upper()}-SHA256": hashlib.sha256(self.of[n].encode()).hexdigest() for n in names}


@dataclass(frozen=True, slots=True)
class Node:
    """A running server."""

    port: int
    pid: int
    server: Server
    passwords: Passwords

    def url(self, user: str = "myproject") -> str:
        """As STATE takes it."""
        return f"redis://{user}:{self.passwords.of[user]}@127.0.0.1:{self.port}/0"

    def run(self, *words: str, user: str = "operator") -> object:
        """One command as a user."""
        import redis

        with redis.Redis(
            host="127.0.0.1", port=self.port, username=user, password=self.passwords.of[user]
        ) as client:
            return client.execute_command(*words)


@contextlib.contextmanager
def redis(
    folder: Path,
    passwords: Passwords,
    *,
    kind: str = "redis",
    port: int = 0,
    replicas: bool = False,
    of: int = 0,
    put: dict[str, str] | None = None,
) -> Iterator[Node]:
    """A server as redis.conf has it.

    Args:
        replicas: with replicas.conf.
        of: the port of the primary that it follows.
        put: further replacements in redis.conf.
    """
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    acl = write(
        folder / "users.acl",
        filled("redis/users.acl", passwords.put("myproject", "operator", "replication", "sentinel")),
    )
    change = {
        "bind 10.0.0.31 127.0.0.1": "bind 127.0.0.1",
        "port 6379": f"port {port}",
        "/etc/redis/users.acl": str(acl),
        "/var/lib/redis": str(folder),
        **(put or {}),
    }
    if replicas:
        text = filled("redis/replicas.conf", {"CHANGE-ME-REPLICATION": passwords.of["replication"]})
        write(folder / "replicas.conf", text + (f"replicaof 127.0.0.1 {of}\n" if of else ""))
        change["# include /etc/redis/replicas.conf"] = f"include {folder / 'replicas.conf'}"
    conf = write(folder / "redis.conf", filled("redis/redis.conf", change))
    with serve([binary(kind), str(conf)], port, env=dict(os.environ)) as server:
        yield Node(port, server.pid, server, passwords)


@contextlib.contextmanager
def sentinel(
    folder: Path,
    passwords: Passwords,
    primary: int,
    *,
    kind: str = "redis",
    put: dict[str, str] | None = None,
) -> Iterator[Node]:
    """A Sentinel as sentinel.conf has it, that watches the primary on a port."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    acl = write(
        folder / "sentinel-users.acl",
        filled("redis/sentinel-users.acl", passwords.put("myproject", "watcher")),
    )
    change = {
        "bind 10.0.0.31 127.0.0.1": "bind 127.0.0.1",
        "port 26379\nprotected": f"port {port}\nprotected",
        "/etc/redis/sentinel-users.acl": str(acl),
        "/var/lib/redis": str(folder),
        "CHANGE-ME-WATCHER": passwords.of["watcher"],
        "CHANGE-ME-SENTINEL": passwords.of["sentinel"],
        "monitor myproject 10.0.0.31 6379": f"monitor myproject 127.0.0.1 {primary}",
        **(put or {}),
    }
    conf = write(folder / "sentinel.conf", filled("redis/sentinel.conf", change))
    with serve([binary(kind), str(conf), "--sentinel"], port, env=dict(os.environ)) as server:
        yield Node(port, server.pid, server, passwords)
