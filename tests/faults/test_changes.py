"""Every way to change a user, under load: it bites when it is promised to, and nobody else notices."""

from __future__ import annotations

import json
import os

import pytest

from tests.faults.changers import kinds
from tests.faults.driver import drive

STAGES = [("lmdb", "sqlite"), ("redis", "postgres")]
EVERY = {*kinds("", ""), "rotate"}


def test_each_change_bites_when_it_is_promised_to_and_nobody_else_is_refused() -> None:
    found = drive("run_changes", "--state", "lmdb", "--database", "sqlite", "--workers", "1", seconds=4)
    assert set(found["taken"]) == EVERY
    assert found["requests after their right was taken"] >= 50, found


@pytest.mark.soak
@pytest.mark.parametrize(("state", "database"), STAGES)
def test_hours_of_changes(state: str, database: str) -> None:
    seconds = float(os.environ.get("SOAK_SECONDS", "60"))
    found = drive("run_changes", "--state", state, "--database", database, seconds=seconds)
    print(json.dumps(found, indent=1))
    assert set(found["taken"]) == EVERY
