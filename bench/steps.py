"""Where a request's time goes, step by step: chosen functions with a clock around each, inside real requests.

A profiler that traces every call makes small functions look dear. Here only what is named is timed, and what the
clock itself costs is measured and taken off.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

from bench.redis_server import Traffic

# Each is "module:qualified name"; one that does not exist is passed over.
PROBES = (
    "django.core.handlers.wsgi:WSGIHandler.__call__",
    "django.core.handlers.wsgi:WSGIRequest.__init__",
    "django.middleware.common:CommonMiddleware.__call__",
    "stockade.web.middleware:Middleware.__call__",
    "stockade.web.middleware:Middleware._process_view",
    "stockade.web.run:open_context",
    "stockade.web.run:begin",
    "stockade.web.run:admit",
    "stockade.web.adopting:adopt",
    "stockade.web.closing:close",
    "stockade.web.answer:finish",
    "stockade.gate.headers:fill",
    "stockade.pipeline.registry:current",
    "stockade.pipeline.registry:Registry.declared",
    "stockade.pipeline.registry:Registry.exempt",
    "stockade.pipeline.forced:principal_of",
    "stockade.pipeline.engine:Engine.find",
    "stockade.pipeline.passing:Passing.pass_gate",
    "stockade.pipeline.engine:Engine.decide",
    "stockade.pipeline.asking:Asking._ask",
    "stockade.pipeline.memory:Memory.recall",
    "stockade.gate.memory:MemoryGate.ask",
    "stockade.gate.lmdb:LmdbGate.ask",
    "stockade.gate.redis.gate:RedisGate.ask",
    "stockade.gate.redis.asking:command",
    "stockade.gate.redis.line:Line.call",
    "stockade.gate.redis.asking:Reading.verdict",
    "redis.client:Redis.execute_command",
    "stockade.gate.windows:charge",
    "stockade.schemes.users:renewed",
    "stockade.drf.permissions:PolicyPermission.has_permission",
    "stockade.drf.authentication:exchange_of",
    "rest_framework.views:APIView.dispatch",
    "rest_framework.views:APIView.initialize_request",
    "rest_framework.views:APIView.initial",
    "rest_framework.views:APIView.perform_content_negotiation",
    "rest_framework.views:APIView.perform_authentication",
    "rest_framework.views:APIView.check_permissions",
    "rest_framework.views:APIView.check_throttles",
    "rest_framework.views:APIView.finalize_response",
)
SCRIPT = "evalsha"
_OVERHEAD_TRIES, _OVERHEAD_CALLS = 20, 2_000


class Step(NamedTuple):
    """One probed function: calls per request, and microseconds per call with and without the probed ones inside."""

    name: str
    calls: float
    whole: float
    own: float


def served(traffic: Traffic, requests: int) -> list[Step]:
    """What the Redis did for the requests, by its own clock; a script's whole contains the commands that it calls."""
    inside = {name: spent for name, spent in traffic.microseconds.items() if name != SCRIPT}
    steps = []
    for name, spent in sorted(traffic.microseconds.items(), key=lambda item: item[0] != SCRIPT):
        own = spent - sum(inside.values()) if name == SCRIPT else spent
        label = f"redis-server:{name.upper()}"
        steps.append(Step(label, traffic.calls[name] / requests, spent / requests, own / requests))
    return steps


class Probes:
    """Clocks around functions, from `install` on.

    Args:
        names: what to time, as in `PROBES`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.times: dict[str, tuple[list[int], list[int]]] = {}
        self._inner = [0]
        self._overhead = 0.0
        self._overhead = self._measure()
        for name in names:
            self._install(name)

    def clear(self) -> None:
        """Forget what was timed so far."""
        for whole, own in self.times.values():
            whole.clear()
            own.clear()

    def steps(self, requests: int) -> list[Step]:
        """The probed functions that were called, in the order of `names`."""
        return [
            Step(name, len(whole) / requests, median(whole) / 1000, median(own) / 1000)
            for name, (whole, own) in self.times.items()
            if whole
        ]

    def _measure(self) -> float:
        """Nanoseconds that a probe adds to what surrounds it."""
        probed = self._wrap("", lambda: None)
        found = []
        for _ in range(_OVERHEAD_TRIES):
            begin = time.perf_counter_ns()
            for _ in range(_OVERHEAD_CALLS):
                probed()
            found.append((time.perf_counter_ns() - begin) / _OVERHEAD_CALLS)
            self._inner[:] = [0]
        del self.times[""]
        return min(found)  # whatever else the machine does can only add

    def _wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        wholes: list[int] = []
        owns: list[int] = []
        self.times[name] = (wholes, owns)
        inner, clock, overhead = self._inner, time.perf_counter_ns, round(self._overhead)

        @functools.wraps(function)
        def probed(*args: Any, **options: Any) -> Any:
            inner.append(0)
            begin = clock()
            try:
                return function(*args, **options)
            finally:
                spent = clock() - begin
                children = inner.pop()
                # `children` holds what the probed ones inside took, their clocks included.
                owns.append(spent - children)
                wholes.append(spent)
                inner[-1] += spent + overhead

        return probed

    def _install(self, name: str) -> None:
        module_name, _, path = name.partition(":")
        try:
            owner: Any = sys.modules[module_name]  # what this row has not loaded it does not run
            *outer, last = path.split(".")
            for part in outer:
                owner = getattr(owner, part)
            function = vars(owner)[last] if outer else getattr(owner, last)
        except (AttributeError, KeyError):
            return
        if isinstance(function, staticmethod):
            setattr(owner, last, staticmethod(self._wrap(name, function.__func__)))
        elif outer:
            setattr(owner, last, self._wrap(name, function))
        else:  # a function of a module: also where others have imported or kept it by name
            probed = self._wrap(name, function)
            for module in list(sys.modules.values()):
                for attribute, value in list(vars(module).items()) if hasattr(module, "__dict__") else ():
                    if value is function:
                        setattr(module, attribute, probed)
