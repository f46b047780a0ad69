"""What shows only where the project runs: the closed list of checks behind `stockade check --deploy`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stockade.cli.deployed import (
    clocks,
    credentials,
    database,
    failover,
    issuers,
    keys,
    project,
    redis,
    secrets,
    state,
)
from stockade.cli.deployed.facts import Facts
from stockade.cli.deployed.faults import Check, Fault, Level

CHECKS: tuple[Check, ...] = (
    Check("stockade.D100", project.django_settings),
    Check("stockade.D101", project.hosts),
    Check("stockade.D102", project.proxies_missing),
    Check("stockade.D103", project.proxies_wide),
    Check("stockade.D104", project.scheme_of_the_client),
    Check("stockade.D105", project.atomic_requests),
    Check("stockade.D106", project.versions),
    Check("stockade.D107", project.proxy_secret),
    Check("stockade.D120", database.answers),
    Check("stockade.D121", database.version),
    Check("stockade.D122", database.migrated),
    Check("stockade.D123", database.encrypted),
    Check("stockade.D130", clocks.database_clock),
    Check("stockade.D131", clocks.state_clock),
    Check("stockade.D140", state.answers),
    Check("stockade.D141", state.loads),
    Check("stockade.D142", state.one_process),
    Check("stockade.D143", state.one_host),
    Check("stockade.D144", state.room),
    Check("stockade.D145", state.same),
    Check("stockade.D150", redis.version),
    Check("stockade.D151", redis.bounded),
    Check("stockade.D152", redis.persistence),
    Check("stockade.D153", redis.role),
    Check("stockade.D154", redis.encrypted),
    Check("stockade.D155", redis.password),
    Check("stockade.D156", redis.connections),
    Check("stockade.D157", redis.cluster),
    Check("stockade.D170", failover.sentinels),
    Check("stockade.D171", failover.quorum),
    Check("stockade.D172", failover.replicas),
    Check("stockade.D173", failover.isolation),
    Check("stockade.D174", failover.order),
    Check("stockade.D180", keys.signs),
    Check("stockade.D181", keys.readable),
    Check("stockade.D182", keys.wrapped),
    Check("stockade.D183", keys.own_key),
    Check("stockade.D184", keys.waits),
    Check("stockade.D185", secrets.sound),
    Check("stockade.D190", credentials.bounded),
    Check("stockade.D191", credentials.scopes_known),
    Check("stockade.D192", credentials.used),
    Check("stockade.D193", credentials.old_hashes),
    Check("stockade.D195", issuers.reachable),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A fault, and the id of the check that found it."""

    id: str
    fault: Fault


def look() -> Iterator[Found]:
    """Run every check, in the order in which one mends: settings, database, clocks, state, keys."""
    facts = Facts()
    for check in CHECKS:
        for fault in check.look(facts):
            yield Found(check.id, fault)


__all__ = ["CHECKS", "Check", "Fault", "Found", "Level", "look"]
