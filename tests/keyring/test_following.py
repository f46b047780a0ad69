"""New values of SECRET_KEY are taken up while serving: fallbacks first, whole or not at all, and told."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stockade import vault
from stockade.events import Event
from stockade.keyring import following
from stockade.testing import CapturedEvents, capture_events
from stockade.vault.telling import Notice, What, tell

OLD, NEW = "q7Rk2vXw9TzB4mNc8LpJ5hGd3sFa6YeUiO1", "1OiUeY6aFs3dGh5JpL8cNm4BzT9wXv2kR7q"


@pytest.fixture
def security_events() -> Iterator[CapturedEvents]:
    with capture_events() as captured:
        yield captured


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Iterator[None]:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("STOCKADE_SECRETS_DIR", str(tmp_path))
    put(tmp_path, "APP_SECRET_KEY", OLD)
    vault.use()
    settings.SECRET_KEY = vault.secret("APP_SECRET_KEY")
    settings.SECRET_KEY_FALLBACKS = []
    monkeypatch.setattr(following, "_names", {})
    monkeypatch.setattr(following, "_keys", ())
    monkeypatch.setattr(following, "_failing", "")
    following._learn()
    yield
    vault.use()


def put(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o400)


def test_what_the_vault_gave_is_followed_and_what_it_did_not_is_left(tmp_path: Path, settings: Any) -> None:
    assert following._names == {"SECRET_KEY": "APP_SECRET_KEY"}
    assert following.look() == []
    put(tmp_path, "APP_SECRET_KEY_FALLBACKS", OLD)
    put(tmp_path, "APP_SECRET_KEY", NEW)
    assert following.look() == ["SECRET_KEY_FALLBACKS", "SECRET_KEY"]
    assert (settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS) == (NEW, [OLD])
    settings.SECRET_KEY = "of somebody's own, and not from the vault"
    following._learn()
    assert following._names == {}
    following.look()
    assert settings.SECRET_KEY == "of somebody's own, and not from the vault"


def test_the_old_key_is_a_fallback_before_the_new_one_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "APP_SECRET_KEY_FALLBACKS", OLD)
    put(tmp_path, "APP_SECRET_KEY", NEW)
    known: list[set[str]] = []

    class Watched(SimpleNamespace):
        """As much of Django's settings as is followed, looked at after each change."""

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            known.append({str(self.SECRET_KEY), *self.SECRET_KEY_FALLBACKS})

    monkeypatch.setattr("django.conf.settings", Watched(SECRET_KEY=OLD, SECRET_KEY_FALLBACKS=[]))
    following.look()
    assert known
    assert all(OLD in one for one in known)


def test_a_value_that_is_gone_or_weak_changes_nothing_and_is_told_once(
    tmp_path: Path, settings: Any, security_events: Any
) -> None:
    for text in ("", "short"):
        put(tmp_path, "APP_SECRET_KEY", text)
        following._once(following.look)
        following._once(following.look)
        assert settings.SECRET_KEY == OLD
    put(tmp_path, "APP_SECRET_KEY", OLD)
    following._once(following.look)
    told = [(one.event, one.reason) for one in security_events.of(Event.SECRETS_AWAY, Event.SECRETS_BACK)]
    assert told == [
        (Event.SECRETS_AWAY, "stockade.E060"),
        (Event.SECRETS_AWAY, "stockade.E061"),
        (Event.SECRETS_BACK, ""),
    ]


def test_what_the_vault_tells_is_an_event_without_a_value(security_events: Any) -> None:
    following._emit(Notice(What.AWAY, "vault://bao/secret/app", "sealed", ("A", "B"), "7"))
    event = security_events.one(Event.SECRETS_AWAY)
    assert event.reason == "sealed"
    assert event.details == {"place": "vault://bao/secret/app", "names": "A, B", "version": "7"}


def test_what_was_remembered_is_dropped_at_the_change_and_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[int] = []
    monkeypatch.setattr(following, "_changed", lambda: dropped.append(1))
    monkeypatch.setattr(following, "_again", False)
    for changed in ([], ["SECRET_KEY"], [], []):
        following._once(lambda changed=changed: changed)  # type: ignore[misc]
    assert len(dropped) == 2


def test_what_waited_for_a_listener_is_told_when_there_is_one() -> None:
    from stockade.vault import telling

    heard: list[Notice] = []
    telling.listen(None)
    tell(Notice(What.BACK, "vault://a/b"))
    telling.listen(heard.append)
    telling.listen(None)
    assert heard[-1:] == [Notice(What.BACK, "vault://a/b")]


def test_a_thread_ends_in_a_child_of_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE", 0.001)
    thread = threading.Thread(target=following._run, args=(threading.Event(), os.getpid() + 1), daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
