"""`stockade passwords build`: what it says, and that it needs no project and leaves nothing half made."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stockade.cli.root import app
from stockade.passwords.filed import BreachList


def build(*options: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["passwords", "build", *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def digest(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()


def test_it_says_what_it_made_and_what_to_write(tmp_path: Path) -> None:
    source, target = tmp_path / "pwned.txt", tmp_path / "list"
    source.write_text(f"{digest('one')}:10\n{digest('two')}:2\n")
    status, out, err = build(str(source), "--to", str(target), "--at-least", "3")
    assert (status, out) == (
        0,
        f"{target}: 1 password of 2 lines, 1 left out; {target.stat().st_size} bytes.\n",
    )
    assert f'breached="{target}"' in err
    assert "one" in BreachList(target)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), ("8846F7EAEE8FB117AD06BDD830B7586C:95\n", "NTLM"), ("\n", "no password")],
    ids=["missing", "NTLM", "empty"],
)
def test_what_is_no_list_makes_none(tmp_path: Path, content: str | None, said: str) -> None:
    source, target = tmp_path / "pwned.txt", tmp_path / "list"
    if content is not None:
        source.write_text(content)
    status, out, err = build(str(source), "--to", str(target))
    assert (status, out) == (2, "")
    assert said in err
    assert not target.exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("word\n")
    status, _, err = build(str(tmp_path / "words"), "--to", str(tmp_path / "gone" / "list"))
    assert status == 2
    assert "gone" in err
