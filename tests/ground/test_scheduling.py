"""Every test of a run is in one unit, and what a unit names is there."""

from __future__ import annotations

import re

from tests import repeating, scheduling
from tests.servers import ROOT


def test_a_unit_keeps_together_what_shares_something_costly() -> None:
    assert scheduling.unit("tests/demo/test_api.py::test_one") == scheduling.unit(
        "tests/demo/test_page.py::test_two"
    )
    every = "tests/schemes/every/test_every.py::test_every"
    assert scheduling.unit(f"{every}[life::test_one]") == scheduling.unit(f"{every}[life::test_two]")
    assert scheduling.unit(f"{every}[life::test_one]") != scheduling.unit(f"{every}[stolen::test_two]")


def test_no_test_is_lost_and_the_longest_unit_is_the_first() -> None:
    nodes = [f"tests/test_controls.py::test_a[{number}]" for number in range(60)]
    nodes += ["tests/core/test_address.py::test_one", "tests/demo/test_api.py::test_one"]
    found = scheduling.units(nodes)
    assert sorted(node for some in found.values() for node in some) == sorted(nodes)
    assert [len(some) for some in found.values()] == [1, 25, 25, 10, 1]
    assert next(iter(found)) == "tests/demo/"


def test_what_is_named_is_there() -> None:
    for name in scheduling.LONG:
        assert (ROOT / name.partition("[")[0]).exists(), name


def test_every_reason_for_one_database_still_has_a_test() -> None:
    nodes = [
        f"{path.relative_to(ROOT)}::test_x[canaries::test_y]" for path in (ROOT / "tests").rglob("test_*.py")
    ]
    for pattern in repeating.SAME_ON_ANY:
        assert any(re.match(pattern, node) for node in nodes), pattern
