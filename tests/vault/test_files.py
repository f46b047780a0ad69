"""Secrets in files: who may own them, who may read them, what they may hold, and that a change is seen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stockade.core.errors import ConfigurationError
from stockade.vault import Files, secret
from stockade.vault.files import MAX_SIZE, objection
from tests.vault.test_secret import STRONG, shown


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setenv("STOCKADE_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def put(path: Path, content: str | bytes = STRONG, mode: int = 0o400) -> Path:
    path.unlink(missing_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


class TestWhereTheyAreFound:
    def test_by_name_and_by_name_in_small_letters(self, tmp_path: Path) -> None:
        put(tmp_path / "token_a")
        put(tmp_path / "TOKEN_B")
        assert secret("TOKEN_A") == secret("TOKEN_B") == STRONG

    def test_name_file_goes_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put(tmp_path / "TOKEN")
        monkeypatch.setenv("TOKEN_FILE", str(put(tmp_path / "elsewhere", f"other-{STRONG}")))
        assert secret("TOKEN") == f"other-{STRONG}"

    def test_systemd_credentials(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = tmp_path / "credentials"
        folder.mkdir()
        put(folder / "TOKEN")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
        assert secret("TOKEN") == STRONG

    def test_links_are_followed_as_kubernetes_makes_them(self, tmp_path: Path) -> None:
        (tmp_path / "..one").mkdir()
        put(tmp_path / "..one" / "TOKEN")
        (tmp_path / "..data").symlink_to("..one")
        (tmp_path / "TOKEN").symlink_to("..data/TOKEN")
        assert secret("TOKEN") == STRONG
        (tmp_path / "..two").mkdir()
        put(tmp_path / "..two" / "TOKEN", f"two-{STRONG}")
        (tmp_path / "..new").symlink_to("..two")
        (tmp_path / "..new").rename(tmp_path / "..data")
        assert secret("TOKEN") == f"two-{STRONG}"

    def test_a_named_file_that_is_missing_is_an_error_not_a_fallback(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(tmp_path / "TOKEN")
        monkeypatch.setenv("TOKEN_FILE", str(tmp_path / "absent"))
        with pytest.raises(ConfigurationError, match=r"E062.*TOKEN_FILE"):
            secret("TOKEN")

    def test_a_folder_that_is_missing_is_an_error(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("STOCKADE_SECRETS_DIR", str(tmp_path / "absent"))
        with pytest.raises(ConfigurationError, match="E062"):
            secret("TOKEN")


class TestReadAgain:
    def test_a_file_is_read_once_until_it_changes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = put(tmp_path / "TOKEN")
        files = Files([tmp_path])
        opened: list[object] = []
        real = os.open
        monkeypatch.setattr(os, "open", lambda *args, **kwargs: opened.append(args) or real(*args, **kwargs))
        assert files.find("TOKEN") == files.find("TOKEN") == STRONG
        assert len(opened) == 1
        put(path, STRONG[::-1])
        assert files.find("TOKEN") == STRONG[::-1]

    def test_a_mode_that_was_opened_since_is_refused(self, tmp_path: Path) -> None:
        path = put(tmp_path / "TOKEN")
        files = Files([tmp_path])
        files.find("TOKEN")
        path.chmod(0o444)
        with pytest.raises(ConfigurationError, match="E062"):
            files.find("TOKEN")

    def test_a_repr_shows_no_value(self, tmp_path: Path) -> None:
        put(tmp_path / "TOKEN")
        files = Files([tmp_path])
        files.find("TOKEN")
        assert STRONG not in repr(files)
        assert STRONG not in repr(vars(files))


class TestWhatTheyHold:
    @pytest.mark.parametrize("end", ["", "\n", "\r\n"])
    def test_one_line_end_is_taken_off(self, tmp_path: Path, end: str) -> None:
        put(tmp_path / "TOKEN", STRONG + end)
        assert secret("TOKEN") == STRONG

    def test_lines_within_are_kept(self, tmp_path: Path) -> None:
        pem = "-----BEGIN PRIVATE KEY-----\nabcdef\nghijkl\n-----END PRIVATE KEY-----"
        put(tmp_path / "PEM", pem + "\n")
        assert secret("PEM") == pem

    @pytest.mark.parametrize(
        ("content", "id"),
        [
            (b"\xff\xfe" + STRONG.encode(), "E062"),
            (STRONG.encode() * (MAX_SIZE // len(STRONG) + 1), "E062"),
            (f"{STRONG}\0".encode(), "E063"),
            (f" {STRONG}".encode(), "E063"),
        ],
    )
    def test_what_is_no_secret_is_refused_and_not_quoted(
        self, tmp_path: Path, content: bytes, id: str
    ) -> None:
        put(tmp_path / "TOKEN", content)
        with pytest.raises(ConfigurationError, match=id) as caught:
            secret("TOKEN")
        assert STRONG not in shown(caught.value)

    def test_an_empty_file_counts_as_missing(self, tmp_path: Path) -> None:
        put(tmp_path / "TOKEN", "\n")
        assert secret("TOKEN", default=None) is None

    def test_a_fifo_in_its_place_does_not_hang_the_start(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "TOKEN", 0o400)
        with pytest.raises(ConfigurationError, match=r"E062.*regular"):
            secret("TOKEN")

    @pytest.mark.parametrize("named", [False, True])
    def test_a_folder_in_its_place_is_told_as_what_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
    ) -> None:
        (tmp_path / "TOKEN").mkdir()
        if named:
            monkeypatch.setenv("TOKEN_FILE", str(tmp_path / "TOKEN"))
        with pytest.raises(ConfigurationError, match=r"E062.*regular"):
            secret("TOKEN")

    def test_the_mark_that_windows_editors_write_is_no_part_of_it(self, tmp_path: Path) -> None:
        put(tmp_path / "TOKEN", b"\xef\xbb\xbf" + STRONG.encode() + b"\r\n")
        assert secret("TOKEN") == STRONG

    @pytest.mark.parametrize("at", ["open", "fstat"])
    def test_a_folder_that_kubernetes_takes_away_while_it_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
    ) -> None:
        (tmp_path / "..one").mkdir()
        put(tmp_path / "..one" / "TOKEN")
        (tmp_path / "..data").symlink_to("..one")
        (tmp_path / "TOKEN").symlink_to("..data/TOKEN")
        files = Files([tmp_path])
        assert files.find("TOKEN") == STRONG
        (tmp_path / "TOKEN").resolve().chmod(0o440)  # so that it is read again
        real = getattr(os, at)

        def swapped(*arguments: object) -> object:
            if (tmp_path / "..one").exists():
                (tmp_path / "..two").mkdir()
                put(tmp_path / "..two" / "TOKEN", f"two-{STRONG}")
                (tmp_path / "..new").symlink_to("..two")
                (tmp_path / "..new").rename(tmp_path / "..data")
                for path in ((tmp_path / "..one" / "TOKEN"), (tmp_path / "..one")):
                    path.unlink() if path.is_file() else path.rmdir()
                if at == "open":
                    raise FileNotFoundError(2, "No such file or directory")
            return real(*arguments)

        monkeypatch.setattr(os, at, swapped)
        assert files.find("TOKEN") in (STRONG, f"two-{STRONG}")
        assert files.find("TOKEN") == f"two-{STRONG}"


class TestWhoMayTouchThem:
    @pytest.mark.parametrize(
        ("mode", "fine"), [(0o777, False), (0o702, False), (0o1777, True), (0o755, True)]
    )
    def test_a_folder_in_which_everybody_may_rename_files(
        self, tmp_path: Path, mode: int, fine: bool
    ) -> None:
        put(tmp_path / "TOKEN")
        tmp_path.chmod(mode)
        if fine:
            assert secret("TOKEN") == STRONG
        else:
            with pytest.raises(ConfigurationError, match=r"E062.*folder that everybody can write"):
                secret("TOKEN")

    @pytest.mark.parametrize("mode", [0o404, 0o440 | 0o004, 0o420, 0o402, 0o666])
    def test_others_could_read_or_replace_it(self, tmp_path: Path, mode: int) -> None:
        put(tmp_path / "TOKEN", mode=mode)
        with pytest.raises(ConfigurationError, match=r"E062.*chmod 0400") as caught:
            secret("TOKEN")
        assert STRONG not in str(caught.value)

    @pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640])
    def test_modes_that_are_fine(self, tmp_path: Path, mode: int) -> None:
        put(tmp_path / "TOKEN", mode=mode)
        assert secret("TOKEN") == STRONG

    def test_a_closed_folder_fences_an_open_file(self, tmp_path: Path) -> None:
        put(tmp_path / "TOKEN", mode=0o444)
        tmp_path.chmod(0o700)
        assert secret("TOKEN") == STRONG

    def test_a_file_of_another_user(self, tmp_path: Path) -> None:
        found = put(tmp_path / "TOKEN").stat()
        other = os.stat_result((found.st_mode, 1, 1, 1, 4242, 4242, 1, 0, 0, 0))
        assert objection(other, None, 1000, mounted=False) == "belongs to another user"
        assert objection(other, None, 4242, mounted=False) is None

    @pytest.mark.parametrize(("mode", "fine"), [(0o444, True), (0o464, True), (0o446, False)])
    def test_what_the_container_runtime_mounts(self, tmp_path: Path, mode: int, fine: bool) -> None:
        found = put(tmp_path / "TOKEN", mode=mode).stat()
        assert (objection(found, None, 1000, mounted=True) is None) is fine

    def test_a_link_out_of_the_folder(self, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        """Whoever may write into the folder would choose any file that this process can read."""
        outside = put(tmp_path_factory.mktemp("outside") / "private")
        (tmp_path / "TOKEN").symlink_to(outside)
        with pytest.raises(ConfigurationError, match=r"E062.*link out of its folder"):
            secret("TOKEN")
