"""Every case under `cases`: each authenticator named in SCHEMES by its path, against the package itself."""

from __future__ import annotations

import pytest

from tests.drf.foreign import inner


@pytest.mark.parametrize("case", inner.names())
def test_foreign(case: str, request: pytest.FixtureRequest, database_server: str) -> None:
    """One process for all selected cases of a file: it costs more to start than they do."""
    file = case.partition("::")[0]
    chosen = (getattr(item, "callspec", None) for item in request.session.items)
    cases = [spec.params["case"] for spec in chosen if spec is not None and "case" in spec.params]
    selected = tuple(sorted({one for one in cases if isinstance(one, str) and one.startswith(f"{file}::")}))
    outcomes, output = inner.run(selected)
    assert case in outcomes, output
    assert not outcomes[case], "\n".join(outcomes[case])
