"""Sentinel and replicas: that a fail-over happens, and that the old master has stopped before its successor begins."""

from __future__ import annotations

from collections.abc import Iterator

from stockade.cli.deployed.facts import Facts
from stockade.cli.deployed.faults import Fault, error, warning
from stockade.gate.redis.address import SCHEMES, parse

# Redis counts the lag in whole seconds and looks at it once a second, and a Sentinel's last PONG may be a second older
# than the cut: an isolated master stops at most max_lag + 2 seconds after the cut, and is given up at the earliest
# down_after - 1 seconds after it.
SLACK = 3  # seconds


def _by_sentinel(facts: Facts) -> bool:
    scheme = facts.state_url.partition("://")[0]
    return scheme in SCHEMES and scheme.endswith("+sentinel")


def sentinels(facts: Facts) -> Iterator[Fault]:
    """Enough Sentinels answer."""
    if not _by_sentinel(facts) or facts.state is None or facts.state.sentinels is None:
        return
    named, answered = len(parse(facts.state_url).hosts), facts.state.sentinels
    if answered < named:
        yield warning(
            f"{answered} of the {named} Sentinels that STATE names answer.",
            "One more that goes, and nobody names the master.",
            "Start it, or name those that there are.",
        )
    if named < 3:
        yield warning(
            f"STATE names {named} Sentinel{'s' if named != 1 else ''}.",
            "When that host is away, workers cannot ask who the master is.",
            "Run three on three hosts, and name them all.",
        )


def quorum(facts: Facts) -> Iterator[Fault]:
    """The Sentinels that know one another can elect, and two parts of a network cannot both."""
    found = facts.state
    if not _by_sentinel(facts) or found is None or found.quorum is None or not found.watchers:
        return
    if found.quorum > found.watchers or found.watchers < 3:
        yield error(
            f"{found.watchers} Sentinels watch the master, with a quorum of {found.quorum}.",
            "They cannot elect a successor when one host is gone: 503 until somebody comes.",
            "Run three Sentinels on three hosts, with a quorum of 2.",
        )
    elif found.quorum * 2 <= found.watchers:
        yield warning(
            f"The quorum is {found.quorum} of {found.watchers} Sentinels.",
            "A few that are cut off start fail-overs for a master that is well.",
            f"Write {found.watchers // 2 + 1} at the end of `sentinel monitor`.",
        )


def replicas(facts: Facts) -> Iterator[Fault]:
    """There is a replica to fail over to."""
    if _by_sentinel(facts) and facts.state is not None and facts.state.replicas == 0:
        yield error(
            "The master has no replica.",
            "There is nothing to fail over to, and with min-replicas-to-write the master accepts nothing.",
            "Start one with `replicaof`, and see `masterauth` and `masteruser`.",
        )


def isolation(facts: Facts) -> Iterator[Fault]:
    """A master that is cut off stops accepting writes."""
    found = facts.state
    if found is None or not (_by_sentinel(facts) or found.replicas):
        return
    if found.min_replicas is None:
        yield warning(
            "min-replicas-to-write cannot be seen: the user of STATE may not CONFIG GET it.",
            "Nobody has checked that a master that is cut off stops.",
            "Put a URL with an operator's user into the secret STOCKADE_CHECK_STATE_URL; see deploy/redis/users.acl.",
        )
    elif found.min_replicas < 1 or not found.max_lag:
        yield error(
            "min-replicas-to-write is 0.",
            "A master that is cut off from its replicas goes on. Requests beside it are admitted by its epochs while "
            "its successor already has newer ones: who was revoked there is admitted here.",
            "Write `min-replicas-to-write 1` and `min-replicas-max-lag 2` in redis.conf, on every host.",
        )


def order(facts: Facts) -> Iterator[Fault]:
    """It stops before Sentinel elects its successor."""
    found = facts.state
    if found is None or not found.min_replicas or not found.max_lag or not found.down_after:
        return
    least = (found.max_lag + SLACK) * 1000
    if found.down_after < least:
        fault = error if found.down_after <= found.max_lag * 1000 else warning
        yield fault(
            f"down-after-milliseconds is {found.down_after}, and min-replicas-max-lag {found.max_lag} seconds.",
            "The old master may still admit by old epochs when its successor has been elected.",
            f"Write `sentinel down-after-milliseconds SERVICE {least}` or more, or a shorter min-replicas-max-lag.",
        )
