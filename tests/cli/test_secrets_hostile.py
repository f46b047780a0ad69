"""`stockade secrets check` where a repository is an attacker's, another user's, cut off, or full of odd things."""

from __future__ import annotations

import json
import os
import random
import string
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from stockade.cli.root import app
from stockade.vault.scan import git as asked, history, look, tree
from tests.cli.test_secrets import PLANTED, git, repository

__all__ = ["repository"]

TOKEN = PLANTED["npm-token"]


def program(folder: Path) -> tuple[Path, Path]:
    """A program that leaves a mark, and the mark."""
    mark, path = folder / ".git" / "mark", folder / ".git" / "evil"
    path.write_text(f"#!/bin/sh\ntouch {mark}\nexit 1\n")
    path.chmod(0o700)
    return path, mark


def check(*arguments: str, **more: Any) -> Any:
    return CliRunner().invoke(
        app, ["secrets", "check", *arguments], env={"DJANGO_SETTINGS_MODULE": None}, **more
    )


def commit(folder: Path, **files: str | bytes) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "-m", "More")


def test_a_signed_commit_does_not_run_the_program_that_the_repository_calls_gpg(repository: Path) -> None:
    commit(repository, secret=TOKEN)
    evil, mark = program(repository)
    shown = subprocess.run(["git", "-C", str(repository), "cat-file", "commit", "HEAD"], capture_output=True)
    head, _, message = shown.stdout.partition(b"\n\n")
    signed = head + b"\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----\n\n" + message
    made = subprocess.run(
        ["git", "-C", str(repository), "hash-object", "-t", "commit", "-w", "--stdin"],
        input=signed, capture_output=True, check=True,
    )  # fmt: skip
    git(repository, "update-ref", "refs/heads/main", made.stdout.decode().strip())
    git(repository, "config", "gpg.program", str(evil))
    git(repository, "config", "log.showSignature", "true")
    assert [one.kind for one in history(repository).findings] == ["npm-token"]
    assert not mark.exists()


def test_what_is_not_here_is_not_fetched_by_a_program_that_the_repository_names(repository: Path) -> None:
    commit(repository, secret=TOKEN)
    commit(repository, other="1")
    evil, mark = program(repository)
    lacking = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "HEAD~1^{tree}"], capture_output=True, text=True
    ).stdout.strip()
    (repository / ".git" / "objects" / lacking[:2] / lacking[2:]).unlink()
    for key, value in {
        "core.repositoryFormatVersion": "1", "extensions.partialClone": "origin", "remote.origin.promisor": "true",
        "remote.origin.url": "ssh://nowhere.invalid/x", "core.sshCommand": str(evil),
    }.items():  # fmt: skip
        git(repository, "config", key, value)
    assert not history(repository).complete
    assert not mark.exists()


def test_a_repository_of_another_user_is_not_taken_for_none(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(repository, secret=TOKEN)
    commit(repository, secret="gone")
    # What git says where the folder is another user's, as in most containers that test.
    monkeypatch.setattr(
        asked,
        "environment",
        lambda: {"PATH": os.environ["PATH"], "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "HOME": "/"},
    )
    done = check(str(repository))
    assert done.exit_code == 1
    assert "safe.directory" in done.output


def test_a_shallow_clone_says_what_it_lacks(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    commit(repository, secret=TOKEN)
    commit(repository, secret="gone")
    clone = tmp_path_factory.mktemp("clone") / "it"
    git(clone.parent, "clone", "-q", "--depth", "1", f"file://{repository}", str(clone))
    done = check(str(clone))
    assert done.exit_code == 1
    assert "shallow" in done.output
    assert check(str(clone), "--no-history").exit_code == 0


def test_no_repository_is_no_gap(tmp_path: Path) -> None:
    (tmp_path / "settings.ini").write_text("a = 1")
    assert check(str(tmp_path)).exit_code == 0


def test_a_submodule_and_a_folder_in_the_place_of_a_file_end_nothing(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "-q")
    git(other, "commit", "-q", "--allow-empty", "-m", "Begin")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "module")
    commit(repository, file="x", z_secret=TOKEN)
    (repository / "file").unlink()
    (repository / "file").mkdir()
    assert [one.path for one in tree(repository)] == ["z_secret"]


def test_a_name_that_is_a_secret_is_told_and_not_shown(repository: Path) -> None:
    commit(repository, **{f"dump-{TOKEN}.txt": PLANTED["gitlab-token"]})
    assert {one.kind for one in tree(repository)} == {"npm-token", "gitlab-token"}
    for _ in range(2):
        done = check(str(repository), "--format", "json")
        assert {row["what"] for row in json.loads(done.stdout)} == {"npm-token", "gitlab-token"}
        assert TOKEN not in done.output
        git(repository, "rm", "-q", "--ignore-unmatch", f"dump-{TOKEN}.txt")
        git(repository, "commit", "-q", "--allow-empty", "-m", "Take it out")


@pytest.mark.parametrize(
    "name", [b"two\nlines", b"no-\xff-text", b"\x1b[2J", b"(message of", b" a", "é".encode()]
)
def test_a_secret_in_a_file_with_an_odd_name_is_found(repository: Path, name: bytes) -> None:
    (Path(bytes(repository).decode()) / name.decode("utf-8", "surrogateescape")).write_text(TOKEN)
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "Odd")
    for arguments in ([], ["--format", "json"]):
        done = check(str(repository), *arguments)
        assert (done.exit_code, done.stdout.count("npm-token")) == (1, 1), done.exception
        assert "\x1b" not in done.output
    (repository / name.decode("utf-8", "surrogateescape")).unlink()
    git(repository, "commit", "-q", "-a", "-m", "Take it out")
    assert [one.kind for one in history(repository).findings] == ["npm-token"]


def test_what_is_only_in_the_index_and_what_no_commit_has_is_found(repository: Path) -> None:
    (repository / "a").write_text(TOKEN)
    git(repository, "add", "a")
    (repository / "a").write_text("taken back before the commit")
    (repository / "b").write_text(PLANTED["gitlab-token"])
    git(repository, "add", "b")
    git(repository, "stash", "-q")
    git(repository, "stash", "drop", "-q")
    (repository / "a").write_text(PLANTED["stripe-key"])
    git(repository, "add", "a")
    assert {one.kind for one in history(repository).findings} >= {"gitlab-token", "npm-token", "stripe-key"}


def test_an_object_in_anothers_place_does_not_hide_it(repository: Path) -> None:
    commit(repository, secret=TOKEN, harmless="nothing")
    git(repository, "replace", "HEAD:secret", "HEAD:harmless")
    assert [one.kind for one in history(repository).findings] == ["npm-token"]


def test_packed_refs_and_objects_are_read(repository: Path) -> None:
    commit(repository, secret=TOKEN)
    commit(repository, secret="gone")
    git(repository, "tag", "-a", "-m", f"With {PLANTED['gitlab-token']}", "v1")
    git(repository, "pack-refs", "--all")
    git(repository, "gc", "-q", "--prune=now")
    assert {one.kind for one in history(repository).findings} == {"npm-token", "gitlab-token"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_what_a_windows_shell_wrote_is_read(repository: Path, encoding: str) -> None:
    mark = {"utf-16-be": b"\xfe\xff", "utf-16-le": b"\xff\xfe"}.get(encoding, b"")
    commit(repository, secret=mark + f"first\n{TOKEN}\n".encode(encoding))
    assert [(one.kind, one.line) for one in tree(repository)] == [("npm-token", 2)]
    commit(repository, secret="gone")
    assert [one.kind for one in history(repository).findings] == ["npm-token"]


def test_a_long_dump_is_read_and_one_without_end_is_told(repository: Path) -> None:
    commit(repository, dump="insert into a values (1);\n" * 80_000 + TOKEN, data=b"0" * (8 * 1024**2 + 1))
    done = check(str(repository), "--format", "json")
    assert [row["where"] for row in json.loads(done.stdout)] == ["dump:80001"]
    assert "1 file" in done.stderr


def test_the_key_that_startproject_wrote_is_one() -> None:
    letters = random.Random(7)
    key = "django-insecure-" + "".join(
        letters.choices(string.ascii_lowercase + string.digits + "!@#$%^&*(-_=+)", k=50)
    )
    assert [one.kind for one in look(f"SECRET_KEY = '{key}'".encode(), "settings.py")] == [
        "django-secret-key"
    ]


def test_a_file_that_is_a_secret_by_its_name_stays_one_in_the_history_and_can_be_allowed(
    repository: Path,
) -> None:
    commit(repository, **{"store.p12": b"\0\1\2", ".env": "DEBUG=1\n", ".env.example": "DEBUG=1\n"})
    git(repository, "rm", "-q", "store.p12")
    git(repository, "commit", "-q", "-m", "Take it out")
    done = check(str(repository), "--format", "json")
    rows = {row["where"]: row for row in json.loads(done.stdout)}
    assert set(rows) == {".env", "store.p12"}
    (repository / ".secrets-allowed").write_text(
        "".join(f"{row['fingerprint']} holds nothing\n" for row in rows.values())
    )
    assert check(str(repository)).exit_code == 0


def test_one_text_that_takes_long_does_not_outlast_the_time(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(look(TOKEN.encode(), "x", deadline=time.monotonic() - 1)) == []
    commit(repository, slow=TOKEN)
    module, passed = sys.modules["stockade.vault.scan.history"], [0.0]
    real = time.monotonic
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: real() + passed[0]))

    def slow(*_: Any) -> Any:
        passed[0] = 10_000.0
        return iter(())

    monkeypatch.setattr(module, "look", slow)
    assert history(repository).gaps == ["the time was over"]
