"""Every case under `cases`: each authenticator named in SCHEMES by its path, against the package itself."""

from __future__ import annotations

import pytest

from tests.drf.foreign import inner


@pytest.mark.parametrize("case", inner.names())
def test_foreign(case: str, request: pytest.FixtureRequest, database_server: str) -> None:
    """One process for all selected cases of a file: it costs more to start than they do."""
    outcomes, output = inner.run(inner.selected(case, request))
    assert case in outcomes, output
    assert not outcomes[case], "\n".join(outcomes[case])
