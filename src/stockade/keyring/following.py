"""Takes up new values of SECRET_KEY and STOCKADE_KEY while the process serves, and tells the log of the vault.

A thread looks every few seconds; a request pays nothing. What reads the settings sees the new values: Django's
signing, the stamps of sessions, the keys that digests and signing keys rest on. Their caches compare the values
that they were made of.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from stockade import vault
from stockade.core.errors import ConfigurationError
from stockade.events import Event, emit
from stockade.keyring.conf import wrapping_keys
from stockade.vault import kept, telling
from stockade.vault.read import demanded, given, hold
from stockade.vault.telling import Notice, What

PAUSE = 2.0  # seconds between two looks; a look is two stats of files, or into what the vault keeps
_FOLLOWED = ("SECRET_KEY", "STOCKADE_KEY")
_EVENTS = {
    What.AWAY: Event.SECRETS_AWAY,
    What.BACK: Event.SECRETS_BACK,
    What.CHANGED: Event.SECRETS_CHANGED,
}

_names: dict[str, str] = {}
_own: dict[
    str, tuple[object, ...]
] = {}  # fallbacks of the project that are not of the vault's NAME_FALLBACKS
_least: dict[str, int | None] = {}
_keys: tuple[vault.Secret, ...] = ()
_pid = 0
_guard = threading.Lock()
_failing = ""
_again = False


def _nothing() -> None:
    """Nobody remembers anything yet."""


_changed: Callable[[], None] = _nothing


def start(changed: Callable[[], None]) -> None:
    """Look from now on, in this process; once. For processes that serve.

    Args:
        changed: drops what was remembered under the former values, so that those who are still known are proven again
            under the new ones, and the others are refused.
    """
    global _pid, _changed
    _changed = changed
    with _guard:
        if _pid == os.getpid():
            return
        _pid = os.getpid()
    telling.listen(_emit)
    hold()
    _learn()
    try:
        key = wrapping_keys().all[0]
    except ConfigurationError:
        return  # a finding of the start says so, and stops it
    if _names or vault.origin(key) is not None:
        # A server that loads first and forks later makes workers that know what was current when it was started.
        kept.catch_up()
        _once(look)
        threading.Thread(
            target=_run, args=(threading.Event(), _pid), name="stockade-secrets", daemon=True
        ).start()


def look() -> list[str]:
    """Take up what is new now; returns the settings that have changed.

    Raises:
        ConfigurationError: a value is missing or cannot be used; nothing has been changed by it.
    """
    from django.conf import settings

    global _keys
    changed = []
    for setting, name in _names.items():
        wanted = {
            setting: vault.secret(name, min_length=_least.get(setting)),
            f"{setting}_FALLBACKS": [*vault.fallbacks(name), *_own.get(setting, ())],
        }
        # The fallbacks first: what the old key has signed must hold at every moment.
        for one, value in reversed(wanted.items()):
            if _plain(getattr(settings, one, ())) != _plain(value):
                setattr(settings, one, value)
                changed.append(one)
    # STOCKADE_KEY need not be a setting: what it is read for asks the vault, and takes its last value where it is gone.
    if given("STOCKADE_KEY") and "STOCKADE_KEY" not in _names:
        vault.secret("STOCKADE_KEY", min_length=demanded("STOCKADE_KEY"))
    keys = wrapping_keys().all
    if _keys not in ((), keys) and not changed:
        changed.append("STOCKADE_KEY")
    _keys = keys
    return changed


def _learn() -> None:
    """Which settings came from which secrets, and which of their fallbacks did not."""
    from django.conf import settings

    for known in (_names, _own, _least):
        known.clear()
    for setting in _FOLLOWED:
        name = vault.origin(getattr(settings, setting, None))
        if name is None:
            continue
        theirs = {one for text in given(f"{name}_FALLBACKS") for one in vault.several(text)}
        others = getattr(settings, f"{setting}_FALLBACKS", None) or ()
        _names[setting], _least[setting] = name, demanded(name)
        _own[setting] = tuple(one for one in others if one not in theirs)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, list | tuple) else value


def _run(wait: threading.Event, pid: int) -> None:
    while not wait.wait(PAUSE) and os.getpid() == pid:
        _once(look)


def _once(work: Callable[[], list[str]]) -> None:
    global _failing, _again
    reason = ""
    try:
        changed = work()
        if changed or _again:
            # And once more a look later: a request may have remembered what it had proven just before.
            _changed()
            _again = bool(changed)
        if changed:
            told: dict[str, str | int] = {"settings": ", ".join(sorted(changed)), "process": os.getpid()}
            emit(Event.SECRETS_CHANGED, reason="taken_up", details=told)
    except ConfigurationError as error:
        reason = (
            error.id
        )  # its message may name files; the reason is enough to find it by `stockade secrets check`
    except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to
        reason = type(error).__name__
    if reason and reason != _failing:
        emit(Event.SECRETS_AWAY, reason=reason, details={"settings": ", ".join(sorted(_names))})
    elif _failing and not reason:
        emit(Event.SECRETS_BACK, details={"settings": ", ".join(sorted(_names))})
    _failing = reason


def _emit(notice: Notice) -> None:
    details: dict[str, str] = {"place": notice.place}
    if notice.names:
        details["names"] = ", ".join(notice.names)
    if notice.version:
        details["version"] = notice.version
    emit(_EVENTS[notice.what], reason=notice.reason, details=details)


def _after_fork() -> None:
    global _guard, _pid
    _guard, _pid = threading.Lock(), 0


os.register_at_fork(after_in_child=_after_fork)
