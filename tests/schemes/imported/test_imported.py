"""Every case under `cases`: simplejwt's own tokens, before and after the import."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drf.foreign import inner

CASES = Path(__file__).parent / "cases"
SETTINGS = "tests.schemes.imported.cases.settings"


@pytest.mark.parametrize("case", inner.names(CASES))
def test_imported(case: str, request: pytest.FixtureRequest, database_server: str) -> None:
    """One process for all selected cases of a file: it costs more to start than they do."""
    file = case.partition("::")[0]
    chosen = (getattr(item, "callspec", None) for item in request.session.items)
    cases = [spec.params["case"] for spec in chosen if spec is not None and "case" in spec.params]
    selected = tuple(sorted({one for one in cases if isinstance(one, str) and one.startswith(f"{file}::")}))
    outcomes, output = inner.run(selected, CASES, SETTINGS)
    assert case in outcomes, output
    assert not outcomes[case], "\n".join(outcomes[case])
