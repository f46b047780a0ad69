"""STATE: which gate a process has, what is refused at the start, and one serving process with `memory://`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from stockade.conf import build
from stockade.core.errors import ConfigurationError
from stockade.gate import life, registry
from stockade.gate.conf import GateSettings
from stockade.gate.keys import subject_key
from stockade.gate.lmdb import LmdbGate
from stockade.gate.memory import MemoryGate


@pytest.fixture(autouse=True)
def own_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of these tests lies in the user's own folders."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    registry.forget_gate()
    yield
    registry.release_serving()
    registry.forget_gate()


def state(url: str, folder: Path) -> Any:
    return override_settings(STOCKADE={"STATE": url.replace("FOLDER", str(folder)), "STATE_SIZE": "4M"})


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("redis://", "host is missing"),
        ("redis+sentinel://localhost", "service is missing"),
        ("", "names no state"),
        ("memory", "names no state"),
        ("memory:///path", "Nothing follows"),
        ("lmdb://relative/path", "three slashes"),
        ("lmdb:///path?size=3", "three slashes"),
        ("dynamodb://table", "names no state"),
        (None, "Write"),
        (7, "Write"),
    ],
)
def test_what_is_no_state_is_refused_with_what_to_write(url: Any, advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice) as caught:
        registry.open_gate(url)
    assert caught.value.id == "stockade.E020"
    with pytest.raises(ConfigurationError, match=advice) as caught:
        build(GateSettings, {"STATE": url})
    assert caught.value.id == "stockade.E020"


@pytest.mark.parametrize(
    ("name", "value", "id"),
    [
        ("STATE_SIZE", "tiny", "stockade.E021"),
        ("STATE_SIZE", 4096, "stockade.E021"),
        ("STATE_SIZE", True, "stockade.E021"),
        ("STATE_SIZE", "9999999G", "stockade.E021"),
        ("STATE_TIMEOUT", "soon", "stockade.E030"),
        ("STATE_KEEP", 0, "stockade.E031"),
    ],
)
def test_wrong_settings_have_ids(name: str, value: Any, id: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        build(GateSettings, {name: value})
    assert caught.value.id == id


def test_sizes_and_defaults_are_read() -> None:
    assert build(GateSettings, {}) == GateSettings("lmdb://", 256 << 20, 1.0, "refuse", 31 * 86400.0)
    assert build(GateSettings, {"STATE_SIZE": "2GiB"}).state_size == 2 << 30
    assert build(GateSettings, {"STATE_SIZE": 5_000_001}).state_size == 5_000_001 // 4096 * 4096


def test_the_default_state_lies_in_the_projects_own_directory(folder: Path) -> None:
    with state("lmdb://", folder):
        gate = registry.get_gate()
        assert isinstance(gate, LmdbGate)
        assert gate.directory == folder / "stockade" / registry.project_name()
        assert gate is registry.get_gate()
        gate.load([(subject_key("alice"), 1)], 1)
        marker = gate.ask((), ()).marker
    with state("lmdb://FOLDER/other", folder):
        other = registry.get_gate()
        assert other.ask((), ()).marker == b""
    with state("lmdb://", folder):
        again = registry.get_gate()
        assert again is not gate
        assert again.ask((), ()).marker == marker


def test_changed_settings_change_the_gate(folder: Path) -> None:
    with state("memory://", folder):
        first = registry.get_gate()
        assert isinstance(first, MemoryGate)
    with state("memory://", folder):
        assert registry.get_gate() is not first


def test_projects_do_not_share_a_directory_and_settings_modules_of_one_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = set()
    for base, urls, name in [("a", "u", "one"), ("b", "u", "one"), ("a", "v", "one"), ("a", "u", "two")]:
        monkeypatch.setitem(settings.DATABASES["default"], "NAME", name)
        with override_settings(BASE_DIR=tmp_path / base, ROOT_URLCONF=urls):
            names.add(registry.project_name())
            assert registry.project_name() == registry.project_name()
    assert len(names) == 4
    with override_settings(BASE_DIR=str(tmp_path / "a"), ROOT_URLCONF="u", SECRET_KEY="other", DEBUG=True):
        assert registry.project_name() in names


# -- one serving process with memory:// ------------------------------------------------------------------------------

SERVE = """
import sys
from stockade.core.errors import ConfigurationError
from stockade.gate import life
from pathlib import Path
try:
    life.claim(Path(sys.argv[1]))
    print("serving", flush=True)
    sys.stdin.readline()
except ConfigurationError as error:
    print(error.id, flush=True)
"""


def test_a_second_process_that_serves_from_its_own_memory_is_refused(folder: Path) -> None:
    with state("memory://", folder):
        registry.claim_serving()
        registry.claim_serving()  # again in the same process: fine
        place = folder / "stockade" / registry.project_name()
        command = [sys.executable, "-c", SERVE, str(place)]
        second = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert second.stdout == "stockade.E027\n"
        registry.release_serving()
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ) as first:
            try:
                assert first.stdout is not None
                assert first.stdout.readline() == "serving\n"
                with pytest.raises(ConfigurationError, match="lmdb://") as caught:
                    registry.claim_serving()
                assert caught.value.id == "stockade.E027"
                registry.get_gate().ask((), ())  # a management command only asks
            finally:
                first.kill()
        registry.claim_serving()  # whoever was killed serves no more


def test_a_claim_does_not_pass_to_a_forked_child(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with state("memory://", folder):
        registry.claim_serving()
        pid, descriptor = registry._claim
        assert pid == os.getpid()
        # What a child sees: the parent's claim and a copy of its descriptor.
        registry._claim = (pid, os.dup(descriptor))
        monkeypatch.setattr(os, "getpid", lambda: pid + 1)
        try:
            with pytest.raises(ConfigurationError):
                registry.claim_serving()
            assert registry._claim == (0, -1)
        finally:
            os.close(descriptor)


def test_states_that_processes_share_need_no_claim(folder: Path) -> None:
    with state("lmdb://", folder):
        registry.claim_serving()
        assert registry._claim == (0, -1)
    assert life.boot_id()
