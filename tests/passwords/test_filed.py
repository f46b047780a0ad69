"""The file of breached passwords: what is in it is found, what is not passes, and a damaged one is not believed."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
from pathlib import Path

import pytest

from stockade.passwords.filed import HEAD, BreachList, BrokenList, key_of
from stockade.passwords.making import WrongInput, build


def digest(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()


def lines(path: Path, *found: str | bytes) -> Path:
    path.write_bytes(b"".join((one if isinstance(one, bytes) else one.encode()) + b"\n" for one in found))
    return path


@pytest.mark.parametrize("count", [1, 2, 31, 32, 33, 1000, 5000])
@pytest.mark.parametrize("run", [7, 10_000])
def test_every_breached_password_is_found_and_no_other(tmp_path: Path, count: int, run: int) -> None:
    """An oracle: a set. The chance that one of the strangers passes for breached is below 1 in 100."""
    breached = [f"breached {number}" for number in range(count)]
    source = lines(tmp_path / "in", *(f"{digest(one)}:{number + 1}" for number, one in enumerate(breached)))
    built = build([source], tmp_path / "list", run=run)
    found = BreachList(tmp_path / "list")
    assert built.passwords == found.count == count
    assert built.size == (tmp_path / "list").stat().st_size
    assert all(one in found for one in breached)
    assert not [one for one in (f"stranger {number}" for number in range(5000)) if one in found]


def test_what_passes_for_breached_by_chance_is_as_rare_as_stated(tmp_path: Path) -> None:
    """At most 1 in 524,288 by the format; of 200,000 strangers none or one is expected, and six would be a fault."""
    source = lines(tmp_path / "in", *(digest(f"breached {number}") for number in range(20_000)))
    build([source], tmp_path / "list")
    found = BreachList(tmp_path / "list")
    assert sum(f"stranger {number}" in found for number in range(200_000)) < 6
    assert found.count * 3 < (tmp_path / "list").stat().st_size < found.count * 3.4


def test_lists_of_hashes_and_of_words_go_together_in_any_order(tmp_path: Path) -> None:
    hashed = lines(
        tmp_path / "hashed", f"{digest('zebra 1')}:3", digest("alpha 2").lower(), f"{digest('both')}:1"
    )
    words = lines(tmp_path / "words", "both", " with spaces ", "", "caffè\r", b"\xff\xfe not utf-8")
    packed = tmp_path / "more.gz"
    packed.write_bytes(gzip.compress(b"packed\n"))
    built = build([words, hashed, packed], tmp_path / "list")
    found = BreachList(tmp_path / "list")
    assert built.passwords == 7 - 1 + 1  # "both" is one; the line without a password is none
    for one in ("zebra 1", "alpha 2", "both", " with spaces ", "caffè", "packed"):
        assert one in found
    for one in ("with spaces", "Both", ""):
        assert one not in found


def test_the_order_and_the_number_of_runs_make_no_other_file(tmp_path: Path) -> None:
    passwords = [f"password {number}" for number in range(3000)]
    first = lines(tmp_path / "a", *passwords)
    random.Random(7).shuffle(passwords)
    second = lines(tmp_path / "b", *passwords, *passwords[:500])
    build([first], tmp_path / "one")
    build([second], tmp_path / "two", run=250)
    one, two = BreachList(tmp_path / "one"), BreachList(tmp_path / "two")
    assert one.count == two.count == 3000
    assert all(each in two for each in passwords)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b", "one", "two"], (
        "nothing is left behind"
    )


def test_rare_passwords_are_left_out_where_asked(tmp_path: Path) -> None:
    source = lines(tmp_path / "in", f"{digest('common')}:10", f"{digest('rare')}:9", digest("uncounted"))
    built = build([source], tmp_path / "list", at_least=10)
    found = BreachList(tmp_path / "list")
    assert (built.lines, built.left_out, found.count, found.at_least) == (3, 1, 2, 10)
    assert "common" in found
    assert "uncounted" in found
    assert "rare" not in found


def test_a_word_that_looks_like_a_digest_is_a_word_where_asked(tmp_path: Path) -> None:
    word = "ab" * 20
    build([lines(tmp_path / "in", word)], tmp_path / "list", words=True)
    assert word in BreachList(tmp_path / "list")


def test_a_list_of_ntlm_hashes_is_not_taken_for_words(tmp_path: Path) -> None:
    """It would make a file that finds nothing, and its owner would rely on it."""
    with pytest.raises(WrongInput, match="NTLM"):
        build([lines(tmp_path / "in", "8846F7EAEE8FB117AD06BDD830B7586C:9545824")], tmp_path / "list")
    assert not (tmp_path / "list").exists()


@pytest.mark.parametrize("content", [b"", b"\n\n", b"not gzip"], ids=["empty", "blank", "no gzip"])
def test_a_list_without_passwords_replaces_none(tmp_path: Path, content: bytes) -> None:
    build([lines(tmp_path / "in", "kept")], tmp_path / "list")
    source = tmp_path / ("in.gz" if content == b"not gzip" else "in")
    source.write_bytes(content)
    with pytest.raises(WrongInput):
        build([source], tmp_path / "list")
    assert "kept" in BreachList(tmp_path / "list")


@pytest.mark.parametrize("at", [8, 9, 12, 16, 24, 40, 64, 70, -1], ids=str)
def test_a_list_with_one_changed_byte_is_not_believed(tmp_path: Path, at: int) -> None:
    """An attacker, or a disk, who changes it must not have passwords pass that are in it."""
    path = tmp_path / "list"
    build([lines(tmp_path / "in", *(f"password {number}" for number in range(500)))], path)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(BrokenList):
        BreachList(path)


@pytest.mark.parametrize("size", [0, 10, HEAD.size, HEAD.size + 8, -1], ids=str)
def test_half_a_list_is_not_believed(tmp_path: Path, size: int) -> None:
    path = tmp_path / "list"
    build([lines(tmp_path / "in", *(f"password {number}" for number in range(500)))], path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(BrokenList):
        BreachList(path)


@pytest.mark.parametrize("size", [0, HEAD.size, -1], ids=str)
def test_a_list_that_is_cut_short_while_it_is_open_is_not_believed(tmp_path: Path, size: int) -> None:
    """By `cp` of another over it: a look at a mapped file would end the process, with all its requests."""
    path = tmp_path / "list"
    build([lines(tmp_path / "in", *(f"password {number}" for number in range(500)))], path)
    found = BreachList(path)
    assert "password 7" in found
    os.truncate(path, size % path.stat().st_size)
    with pytest.raises(BrokenList, match="written to"):
        assert "password 7" in found


def test_a_list_that_is_written_to_while_it_is_open_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "list"
    build([lines(tmp_path / "in", *(f"password {number}" for number in range(500)))], path)
    found, size = BreachList(path), path.stat().st_size
    with path.open("r+b") as file:
        file.seek(HEAD.size)
        file.write(bytes(size - HEAD.size))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))  # written within one tick of the file system's clock
    with pytest.raises(BrokenList, match="written to"):
        assert "password 7" not in found


def test_a_list_that_was_replaced_goes_on_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "list"
    build([lines(tmp_path / "in", "before")], path)
    found = BreachList(path)
    build([lines(tmp_path / "in", "after")], path)
    assert "before" in found
    assert "after" not in found


def test_a_folder_or_another_file_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(BrokenList, match="no list"):
        BreachList(lines(tmp_path / "words", "password" * 20))
    with pytest.raises(OSError, match="directory"):
        BreachList(tmp_path)


def test_half_of_a_surrogate_pair_is_no_error(tmp_path: Path) -> None:
    """JSON may bring one, and it must not end as a 500."""
    build([lines(tmp_path / "in", "x")], tmp_path / "list")
    assert "\ud800" not in BreachList(tmp_path / "list")
    assert key_of("x") == int(digest("x")[:16], 16)


def test_a_line_without_end_is_no_password_and_takes_no_memory(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_bytes(b"first\n" + b"y" * 300_000 + b"\nlast")
    assert build([source], tmp_path / "list").lines == 2
    assert "last" in BreachList(tmp_path / "list")
