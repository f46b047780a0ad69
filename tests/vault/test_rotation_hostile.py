"""A rotation that is killed, run twice at once, or of a secret that the application reads elsewhere."""

from __future__ import annotations

import itertools
import os
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stockade import vault
from stockade.cli.root import app
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.vault import Files, Secret, rotation, secret
from stockade.vault.address import parse
from stockade.vault.rotation import InDocument, InFiles, Step, TooEarly, advance, store_of
from tests.vault.test_files import put
from tests.vault.test_rotation import NEW, values
from tests.vault.test_secret import STRONG

pytestmark = pytest.mark.usefixtures("alone")

NAME = "APP_SECRET_KEY"
OWN = Secret(f"own-{STRONG}")


class Killed(BaseException):
    """SIGKILL, as far as what is on the disk is concerned."""


def some() -> Secret:
    return Secret(f"{next(_numbers)}-{STRONG[::-1]}")


_numbers = itertools.count(1)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
@pytest.mark.parametrize("step", [0, 1, 2])
def test_killed_in_the_midst_of_a_step_it_goes_on_and_the_old_value_goes_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, after: int
) -> None:
    put(tmp_path / NAME)
    put(tmp_path / f"{NAME}_FALLBACKS", OWN)
    store = InFiles(NAME, Files([tmp_path]))
    for _ in range(step):
        advance(store, some(), wait=0, overlap=0)
    real, left = InFiles._put, [after]

    def dies(self: InFiles, path: Path, text: str) -> None:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        real(self, path, text)

    known = {values()[0], *values()[1]}
    with monkeypatch.context() as patch:
        patch.setattr(InFiles, "_put", dies)
        try:
            advance(store, some(), wait=0, overlap=0)
        except Killed:
            assert values()[0] in known
    steps = []
    while not steps or steps[-1] is not Step.RETIRED:
        steps.append(advance(store, some(), wait=0, overlap=0))
        assert len(steps) < 5
    assert values()[0] != STRONG
    assert values()[1] == (OWN,), "an old value, or one of a step that was ended, is taken for ever"


def test_somebody_who_puts_a_third_value_in_the_midst_stops_it(tmp_path: Path) -> None:
    put(tmp_path / NAME)
    store = InFiles(NAME, Files([tmp_path]))
    advance(store, NEW, wait=0)
    put(tmp_path / NAME, OWN)
    with pytest.raises(ConfigurationError, match="E067"):
        advance(store, NEW, wait=0)


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o640])
def test_who_could_read_it_before_can_read_it_after_whatever_the_umask_is(tmp_path: Path, mode: int) -> None:
    put(tmp_path / NAME, mode=mode)
    store = InFiles(NAME, Files([tmp_path]))
    before = os.umask(0o077)
    try:
        for _ in range(2):
            advance(store, NEW, wait=0, overlap=0)
    finally:
        os.umask(before)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == mode
    assert (tmp_path / f"{NAME}_FALLBACKS").stat().st_mode & 0o777 == mode


def test_two_at_once_do_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / NAME)
    inside, go = threading.Event(), threading.Event()
    real = InFiles.read

    def slow(self: InFiles) -> rotation.State:
        found = real(self)
        if not inside.is_set():
            inside.set()
            go.wait(30)
        return found

    monkeypatch.setattr(InFiles, "read", slow)
    done: list[object] = []

    def run() -> None:
        try:
            done.append(advance(InFiles(NAME, Files([tmp_path])), some()))
        except TooEarly:
            done.append("too early")

    threads = [threading.Thread(target=run) for _ in range(2)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    threads[1].join(0.1)
    go.set()
    for thread in threads:
        thread.join(30)
    assert done == [Step.PUBLISHED, "too early"], "both have published, and one of the values is lost"


def test_one_that_never_ends_does_not_keep_others_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / NAME)
    monkeypatch.setattr(rotation, "PATIENCE", 0.1)
    with (
        InFiles(NAME, Files([tmp_path])).alone(),
        pytest.raises(ConfigurationError, match=r"E067.*under way"),
    ):
        advance(InFiles(NAME, Files([tmp_path])), NEW)


@pytest.mark.parametrize("where", ["folder", "small letters", "a named file", "a URL"])
def test_what_is_published_is_what_the_application_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir(0o700)
    path = {
        "folder": tmp_path / NAME, "small letters": tmp_path / NAME.lower(), "a named file": folder / "django.key",
        "a URL": folder / NAME,
    }[where]  # fmt: skip
    put(path)
    if where == "a named file":
        monkeypatch.setenv(f"{NAME}_FILE", str(path))
    if where == "a URL":
        monkeypatch.setenv("STOCKADE_SECRETS_ORDER", f"environment,files://{folder}")
    for step, expected in enumerate([(STRONG, {NEW}), (NEW, {STRONG, NEW}), (NEW, set())]):
        store = store_of(NAME)
        assert store is not None
        advance(store, NEW, wait=0, overlap=0)
        assert (values()[0], set(values()[1])) == expected, step


def test_a_secret_that_the_environment_has_is_not_rotated_in_a_file_that_nobody_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / NAME)
    monkeypatch.setenv(NAME, STRONG)
    assert store_of(NAME) is None


def test_fallbacks_that_the_environment_has_stop_a_rotation_before_it_refuses_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / NAME)
    monkeypatch.setenv(f"{NAME}_FALLBACKS", OWN)
    with pytest.raises(ConfigurationError, match=r"E067.*environment"):
        store_of(NAME)


def test_a_webhooks_secret_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    put(tmp_path / "HOOK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    done = CliRunner().invoke(app, ["secrets", "rotate", "HOOK"])
    assert done.exit_code == 0, done.output
    (new,) = vault.fallbacks("HOOK")
    assert new.startswith("whsec_")
    assert new not in done.output


def test_settings_that_say_where_secrets_are_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir(0o700)
    put(folder / NAME)
    monkeypatch.setattr(
        "stockade.cli.project.load_project", lambda judge: vault.use("environment", f"files://{folder}")
    )
    done = CliRunner().invoke(app, ["secrets", "rotate", NAME])
    assert done.exit_code == 0, done.output
    assert len(values()[1]) == 1


def test_a_full_disk_leaves_no_half_of_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    done = CliRunner().invoke(app, ["secrets", "generate", NAME, "--to", str(tmp_path)])
    assert done.exit_code == 2
    assert "No space left" in done.output
    assert list(tmp_path.iterdir()) == []
    assert secret(NAME, default=None) is None


def test_a_new_value_does_not_sign_before_those_who_keep_the_old_one_for_hours_have_asked_again() -> None:
    class Source:
        address = parse("vault://bao.internal/secret/app?lifetime=1h", frozenset())

        def __init__(self) -> None:
            self.content: dict[str, object] = {NAME: STRONG}

        def document(self, name: str) -> str:
            return "app"

        def whole(self, document: str) -> tuple[dict[str, object], int, dict[str, object]]:
            return self.content, 1, {}

        def write(self, document: str, content: dict[str, object], version: int) -> None:
            self.content = content

    source = Source()
    assert advance(InDocument(NAME, source), NEW) is Step.PUBLISHED
    for minutes in (11, 50):  # 61 after the first step: who asked just before it may ask in four minutes only
        clock.shift(minutes * 60)
        with pytest.raises(TooEarly):
            advance(InDocument(NAME, source), NEW)
    clock.shift(3600)
    assert advance(InDocument(NAME, source), NEW) is Step.SIGNING
