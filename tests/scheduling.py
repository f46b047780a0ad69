"""Which worker of a run takes what, and when: what shares something costly stays together, and the longest comes first.

`tests/whole.py` hands the units out. A worker that runs out of work takes the next one.
"""

from __future__ import annotations

import re

# Rooms whose tests look at one thing that takes seconds to start, once in each worker that has any of them.
TOGETHER = ("tests/demo/", "tests/deploy/", "tests/proxy/")
# A case under settings of its own runs with all others of its file, whoever asks first (tests/drf/foreign/inner.py).
INNER = re.compile(r"\[(\w+)::\w+\]$")
CONTROLS = "tests/test_controls.py::"
AT_ONCE = 25  # controls of one unit
EACH = 0.05  # s for a test of which nothing is known
A_CONTROL = 1.0  # s, with those that wait in vain, as they must
# s, roughly and on one processor, as `--durations=0` says: only the order hangs on it.
LONG = {
    "tests/demo/": 200,
    "tests/proxy/": 150,
    "tests/deploy/": 120,
    "tests/bench/test_rows.py": 70,
    "tests/documents/test_blocks.py": 60,
    "tests/faults/test_faults.py": 60,
    "tests/gate/test_redis.py": 60,
    "tests/adopt/test_moves.py": 50,
    "tests/gate/test_processes.py": 40,
    "tests/faults/test_changes.py": 30,
    "tests/keyring/test_under_load.py": 30,
    "tests/linear/test_interleavings.py": 30,
    "tests/edge/test_browser.py": 30,
    "tests/schemes/external/test_hostile_issuer.py": 30,
    "tests/schemes/every/test_every.py[life": 30,
    "tests/adopt/test_projects.py": 25,
    "tests/cli/test_secrets.py": 20,
    "tests/drf/schema/test_refusals.py": 20,
    "tests/schemes/test_browser_wire.py": 20,
    "tests/schemes/every/test_every.py[attacks": 20,
    "tests/adopt/test_move_from_authtoken.py": 18,
    "tests/adopt/test_move_from_simplejwt.py": 15,
    "tests/schemes/session/test_workers.py": 15,
    "tests/schemes/every/test_every.py[canaries": 15,
    "tests/schemes/every/test_every.py[stolen": 15,
    "tests/truth/test_kills.py": 15,
    "tests/schemes/wrapped/test_wrap.py": 12,
    "tests/webhooks/test_workers.py": 12,
}


def units(nodes: list[str]) -> dict[str, list[str]]:
    """The tests that one worker takes at a time, the longest of these units first."""
    found: dict[str, list[str]] = {}
    controls = 0
    for node in nodes:
        name = unit(node)
        if name == CONTROLS:
            name, controls = f"{name}{controls // AT_ONCE}", controls + 1
        found.setdefault(name, []).append(node)
    return dict(sorted(found.items(), key=lambda item: -seconds(*item)))


def unit(node: str) -> str:
    """Which tests this one stays with."""
    if node.startswith(CONTROLS):
        return CONTROLS
    for room in TOGETHER:
        if node.startswith(room):
            return room
    file = node.partition("::")[0]
    inner = INNER.search(node)
    return f"{file}[{inner[1]}" if inner else file


def seconds(name: str, nodes: list[str]) -> float:
    """How long a unit takes, roughly."""
    return LONG.get(name, (A_CONTROL if name.startswith(CONTROLS) else EACH) * len(nodes))
