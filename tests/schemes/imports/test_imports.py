"""Every case under `cases`: credentials of the real packages, before and after the import."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drf.foreign import inner

CASES = Path(__file__).parent / "cases"
SETTINGS = "tests.schemes.imports.cases.settings"


@pytest.mark.parametrize("case", inner.names(CASES))
def test_imports(case: str, request: pytest.FixtureRequest, database_server: str) -> None:
    """One process for all selected cases of a file: it costs more to start than they do."""
    outcomes, output = inner.run(inner.selected(case, request), CASES, SETTINGS)
    assert case in outcomes, output
    assert not outcomes[case], "\n".join(outcomes[case])
