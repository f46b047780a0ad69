"""What is decided when a run is made: names, keys, files."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from stockade.demo import config, launch
from stockade.demo.config import Config, UsageError, write_private
from stockade.demo.options import Options
from stockade.demo.run import Stop, Stoppable, make


def made(where: Path, host: str = "127.0.0.1") -> Config:
    options = Options(host, 8000, "", "", 0, {}, None, True)
    return make(options, where, port=8000, twin_port=8001, twin_limits={})


def test_dns_rebinding_finds_only_the_names_of_this_machine(tmp_path: Path) -> None:
    assert set(made(tmp_path).hosts) == {"localhost", "127.0.0.1", "[::1]"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "host.example"])
def test_a_demo_that_others_can_reach_has_no_key_to_its_conveniences(tmp_path: Path, host: str) -> None:
    assert made(tmp_path, host).page_key == ""
    assert made(tmp_path, "::1").page_key != ""


def test_every_secret_is_new_in_every_run(tmp_path: Path) -> None:
    one, two = made(tmp_path), made(tmp_path)
    for name in ("secret_key", "twin_secret_key", "page_key"):
        assert getattr(one, name) != getattr(two, name)
        assert len(getattr(one, name)) >= 32
    assert not set(one.passwords.values()) & set(two.passwords.values())
    assert not set(one.partners.values()) & set(two.partners.values())
    assert all(len(secret) == 64 for secret in one.partners.values())
    assert one.secret_key != one.twin_secret_key


def test_the_key_of_the_issuer_is_new_in_every_run_and_its_owners_only(tmp_path: Path) -> None:
    """The API of a company does not have the key of another: it stands in no file that it reads."""
    keys = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made(tmp_path / name, "0.0.0.0")
        path = tmp_path / name / config.ISSUER_KEY
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        keys.append(json.loads(path.read_text())["d"])
        assert keys[-1] not in (tmp_path / name / "demo.json").read_text()
    assert keys[0] != keys[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "192.0.2.1", "host.example"])
def test_the_issuer_is_asked_on_this_machine_by_number_wherever_the_demo_is(
    tmp_path: Path, host: str
) -> None:
    assert made(tmp_path, host).issuer_url.startswith("http://127.0.0.1:")


def test_no_secret_stands_in_the_repr_of_a_run(tmp_path: Path) -> None:
    run = made(tmp_path)
    for secret in (
        run.secret_key,
        run.twin_secret_key,
        run.page_key,
        *run.passwords.values(),
        *run.partners.values(),
    ):
        assert secret not in repr(run)


def test_a_private_file_is_private_whatever_stood_there_before(tmp_path: Path) -> None:
    """Neither an open file in its place nor a link that somebody has laid out gives it away."""
    path, elsewhere = tmp_path / "secret.json", tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    for prepare in (lambda: path.write_text("old"), lambda: path.symlink_to(elsewhere), lambda: None):
        path.unlink(missing_ok=True)
        prepare()
        write_private(path, "secret")
        assert (path.read_text(), stat.S_IMODE(path.lstat().st_mode)) == ("secret", 0o600)
        assert stat.S_ISREG(path.lstat().st_mode)
    assert elsewhere.read_text() == "untouched"
    assert len(list(tmp_path.iterdir())) == 2


def test_settings_outside_a_run_say_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in ("", str(tmp_path)):
        monkeypatch.setenv(config.FOLDER, folder)
        with pytest.raises(UsageError, match="folder of a running demo"):
            config.read()


def test_a_run_is_read_as_it_was_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = made(tmp_path)
    monkeypatch.setenv(config.FOLDER, str(tmp_path))
    assert config.read() == run


def test_a_settings_module_of_the_callers_own_project_stays_outside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "somebody.settings")
    assert "DJANGO_SETTINGS_MODULE" not in launch.environment(made(tmp_path))


def test_an_ipv6_host_is_written_in_brackets(tmp_path: Path) -> None:
    run = made(tmp_path, "::1")
    assert (run.base_url, run.twin_url) == ("http://[::1]:8000", "http://[::1]:8001")


def test_a_second_signal_does_not_disturb_the_cleaning_up(request: pytest.FixtureRequest) -> None:
    import os
    import signal

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    cleaned = []
    with Stoppable():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            cleaned.append(True)
    assert cleaned == [True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert issubclass(Stop, BaseException)
    assert not issubclass(Stop, Exception), "no `except Exception` on the way swallows it"
