"""A Redis as the state: its version, memory, role, connections, and who may listen.

That it evicts or is shared stops the start: `pipeline.kept.state_findings` says so, here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stockade.cli.deployed.facts import Facts, is_near
from stockade.cli.deployed.faults import Fault, error, note, warning
from stockade.gate.redis.address import SCHEMES, Address, parse

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


def cluster(facts: Facts) -> Iterator[Fault]:
    """The server stands alone, or with replicas: no Redis Cluster."""
    if facts.state is not None and facts.state.cluster:
        yield error(
            "STATE leads to a part of a Redis Cluster.",
            "A request is one script over keys of several slots, which a cluster refuses: 503 to every request.",
            "Use one server with replicas and Sentinel: redis+sentinel://...",
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
