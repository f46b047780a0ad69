"""One master, two replicas and three Sentinels that fail over, also with writes that are lost."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.servers import free_port
from tests.state_servers import Server, binary

SERVICE = "stockade"
USER, PASSWORD = "follower", "only the replicas'"
DOWN_AFTER = 4000  # milliseconds: longer than a cut off master goes on, as `check --deploy` asks
BOUND = 60.0  # seconds
# A master that has lost its replica stops to take writes a second later, as the documents tell operators to have it.
OPTIONS = {"min-replicas-to-write": "1", "min-replicas-max-lag": "1", "repl-diskless-sync-delay": "0"}


class Sentinel(Server):
    """One Sentinel; it writes what it learns into its own configuration."""

    def watch(self, master: int) -> Sentinel:
        self.file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\nlogfile {self.folder}/{self.port}.log\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {master} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER}\n"
            f"sentinel failover-timeout {SERVICE} 2000\n"
        )
        return self

    @property
    def file(self) -> Path:
        return self.folder / f"{self.port}.conf"

    def command(self) -> list[str]:
        return [binary(self.kind), str(self.file), "--sentinel"]


class Group:
    """The servers, and who of them is what.

    Args:
        servers: of which the first begins as the master.
    """

    def __init__(self, servers: list[Server], sentinels: list[Sentinel]) -> None:
        self.servers, self.sentinels = servers, sentinels

    @property
    def url(self) -> str:
        """As STATE takes it."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    def start(self) -> None:
        first, *others = self.servers
        first.start()
        self.prepare(first)
        for server in others:
            server.start()
            self.follow(server, first)
        wait_for(lambda: all(map(in_sync, others)), "replication")
        for sentinel in self.sentinels:
            sentinel.watch(first.port).start()
        wait_for(self.is_whole, "the Sentinels")

    @staticmethod
    def prepare(server: Server) -> None:
        """Replicas come as a user of their own, so that they can be kept out."""
        server.run("ACL", "SETUSER", USER, "on", f">{PASSWORD}", "+@all", "~*", "&*")
        server.run("CONFIG", "SET", "masteruser", USER)
        server.run("CONFIG", "SET", "masterauth", PASSWORD)

    def follow(self, server: Server, master: Server) -> None:
        """Have a server follow the master at once; the Sentinels would take ten seconds over it."""
        self.prepare(server)
        server.run("REPLICAOF", "127.0.0.1", str(master.port))

    @staticmethod
    def cut(master: Server) -> None:
        """Keep the replicas out: what the master is told from now on is on no other server."""
        master.run("ACL", "SETUSER", USER, "off")
        master.run("CLIENT", "KILL", "TYPE", "replica")

    def master(self) -> Server:
        """Whom the Sentinels name."""
        port = named(self.sentinels[0])
        return next(server for server in self.servers if server.port == port)

    def await_other(self, old: Server) -> Server:
        """The new master, once all Sentinels name the same other one, it is one, and another server follows it."""
        wait_for(lambda: self._succeeded(old), "a fail-over")
        return self.master()

    def _succeeded(self, old: Server) -> bool:
        ports = set(map(named, self.sentinels))
        if len(ports) != 1 or old.port in ports:
            return False
        new = self.master()
        third = next(server for server in self.servers if server not in (old, new))
        return role(new) == "master" and in_sync(third)

    def is_whole(self) -> bool:
        """Whether all follow the master, and the Sentinels know it: another fail-over can come."""
        master = self.master()
        followed = all(in_sync(server) for server in self.servers if server is not master)
        return followed and all(map(self._knows, self.sentinels))

    def _knows(self, sentinel: Sentinel) -> bool:
        known = pairs(sentinel.run("SENTINEL", "MASTER", SERVICE))
        replicas = [pairs(each) for each in sentinel.run("SENTINEL", "REPLICAS", SERVICE)]  # type: ignore[attr-defined]
        well = [each for each in replicas if each["flags"] == "slave" and each["master-link-status"] == "ok"]
        others = int(known["num-other-sentinels"]) == len(self.sentinels) - 1
        return others and known["flags"] == "master" and len(well) == len(self.servers) - 1

    def kill(self) -> None:
        for server in (*self.sentinels, *self.servers):
            server.kill()


def named(sentinel: Sentinel) -> int:
    """The port of the master, as a Sentinel names it."""
    return int(_text(sentinel.run("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1]))  # type: ignore[index]


def role(server: Server) -> str:
    """What a server takes itself for; "" while it does not answer."""
    try:
        return _text(server.run("ROLE")[0])  # type: ignore[index]
    except OSError:
        return ""


def in_sync(server: Server) -> bool:
    """Whether a server follows another and has everything of it."""
    info = pairs(server.run("INFO", "replication"))
    return info.get("role") == "slave" and info.get("master_link_status") == "up"


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def pairs(values: object) -> dict[str, str]:
    """An answer of names and values."""
    if isinstance(values, dict):
        return {_text(key): _text(value) for key, value in values.items()}
    listed = [_text(value) for value in values]  # type: ignore[attr-defined]
    return dict(zip(listed[::2], listed[1::2], strict=True))


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Poll, with a bound; a server that cannot be asked is not there yet."""
    import redis

    deadline = time.monotonic() + BOUND
    while True:
        with contextlib.suppress(redis.RedisError, OSError):
            if condition():
                return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come in {BOUND} s")
        time.sleep(0.02)  # other processes decide when


@contextlib.contextmanager
def sentinel_group(folder: Path, kind: str = "redis") -> Iterator[Group]:
    """A running group, ended at the end."""
    servers = [Server(kind, folder, options=OPTIONS) for _ in range(3)]
    group = Group(servers, [Sentinel(kind, folder, free_port()) for _ in range(3)])
    try:
        group.start()
        yield group
    finally:
        group.kill()
