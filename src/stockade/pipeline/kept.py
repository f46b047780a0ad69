"""Whether the Redis of the state keeps what it is given."""

from __future__ import annotations

from collections.abc import Iterator

from stockade import conf
from stockade.core.errors import Unavailable
from stockade.gate.conf import GateSettings
from stockade.gate.redis import address as redis
from stockade.gate.redis.neighbours import neighbours
from stockade.gate.registry import get_gate
from stockade.pipeline.finding import Finding


def state_findings() -> Iterator[Finding]:
    """A Redis that drops keys, or that others empty, forgets revocations and limits: asked once, where serving begins.

    One that is away stops no start: requests are answered with 503 until it is there.
    """
    from django.conf import settings

    url = conf.load(GateSettings).state
    if url.partition("://")[0] not in redis.SCHEMES:
        return
    for what, same in neighbours(redis.parse(url), settings):
        yield Finding(
            "stockade.E039",
            f"{what} uses the Redis of the state{', in the same database' if same else ''}: it takes its memory, may "
            "have keys evicted, and emptying it empties the state.",
            "Give the state a server of its own.",
        )
    report, eviction = None, ""
    try:
        report = get_gate().describe()
        eviction = f"maxmemory-policy is {report.eviction}" if report.eviction != "noeviction" else ""
    except Unavailable as error:
        eviction = (error.reason or "") if "maxmemory-policy" in (error.reason or "") else ""
    if eviction:
        yield Finding(
            "stockade.E038",
            f"The Redis of the state may drop any of its keys: {eviction.removeprefix('state: ')}.",
            "Write `maxmemory-policy noeviction` in redis.conf, and put a cache into a server of its own.",
        )
    if report is None:
        return
    if report.foreign is not None:
        yield Finding(
            "stockade.E039",
            f"The database of the state holds keys of something else, such as {report.foreign!r}.",
            "Give the state a server, or at least a database number, of its own.",
        )
