"""What following SECRET_KEY must not do: drop a fallback of the project, or serve with what a parent knew long ago."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stockade import vault
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.keyring import following
from stockade.keyring.conf import wrapping_keys
from stockade.vault import Files, read
from stockade.vault.address import parse
from stockade.vault.kept import Kept
from stockade.vault.place import Answer, Bad
from stockade.vault.rotation import InFiles, advance
from stockade.vault.telling import Notice, What
from tests.keyring.test_following import NEW, OLD, put

NAME = "APP_SECRET_KEY"
OTHER = "of-before-" + OLD[::-1]


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Iterator[None]:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("STOCKADE_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("STOCKADE_SECRETS_ORDER", raising=False)
    put(tmp_path, NAME, OLD)
    vault.use()
    for name, value in {"_names": {}, "_keys": (), "_failing": "", "_pid": 0, "_own": {}}.items():
        monkeypatch.setattr(following, name, value, raising=False)
    monkeypatch.setattr(following, "_run", lambda *_: None)
    monkeypatch.setattr(read, "_holding", False)
    settings.SECRET_KEY = vault.secret(NAME)
    settings.SECRET_KEY_FALLBACKS = []
    yield
    vault.use()
    following.telling.listen(None)


def begin() -> None:
    following.start(lambda: None)


def test_a_fallback_that_the_project_has_from_elsewhere_stays(tmp_path: Path, settings: Any) -> None:
    put(tmp_path, "KEY_OF_BEFORE", OTHER)
    settings.SECRET_KEY_FALLBACKS = [vault.secret("KEY_OF_BEFORE")]
    begin()
    following.look()
    assert settings.SECRET_KEY_FALLBACKS == [OTHER], "everybody who has logged in under it is refused"
    put(tmp_path, f"{NAME}_FALLBACKS", OLD)
    put(tmp_path, NAME, NEW)
    following.look()
    assert (settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS) == (NEW, [OLD, OTHER])


def test_a_fallback_of_the_vault_beside_one_of_the_project_goes_when_it_is_retired(
    tmp_path: Path, settings: Any
) -> None:
    put(tmp_path, f"{NAME}_FALLBACKS", NEW)
    settings.SECRET_KEY_FALLBACKS = [*vault.fallbacks(NAME), OTHER]
    put(tmp_path, f"{NAME}_FALLBACKS", "")
    begin()
    assert settings.SECRET_KEY_FALLBACKS == [OTHER]


def test_a_worker_forked_after_a_rotation_serves_with_what_is_current(tmp_path: Path, settings: Any) -> None:
    """The parent has loaded the settings long ago, and nobody looks there: so it is where a server preloads."""
    store = InFiles(NAME, Files([tmp_path]))
    for _ in range(2):
        advance(store, vault.Secret(NEW), wait=0)
    begin()
    assert settings.SECRET_KEY == NEW
    assert settings.SECRET_KEY_FALLBACKS == [OLD, NEW]


def test_a_worker_forked_after_a_rotation_asks_a_secrets_manager_what_is_current(settings: Any) -> None:
    source = Slow({NAME: vault.Secret(OLD)})
    vault.use(Kept(source))
    settings.SECRET_KEY = vault.secret(NAME)
    source.fields = {NAME: vault.Secret(NEW), f"{NAME}_FALLBACKS": vault.Secret(OLD)}
    clock.shift(source.address.lifetime * 1.1)
    try:
        begin()
    finally:
        clock.unshift()
    assert (settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS) == (NEW, [OLD])


class Slow:
    """A secrets manager that takes its time."""

    def __init__(self, fields: dict[str, vault.Secret | Bad]) -> None:
        self.address = parse("vault://nowhere/secret/app", frozenset())
        self.fields = fields

    def document(self, name: str) -> str:
        return "app"

    def ask(self, document: str) -> Answer:
        threading.Event().wait(0.05)
        return Answer(dict(self.fields))

    def remedy(self, name: str) -> str:
        return "it"

    def forget(self) -> None:
        """It has no connections."""


def test_a_key_whose_strength_was_waived_is_followed(tmp_path: Path, settings: Any) -> None:
    put(tmp_path, NAME, "short")
    settings.SECRET_KEY = vault.secret(NAME, min_length=0)
    begin()
    put(tmp_path, NAME, "other")
    following.look()
    assert settings.SECRET_KEY == "other"


def test_a_key_that_was_asked_for_again_before_serving_is_followed(tmp_path: Path, settings: Any) -> None:
    put(tmp_path, NAME, NEW)
    assert (
        vault.secret(NAME) == NEW
    )  # a view module, a Live: whoever asks later sees another value than the settings
    begin()
    assert settings.SECRET_KEY == NEW


def test_a_server_that_forks_without_telling_python_gets_a_thread_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """uWSGI does not call what is registered for forks, unless it is told to."""
    begin()
    assert following._pid == os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: -7)
    begin()
    assert following._pid == -7


def test_a_wrapping_key_whose_file_is_taken_away_is_used_on_and_told(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else SECRET_KEY would take its place, and every token and API key in the database be refused."""
    if hasattr(settings, "STOCKADE_KEY"):
        del settings.STOCKADE_KEY
    put(tmp_path, "STOCKADE_KEY", OTHER)
    begin()
    assert wrapping_keys().all[0] == OTHER
    for text in ("", "short"):
        put(tmp_path, "STOCKADE_KEY", text)
        assert wrapping_keys().all[0] == OTHER
        with pytest.raises(ConfigurationError):
            following.look()
    put(tmp_path, "STOCKADE_KEY", NEW)
    following.look()
    assert wrapping_keys().all[0] == NEW


def test_a_webhooks_secret_whose_file_is_taken_away_is_used_on_and_told_once(tmp_path: Path) -> None:
    put(tmp_path, "HOOK", OTHER)
    live = vault.Live("HOOK")
    heard: list[Notice] = []
    following.telling.listen(heard.append)
    for text in ("", "", OTHER, OTHER):
        put(tmp_path, "HOOK", text)
        assert live() == (OTHER,)
    assert [(one.what, one.reason, one.names) for one in heard] == [
        (What.AWAY, "stockade.E060", ("HOOK",)),
        (What.BACK, "", ("HOOK",)),
    ]
    assert OTHER not in repr(live)
    with pytest.raises(ConfigurationError):
        vault.Live("NEVER_THERE")
