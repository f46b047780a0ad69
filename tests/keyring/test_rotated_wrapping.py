"""The key that wraps the signing keys is rotated: its old value is not retired while one of them rests on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stockade import keyring, vault
from stockade.cli.root import app
from stockade.core import clock
from tests.keyring.test_following import OLD, put

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Iterator[None]:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("STOCKADE_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("STOCKADE_SECRETS_ORDER", raising=False)
    vault.use()
    put(tmp_path, "WRAPPING_KEY", OLD)
    load(settings)
    yield
    clock.unshift()
    vault.use()
    keyring.forget()


def load(settings: Any) -> None:
    """As a process that starts now would."""
    settings.STOCKADE_KEY = vault.secret("WRAPPING_KEY", min_length=32)
    settings.STOCKADE_KEY_FALLBACKS = vault.fallbacks("WRAPPING_KEY")
    keyring.forget()


def rotate(settings: Any) -> Any:
    done = CliRunner().invoke(app, ["secrets", "rotate", "WRAPPING_KEY", "--wait", "1s", "--overlap", "1s"])
    clock.shift(2)
    load(settings)
    return done


def test_an_old_value_on_which_signing_keys_rest_is_not_retired(settings: Any) -> None:
    """Else no host could read them, and every token would be answered by 500."""
    keyring.ring().signer(60)
    assert [rotate(settings).exit_code for _ in range(2)] == [0, 0]
    refused = rotate(settings)
    assert (refused.exit_code, "stockade keyring rewrap" in refused.output) == (1, True)
    assert OLD in vault.fallbacks("WRAPPING_KEY")
    keyring.ring().signer(60)
    keyring.rewrap()
    assert rotate(settings).exit_code == 0
    assert vault.fallbacks("WRAPPING_KEY") == ()
    keyring.ring().signer(60)


def test_what_wraps_nothing_is_retired_without_a_look_at_the_keys(settings: Any, tmp_path: Path) -> None:
    keyring.ring().signer(60)
    put(tmp_path, "OTHER", OLD[::-1])
    for _ in range(3):
        done = CliRunner().invoke(app, ["secrets", "rotate", "OTHER", "--wait", "1s", "--overlap", "1s"])
        assert done.exit_code == 0, done.output
        clock.shift(2)
