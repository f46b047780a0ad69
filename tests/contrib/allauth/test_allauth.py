"""Every case under `cases`: logins by the real allauth, and what our policies make of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drf.foreign import inner

CASES = Path(__file__).parent / "cases"
SETTINGS = "tests.contrib.allauth.cases.settings"


IN_A_BROWSER = "passkey::"


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[pytest.mark.browser] if case.startswith(IN_A_BROWSER) else [])
        for case in inner.names(CASES)
    ],
)
def test_allauth(case: str, request: pytest.FixtureRequest, database_server: str) -> None:
    """One process for all selected cases of a file: it costs more to start than they do."""
    if case.startswith(IN_A_BROWSER):
        request.getfixturevalue("chromium_path")  # says what is missing
    outcomes, output = inner.run(inner.selected(case, request), CASES, SETTINGS)
    assert case in outcomes, output
    assert not outcomes[case], "\n".join(outcomes[case])
