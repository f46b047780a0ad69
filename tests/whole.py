"""Hands out whole units of tests, for `--dist loadfile`; apart, because only the process that does so needs xdist's."""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadScopeScheduling

from tests.scheduling import units


class Whole(LoadScopeScheduling):
    """Hands out `units` in the order of the collection, which every worker has put in theirs."""

    def __init__(self, config: Any, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # it would put the unit with the most tests first
        self._unit_of: dict[str, str] = {}

    def _split_scope(self, nodeid: str) -> str:
        if not self._unit_of:
            (collection, *_) = self.registered_collections.values()
            self._unit_of = {node: name for name, nodes in units(collection).items() for node in nodes}
        return self._unit_of[nodeid]
