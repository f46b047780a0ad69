"""A Redis as the state: what it must not do (evict, be shared, speak in clear), and which versions are known."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from stockade.cli.deployed.facts import Facts, is_near
from stockade.cli.deployed.faults import Fault, error, note, warning
from stockade.gate.redis.address import PORT, SCHEMES, Address, parse

_KNOWN = {"redis": ((7, 0), (9, 0)), "valkey": ((7, 2), (10, 0))}
_BUSY = 0.8


def _address(facts: Facts) -> Address | None:
    return parse(facts.state_url) if facts.state_url.partition("://")[0] in SCHEMES else None


def version(facts: Facts) -> Iterator[Fault]:
    """The server is of a version that Stockade is tested with."""
    if facts.state is None or not facts.state.version:
        return
    name, _, number = facts.state.version.rpartition(" ")
    found = tuple(int(part) for part in re.findall(r"\d+", number)[:2])
    oldest, newest = _KNOWN.get(name or "redis", _KNOWN["redis"])
    if found < oldest:
        yield error(
            f"{name or 'redis'} {number} is too old.",
            "Scripts behave otherwise, and it gets no security releases.",
            "Use Redis 7 or 8, or Valkey 7.2 or newer.",
        )
    elif found >= newest:
        yield note(f"{name or 'redis'} {number} is newer than this release of Stockade was tested with.")


def eviction(facts: Facts) -> Iterator[Fault]:
    """The server evicts nothing."""
    if facts.state is not None and facts.state.eviction not in (None, "noeviction"):
        yield error(
            f"maxmemory-policy is {facts.state.eviction}.",
            "What is evicted is a revocation or a lockout that is forgotten in silence. Workers refuse such a server: "
            "503 to every request.",
            "Write `maxmemory-policy noeviction` in redis.conf.",
        )


def bounded(facts: Facts) -> Iterator[Fault]:
    """The server knows how much memory it may take."""
    if facts.state is not None and facts.state.bounded is False:
        yield warning(
            "maxmemory is not set.",
            "The server grows until the kernel ends it: all limits start afresh, instead of some writes being refused.",
            "Write `maxmemory 512mb` in redis.conf; see how much is needed in the guide.",
        )


def persistence(facts: Facts) -> Iterator[Fault]:
    """Whether the server writes to disk, which it need not."""
    if facts.state is not None and facts.state.persistence:
        yield note(
            "The server writes its data to disk. It need not: a restarted server is loaded from SQL.",
            remedy='Write `save ""` and `appendonly no` in redis.conf; fork() costs time and memory.',
        )


def role(facts: Facts) -> Iterator[Fault]:
    """STATE leads to a master."""
    if facts.state is not None and facts.state.role not in (None, "master"):
        yield error(
            f"STATE leads to a {facts.state.role}.",
            "It takes no writes: 503 to every request.",
            "Name the master, or the Sentinels: redis+sentinel://user:password@host:26379,.../service.",
        )


def foreign(facts: Facts) -> Iterator[Fault]:
    """Nothing but the state is in its database."""
    if facts.state is not None and facts.state.foreign is not None:
        yield error(
            f"The database of the state holds keys of something else, such as {facts.state.foreign!r}.",
            "Whoever may write there may undo a revocation, and a `cache.clear()` empties the state: 503, and all "
            "limits afresh.",
            "Give the state a server of its own, and a user that nobody else has.",
        )


def shared(facts: Facts) -> Iterator[Fault]:
    """No cache, broker or channel layer of this project uses the state's server."""
    address = _address(facts)
    if address is None:
        return
    own = _places(address.path, address.hosts)
    for what, url in _others(facts.settings):
        parts = urlsplit(url)
        host = parts.hostname or ""
        path = parts.path if "unix" in parts.scheme or parts.scheme.endswith("socket") else ""
        if not own & _places(path, () if path else ((host, parts.port or PORT),)):
            continue
        same = path or _number(parts.path) == address.db
        yield error(
            f"{what} uses the server of the state{', in the same database' if same else ''}.",
            "It takes the state's memory and time, may evict, and its FLUSHALL empties the state: 503, and all limits "
            "afresh.",
            "Give the state a server of its own.",
        )


def encrypted(facts: Facts) -> Iterator[Fault]:
    """What goes to a Redis on another host is encrypted."""
    address = _address(facts)
    if address is None or address.tls or address.path or all(is_near(host) for host, _ in address.hosts):
        return
    yield error(
        "STATE leaves this host without TLS.",
        "Who is on the way reads the password, and with it may undo revocations and lift lockouts.",
        "Write rediss:// (or rediss+sentinel://) and ?ca=/etc/myproject/ca.pem; tls-port and certificates in "
        "redis.conf.",
    )


def password(facts: Facts) -> Iterator[Fault]:
    """A server that listens on a network asks who is there."""
    address = _address(facts)
    if address is None or address.path:
        return
    if not address.password.reveal():
        fault = warning if all(is_near(host) for host, _ in address.hosts) else error
        yield fault(
            "STATE has no user and password.",
            "Any process that reaches the port may undo revocations and lift lockouts.",
            "Make an ACL user with the commands of deploy/redis/users.acl: rediss://myproject:PASSWORD@...",
        )


def connections(facts: Facts) -> Iterator[Fault]:
    """The server has room for more connections."""
    if facts.state is None or not facts.state.clients or not facts.state.most_clients:
        return
    if facts.state.clients >= _BUSY * facts.state.most_clients:
        yield warning(
            f"{facts.state.clients} of {facts.state.most_clients} connections to the state are taken.",
            "During a deploy old and new workers run side by side; who gets no connection answers 503.",
            "Raise `maxclients`: hosts * workers * (threads + 1), twice.",
        )


def _number(path: str) -> int:
    text = path.strip("/")
    return int(text) if text.isdigit() else 0


def _places(path: str, hosts: tuple[tuple[str, int], ...]) -> set[tuple[str, int]]:
    """Every address that the hosts resolve to; a name that does not resolve is its own."""
    if path:
        return {(path, 0)}
    found: set[tuple[str, int]] = set()
    for host, port in hosts:
        try:
            found |= {
                (str(each[4][0]), port) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            }
        except OSError:
            found.add((host, port))
    return found


def _others(settings: Any) -> Iterator[tuple[str, str]]:
    """Every other URL of a Redis in the project's settings."""
    for name, cache in settings.CACHES.items():
        location = cache.get("LOCATION") or ""
        for url in location if isinstance(location, list | tuple) else re.split("[,;]", location):
            yield f"CACHES[{name!r}]", str(url)
    for name in (
        "CELERY_BROKER_URL",
        "CELERY_RESULT_BACKEND",
        "BROKER_URL",
        "RQ_REDIS_URL",
        "DRAMATIQ_REDIS_URL",
    ):
        yield name, str(getattr(settings, name, "") or "")
    for name, layer in (getattr(settings, "CHANNEL_LAYERS", None) or {}).items():
        for host in (layer.get("CONFIG") or {}).get("hosts") or ():
            url = f"redis://{host[0]}:{host[1]}" if isinstance(host, tuple | list) else str(host)
            yield f"CHANNEL_LAYERS[{name!r}]", url
