"""Every case under `cases`: each scheme's life, and the attacks on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drf.foreign import inner

CASES = Path(__file__).parent / "cases"
SETTINGS = "tests.schemes.every.cases.settings"


@pytest.mark.parametrize("case", inner.names(CASES))
def test_every(case: str, request: pytest.FixtureRequest, database_server: str) -> None:
    """One process for all selected cases of a file: it costs more to start than they do."""
    outcomes, output = inner.run(inner.selected(case, request), CASES, SETTINGS)
    assert case in outcomes, output
    assert not outcomes[case], "\n".join(outcomes[case])
