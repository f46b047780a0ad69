"""A rotation at every moment: what signs is known to whoever has read one step earlier, and the old value goes."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from stockade import vault
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.vault import Files, Secret, secret
from stockade.vault.rotation import InFiles, Step, TooEarly, advance
from stockade.vault.strong import KINDS, make
from tests.vault.test_files import put
from tests.vault.test_secret import STRONG

pytestmark = pytest.mark.usefixtures("alone")

NEW = Secret(STRONG[::-1])


def values() -> tuple[str, tuple[str, ...]]:
    return str(secret("APP_SECRET_KEY")), vault.fallbacks("APP_SECRET_KEY")


def test_three_steps_and_what_every_reader_knows(tmp_path: Path) -> None:
    put(tmp_path / "APP_SECRET_KEY")
    store = InFiles("APP_SECRET_KEY", Files([tmp_path]))
    seen = [values()]
    for expected in (Step.PUBLISHED, Step.SIGNING, Step.RETIRED):
        assert advance(store, NEW, wait=60, overlap=3600) is expected
        seen.append(values())
        clock.shift(3601)
    assert [current for current, _ in seen] == [STRONG, STRONG, NEW, NEW]
    assert seen[-1][1] == ()
    for before, after in itertools.pairwise(seen):
        # What one signs with, the other knows, while they differ by one step.
        assert after[0] in (before[0], *before[1])
        assert before[0] in (after[0], *after[1]) or before is seen[2]
    assert (tmp_path / "APP_SECRET_KEY_FALLBACKS").stat().st_mode & 0o777 == 0o400
    assert STRONG not in (tmp_path / "APP_SECRET_KEY.rotation").read_text()


def test_a_reader_between_any_two_files_knows_what_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "APP_SECRET_KEY")
    store = InFiles("APP_SECRET_KEY", Files([tmp_path]))
    advance(store, NEW, wait=0)
    known: list[set[str]] = []
    real = InFiles._put

    def watched(self: InFiles, path: Path, text: str) -> None:
        real(self, path, text)
        current, others = values()
        known.append({current, *others})

    monkeypatch.setattr(InFiles, "_put", watched)
    advance(store, NEW, wait=0)
    assert len(known) == 3
    assert all({STRONG, NEW} <= one for one in known)


def test_a_step_too_early_changes_nothing(tmp_path: Path) -> None:
    put(tmp_path / "APP_SECRET_KEY")
    store = InFiles("APP_SECRET_KEY", Files([tmp_path]))
    advance(store, NEW)
    before = values()
    with pytest.raises(TooEarly):
        advance(store, NEW)
    clock.shift(601)
    advance(store, NEW)
    with pytest.raises(TooEarly):
        advance(store, NEW)
    assert before == (STRONG, (NEW,))
    assert values()[0] == NEW
    assert STRONG in values()[1]


def test_values_that_somebody_changed_meanwhile_stop_it(tmp_path: Path) -> None:
    put(tmp_path / "APP_SECRET_KEY")
    store = InFiles("APP_SECRET_KEY", Files([tmp_path]))
    advance(store, NEW, wait=0)
    put(tmp_path / "APP_SECRET_KEY_FALLBACKS", "x" + STRONG)
    with pytest.raises(ConfigurationError, match="E067"):
        advance(store, NEW, wait=0)
    assert values()[0] == STRONG


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_is_strong_and_never_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {str(make(kind)) for _ in range(50)}
    assert len(made) == 50
    for one in made:
        monkeypatch.setenv("MADE_TOKEN", one)
        assert secret("MADE_TOKEN") == one
    assert make(kind) not in repr(make(kind))
