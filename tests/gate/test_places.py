"""Where the state lies: nobody else can read, replace or confuse it."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from stockade.core.errors import ConfigurationError, Unavailable
from stockade.gate import life, places
from stockade.gate.keys import subject_key
from stockade.gate.lmdb import LmdbGate
from stockade.gate.protocol import Limit
from tests.gate.actors import HUNDRED, charges, start
from tests.gate.conftest import MAP

FILES = ("state.mdb", "state.mdb-lock", "turn", "users", "door", "about")


def refused(directory: Path, id: str) -> str:
    gate = LmdbGate(directory, map_size=MAP)
    with pytest.raises(ConfigurationError) as caught:
        gate.ask((), ())
    assert caught.value.id == id
    assert caught.value.hint
    return str(caught.value)


def test_everything_is_closed_to_others(lmdb_gate: LmdbGate, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0)  # the worst mask there is
    try:
        lmdb_gate.ask((), charges(HUNDRED))
    finally:
        os.umask(before)
    assert lmdb_gate.directory.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in lmdb_gate.directory.iterdir()) == sorted(FILES)
    for name in FILES:
        assert (lmdb_gate.directory / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777, 0o701])
def test_a_directory_that_others_may_enter_is_refused(folder: Path, mode: int) -> None:
    state = folder / "state"
    state.mkdir()
    state.chmod(mode)
    assert "chmod 0700" in refused(state, "stockade.E024")


def test_a_directory_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = folder / "state"
    state.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 12_345)
    refused(state, "stockade.E023")


def test_a_symbolic_link_in_its_place_is_refused(folder: Path) -> None:
    real = folder / "real"
    real.mkdir(mode=0o700)
    state = folder / "state"
    state.symlink_to(real)
    assert "symbolic link" in refused(state, "stockade.E023")


@pytest.mark.parametrize("name", FILES)
def test_a_planted_link_or_an_open_file_is_refused(folder: Path, name: str) -> None:
    state = folder / "state"
    state.mkdir(mode=0o700)
    victim = folder / "victim"
    victim.write_text("{}")
    (state / name).symlink_to(victim)
    refused(state, "stockade.E023")
    assert victim.read_text() == "{}"
    (state / name).unlink()
    (state / name).write_bytes(b"")
    (state / name).chmod(0o644)
    refused(state, "stockade.E024")


def test_a_parent_that_others_may_write_to_is_refused(folder: Path) -> None:
    parent = folder / "parent"
    parent.mkdir()
    parent.chmod(0o777)
    assert "open to all" in refused(parent / "state", "stockade.E024")
    parent.chmod(0o1777)  # like /tmp: others may not rename what is ours
    LmdbGate(parent / "state", map_size=MAP).close()


@pytest.mark.parametrize("kind", ["tmpfs", "ramfs", "nfs4", "cifs"])
def test_a_filesystem_that_kills_or_lies_is_refused(
    folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "filesystem", lambda path: kind)
    assert kind in refused(folder / "state", "stockade.E025")


def test_the_filesystem_is_the_one_of_the_innermost_mount() -> None:
    assert places.filesystem(Path("/proc/self")) == "proc"
    assert places.filesystem(Path("/proc")) == "proc"
    assert places.filesystem(Path("/")) not in ("", "proc")


def test_a_disk_without_room_for_the_map_is_said_at_the_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert "lower STATE_SIZE" in refused(folder / "state", "stockade.E029")


def test_the_map_has_its_blocks_so_that_a_full_disk_cannot_kill(lmdb_gate: LmdbGate) -> None:
    lmdb_gate.open()
    assert (lmdb_gate.directory / "state.mdb").stat().st_blocks * 512 >= MAP


def test_a_damaged_file_is_an_error_and_not_an_empty_state(lmdb_gate: LmdbGate) -> None:
    lmdb_gate.load([], 1)
    lmdb_gate.close()
    path = lmdb_gate.directory / "state.mdb"
    path.write_bytes(b"\xff" * 8192 + path.read_bytes()[8192:])
    with pytest.raises(ConfigurationError, match=r"E028.*remove"):
        lmdb_gate.ask((), ())


# -- lives -----------------------------------------------------------------------------------------------------------


def test_the_state_outlives_its_processes(lmdb_gate: LmdbGate) -> None:
    lmdb_gate.load([(subject_key("alice"), 7)], 2)
    marker = lmdb_gate.ask((), charges(HUNDRED)).marker
    lmdb_gate.close()
    verdict = lmdb_gate.ask((subject_key("alice"),), charges(HUNDRED))
    assert (verdict.epochs, verdict.world, verdict.marker, verdict.remaining) == ((7,), 2, marker, (98,))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.setattr(life, "boot_id", lambda: "another-boot"),
        lambda m: m.setattr(life, "namespaces", lambda: ("pid:[1]", "time:[1]")),
        lambda m: m.setattr(life, "VERSION", life.VERSION + 1),
    ],
    ids=["boot", "namespace", "version"],
)
def test_another_boot_container_or_version_starts_a_new_state(
    lmdb_gate: LmdbGate, monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch], None]
) -> None:
    lmdb_gate.load([(subject_key("alice"), 7)], 2)
    lmdb_gate.ask((), charges(HUNDRED))
    lmdb_gate.close()
    change(monkeypatch)
    verdict = lmdb_gate.ask((subject_key("alice"),), charges(HUNDRED))
    assert (verdict.epochs, verdict.marker, verdict.remaining) == ((0,), b"", (99,))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.setattr(life, "boot_id", lambda: "another-boot"),
        lambda m: m.setattr(life, "namespaces", lambda: ("pid:[1]", "time:[1]")),
        lambda m: m.setattr(life, "VERSION", life.VERSION + 1),
    ],
    ids=["boot", "namespace", "version"],
)
def test_two_lives_never_share_a_state(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch], None]
) -> None:
    state = folder / "state"
    holder = start("hold", state)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        change(monkeypatch)
        refused(state, "stockade.E026")
    finally:
        holder.kill()
        holder.communicate()
    # Nobody of the other life is left: a new state.
    gate = LmdbGate(state, map_size=MAP)
    assert gate.ask((), ()).marker == b""
    gate.close()


def test_what_it_belongs_to_cannot_be_taken_away_from_under_its_users(folder: Path) -> None:
    state = folder / "state"
    holder = start("hold", state)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        for damage in (b"", b"{", b"[]", b'{"version": 1}', json.dumps({"version": "x"}).encode()):
            (state / "about").write_bytes(damage)
            refused(state, "stockade.E026")
    finally:
        holder.kill()
        holder.communicate()


def test_who_comes_second_uses_the_map_size_of_the_first(folder: Path) -> None:
    state = folder / "state"
    holder = start("hold", state)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        second = LmdbGate(state, map_size=2 * MAP)
        assert second.ask((), charges(HUNDRED)).refused == -1
        assert (state / "state.mdb").stat().st_size == MAP
        second.close()
    finally:
        holder.kill()
        holder.communicate()
    alone = LmdbGate(state, map_size=2 * MAP)
    assert alone.ask((), charges(HUNDRED)).remaining == (98,)  # grown, and nothing lost
    assert (state / "state.mdb").stat().st_size == 2 * MAP
    alone.close()


def test_an_opening_that_does_not_finish_keeps_nobody_waiting_for_ever(folder: Path) -> None:
    state = folder / "state"
    state.mkdir(mode=0o700)
    held = life._open(state / "door")
    try:
        assert life._try(held, 2)
        with pytest.raises(Unavailable):
            LmdbGate(state, map_size=MAP, opening=0.05).open()
    finally:
        os.close(held)


# -- the place of a project ------------------------------------------------------------------------------------------


def test_the_place_is_the_state_folder_of_the_specification(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    assert places.default_directory("abc") == folder / "stockade" / "abc"
    assert (folder / "stockade").stat().st_mode & 0o777 == 0o700


def test_the_home_is_the_users_and_not_the_environments(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = SimpleNamespace(pw_dir=str(folder / "home"), pw_name="someone")
    (folder / "home").mkdir()
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: entry)
    monkeypatch.setattr(places, "_SYSTEM", folder / "var")
    for elsewhere in ("", "relative/path"):
        monkeypatch.setenv("XDG_STATE_HOME", elsewhere)
        monkeypatch.setenv("HOME", "/somewhere/else")
        assert places.default_directory("abc") == folder / "home/.local/state/stockade/abc"
    entry.pw_dir = "/nonexistent"
    assert places.default_directory("abc") == folder / "var/abc"


def test_no_place_at_all_is_said_with_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "file"))
    with pytest.raises(ConfigurationError, match=r"E022.*lmdb:///"):
        places.default_directory("abc")


def test_a_limit_of_a_gate_that_cannot_open_admits_nothing(folder: Path) -> None:
    state = folder / "state"
    state.mkdir()
    state.chmod(0o755)
    gate = LmdbGate(state, map_size=MAP)
    for _ in range(2):
        with pytest.raises(ConfigurationError):
            gate.ask((), charges(Limit("any", 5, 1)))
