"""Which throttles of a view count, and where; and the fact `throttle-per-process`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stockade.drf.survey import probe
from stockade.drf.survey.facts import SETTINGS, Fact, beside
from stockade.drf.survey.stood import stood
from stockade.drf.survey.views import Handler, View


def counting(handler: Handler) -> Any:
    """The throttles that count something here, made; or UNKNOWN. One without a rate or a scope counts nothing."""

    def question() -> list[Any]:
        from rest_framework.throttling import ScopedRateThrottle, SimpleRateThrottle

        view = probe.view_of(handler, probe.anonymous())
        found = []
        for throttle in stood(view.get_throttles()):
            if isinstance(throttle, ScopedRateThrottle):
                scope = getattr(view, throttle.scope_attr, None)
                if not scope:
                    continue
                throttle.scope = scope
                throttle.rate = throttle.get_rate()
            if isinstance(throttle, SimpleRateThrottle) and throttle.rate is None:
                continue
            found.append(throttle)
        return found

    return probe.ask(question)


def per_process(views: list[View]) -> Iterator[Fact]:
    """Throttles whose counts are kept in the memory of each process."""
    names: dict[str, None] = {}
    for view in views:
        for handler in view.handlers if view.rest else ():
            found = counting(handler)
            if found is probe.UNKNOWN:
                continue
            names.update(dict.fromkeys(type(each).__name__ for each in found if _in_memory(each)))
    if names:
        yield Fact(
            "throttle-per-process",
            SETTINGS,
            "CACHES",
            f"{', '.join(names)} counts in LocMemCache: each worker process counts for itself, and a restart forgets.",
            '# "STATE": "lmdb://" in STOCKADE, and:\n'
            + beside("LIMITS", '"anon": "50/day"', '"user": "1000/day"'),
        )


def _in_memory(throttle: Any) -> bool:
    from django.core.cache import DEFAULT_CACHE_ALIAS, cache, caches
    from django.core.cache.backends.locmem import LocMemCache

    kept = getattr(throttle, "cache", None)
    if kept is cache:
        kept = caches[DEFAULT_CACHE_ALIAS]
    return isinstance(kept, LocMemCache)
