"""Each test of the vault has an environment of its own, hears what is told, and leaves neither behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stockade import vault
from stockade.core import clock
from stockade.vault import telling
from stockade.vault.kept import _all
from stockade.vault.telling import Notice
from tests.vault.servers import Bao, bao

_OWN = ("VAULT_", "BAO_", "AWS_", "AZURE_", "GOOGLE_", "STOCKADE_SECRETS_")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(_OWN):
            monkeypatch.delenv(name)
    monkeypatch.setenv("STOCKADE_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    _all.clear()  # of a test before, which no collection has found yet: it would be asked again, and tell that it fails
    yield
    for kept in list(_all):
        kept.source.forget()
    vault.use()
    clock.unshift()


@pytest.fixture
def told() -> Iterator[list[Notice]]:
    found: list[Notice] = []
    telling.listen(found.append)
    found.clear()
    yield found
    telling.listen(None)


@pytest.fixture(scope="module")
def openbao() -> Iterator[Bao]:
    with bao() as running:
        yield running
