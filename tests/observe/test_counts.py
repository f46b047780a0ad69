"""The counts of many processes are exact, bounded, and never in the way of a request."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import lmdb
import pytest

from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.gate import host, places
from stockade.observe.counts import MAX_KEYS, Counts
from stockade.observe.rows import HOUR, OTHERS, Row
from stockade.observe.store import KEEP, Store
from tests.observe.actors import start
from tests.waiting import eventually

Actor = subprocess.Popen[str]
DAY = 24 * HOUR


def counts_in(folder: Path, **how: int) -> Counts:
    return Counts(Store(folder / "report", **how))


def note(counts: Counts, view: str = "shop.views.Orders", at: float | None = None) -> None:
    counts.note(view, "GET", "policies", "undeclared", at)


def line(actor: Actor) -> str:
    assert actor.stdout is not None
    return actor.stdout.readline().strip()


def tell(actor: Actor) -> None:
    assert actor.stdin is not None
    actor.stdin.write("\n")
    actor.stdin.flush()


def total(rows: list[Row]) -> int:
    return sum(row.count for row in rows)


# -- what is counted -------------------------------------------------------------------------------------------------


def test_what_is_counted_is_read_with_its_first_and_last_time(folder: Path, moved: None) -> None:
    counts = counts_in(folder)
    begun = clock.now()
    counts.note("shop.views.Orders", "GET", "policies", "undeclared")
    clock.shift(600)
    counts.note("shop.views.Orders", "GET", "policies", "undeclared")
    counts.note("shop.views.Orders", "POST", "limits", "limit:user")
    rows = counts.read()
    assert [(row.view, row.method, row.kind, row.reason, row.count) for row in rows] == [
        ("shop.views.Orders", "GET", "policies", "undeclared", 2),
        ("shop.views.Orders", "POST", "limits", "limit:user", 1),
    ]
    assert 0 <= rows[0].first - begun < 60
    assert 600 <= rows[0].last - rows[0].first < 660


def test_an_hour_tells_of_an_hour(folder: Path) -> None:
    counts = counts_in(folder)
    now = clock.now()
    note(counts, "long.ago", now - 3 * DAY)
    note(counts, "an.hour.ago", now - 2 * HOUR)
    note(counts, "just.now", now - 5)
    assert [row.view for row in counts.read(now - HOUR)] == ["just.now"]
    assert len(counts.read(now - DAY)) == 2
    assert len(counts.read()) == 3


def test_what_several_hours_have_counted_is_one_row(folder: Path) -> None:
    counts = counts_in(folder)
    now = clock.now()
    for hours in range(5):
        note(counts, at=now - hours * HOUR)
    assert [(row.count, row.first, row.last) for row in counts.read()] == [(5, now - 4 * HOUR, now)]


def test_what_is_cleared_is_gone_and_counting_goes_on(folder: Path) -> None:
    counts = counts_in(folder)
    note(counts)
    counts.flush()
    note(counts)
    counts.clear()
    assert counts.read() == []
    note(counts)
    assert total(counts.read()) == 1


def test_what_is_cleared_does_not_come_back_with_the_next_boot(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = counts_in(folder)
    note(counts)
    counts.end()
    again = counts_in(folder)
    again.clear()
    again._store.close()  # type: ignore[union-attr]
    monkeypatch.setattr(host, "boot_id", lambda: "another")
    note(again, "new")
    assert again.flush()
    assert [row.view for row in again.read()] == ["new"]


def test_a_method_that_a_stranger_makes_up_is_one_of_the_others(folder: Path) -> None:
    counts = counts_in(folder)
    for at in range(3 * MAX_KEYS):
        counts.note("shop.views.Orders", f"MADEUP{at}", "policies", "undeclared")
    assert [(row.method, row.count) for row in counts.read()] == [(OTHERS, 3 * MAX_KEYS)]


def test_names_of_any_length_and_letters_are_kept(folder: Path) -> None:
    counts = counts_in(folder)
    for view in ("", "x" * 5000, "é" * 400, "a\0b", "\ud800"):
        counts.note(view, "GET", "input", "null_character")
    assert counts.flush()
    rows = counts.read()
    assert total(rows) == 5
    assert {(row.method, row.kind, row.reason) for row in rows} == {("GET", "input", "null_character")}


# -- many processes --------------------------------------------------------------------------------------------------


def test_four_processes_lose_nothing(folder: Path, actors: list[Actor]) -> None:
    actors.extend(start("count", folder / "report", "10000") for _ in range(4))
    for actor in actors:
        assert line(actor) == "ready"
    for actor in actors:
        tell(actor)
    for actor in actors:
        assert actor.wait(60) == 0
    assert total(counts_in(folder).read()) == 40_000


def test_threads_of_one_process_lose_nothing(folder: Path) -> None:
    counts = counts_in(folder)

    def work() -> None:
        for _ in range(5_000):
            note(counts)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total(counts.read()) == 40_000


def test_a_killed_process_loses_nothing_that_was_written(folder: Path, actors: list[Actor]) -> None:
    actors.append(start("written", folder / "report", "1000"))
    assert line(actors[0]) == "written"
    actors[0].send_signal(signal.SIGKILL)
    actors[0].wait(30)
    assert total(counts_in(folder).read()) == 1_000


def test_a_kill_in_the_middle_of_writing_leaves_what_was_written(folder: Path, actors: list[Actor]) -> None:
    written, counts = 0, counts_in(folder)
    for at in range(5):
        actors.append(start("write_on", folder / "report"))
        for _ in range(50 + 37 * at):
            last = int(line(actors[-1]))
        actors[-1].send_signal(signal.SIGKILL)
        actors[-1].wait(30)
        rest = actors[-1].stdout
        assert rest is not None
        written += max([last, *map(int, rest.read().split())])
        # One more may have been written, and not said.
        assert 0 <= total(counts.read()) - written <= at + 1


def test_what_was_counted_last_is_written_though_no_request_follows(
    folder: Path, actors: list[Actor]
) -> None:
    actors.append(start("idle", folder / "report"))
    assert line(actors[0]) == "counted"
    counts = counts_in(folder)
    assert eventually(lambda: total(counts.read()) == 5)
    tell(actors[0])


def test_a_fork_counts_nothing_twice_and_loses_nothing(folder: Path, actors: list[Actor]) -> None:
    actors.append(start("fork", folder / "report"))
    assert actors[0].wait(30) == 0
    assert [(row.view, row.count) for row in counts_in(folder).read()] == [("child", 10), ("parent", 20)]


# -- never in the way ------------------------------------------------------------------------------------------------


def test_a_stopped_writer_holds_up_nobody(folder: Path, waits: list[float]) -> None:
    """Attack on the idea: lmdb's own lock is waited for in C, for ever, if its holder is stopped."""
    counts = counts_in(folder)
    note(counts)
    assert counts.flush()
    with held(folder / "report" / "turn"):
        for _ in range(100):
            note(counts)
        assert not counts.flush()
    assert 0 < sum(waits) < 0.5
    assert counts.flush()
    assert total(counts.read()) == 101


def test_a_process_that_ends_waits_for_its_turn(folder: Path) -> None:
    """Another one that ends has its copy synced meanwhile: what is not written now is lost."""
    counts = counts_in(folder)
    note(counts)
    assert counts.flush()
    with held(folder / "report" / "turn") as turn:
        note(counts)
        assert not counts.flush()
        threading.Timer(0.3, os.close, [turn.release()]).start()
        counts.end()
    assert total(counts_in(folder).read()) == 2


class held:  # noqa: N801 - reads as what it does
    """The turn, as a stopped process would hold it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> held:
        import fcntl

        self.descriptor = os.open(self.path, os.O_RDWR)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        return self

    def release(self) -> int:
        """The descriptor, for somebody else to close."""
        given, self.descriptor = self.descriptor, -1
        return given

    def __exit__(self, *_: object) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


@pytest.mark.parametrize("what", ["a file", "open to others", "no writing", "a link"])
def test_a_place_that_cannot_be_used_stops_nothing(
    folder: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = folder / "report"
    if what == "a file":
        report.write_text("")
    elif what == "open to others":
        report.mkdir(mode=0o755)
        report.chmod(0o755)
    elif what == "a link":
        (folder / "else").mkdir(mode=0o700)
        report.symlink_to(folder / "else")
    else:  # root may write everywhere

        def refused(path: Path) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(places, "make", refused)
    counts = counts_in(folder)
    for _ in range(100):
        note(counts)
    assert not counts.flush()
    if what == "a file":
        report.unlink()
        assert counts.flush()  # nothing was lost meanwhile
        assert total(counts.read()) == 100


def test_whoever_reads_is_told_what_is_wrong_with_the_place(folder: Path) -> None:
    counts = counts_in(folder)
    note(counts)
    assert counts.flush()
    (folder / "report").chmod(0o755)
    other = counts_in(folder)
    with pytest.raises(ConfigurationError, match=r"stockade\.E024"):
        other.read()


def test_a_full_file_keeps_what_it_has_and_counting_goes_on(folder: Path) -> None:
    counts = counts_in(folder, map_size=64 << 10)
    for at in range(MAX_KEYS):
        note(counts, f"shop.views.View{at}")
    assert not counts.flush()
    note(counts, "shop.views.View1")
    assert (folder / "report" / "counts.mdb").stat().st_size <= 64 << 10


def test_an_odd_argument_disturbs_nobody(folder: Path) -> None:
    counts = counts_in(folder)
    counts.note(["unhashable"], "GET", "input", "x")  # type: ignore[arg-type]
    counts.note("a", "GET", "input", "x", float("nan"))
    counts.note("a", "GET", "input", "x", float("inf"))
    counts.note("a", "GET", "input", "x", -1e12)
    counts.note("a", "GET", "input", "x", 1e300)
    counts.note(7, "GET", "input", "x")  # type: ignore[arg-type]
    note(counts)
    assert counts.flush()
    assert [row.view for row in counts.read()] == ["shop.views.Orders"]


def test_a_reader_who_is_early_finds_nothing_and_makes_nothing(folder: Path) -> None:
    assert counts_in(folder).read() == []
    counts_in(folder).clear()
    assert list(folder.iterdir()) == []


def test_a_directory_that_is_removed_is_made_again(folder: Path) -> None:
    import shutil

    counts = counts_in(folder)
    note(counts)
    assert counts.flush()
    shutil.rmtree(folder / "report")
    note(counts)
    assert counts.flush()
    assert total(counts.read()) == 1


def test_a_file_that_is_no_database_is_made_again(folder: Path) -> None:
    counts = counts_in(folder)
    note(counts)
    assert counts.flush()
    counts.end()
    (folder / "report" / "counts.mdb").write_bytes(b"torn" * 4096)
    again = counts_in(folder)
    note(again)
    again.flush()
    assert again.flush()
    assert total(again.read()) == 1


def test_everything_is_closed_to_others(folder: Path) -> None:
    counts = counts_in(folder)
    note(counts)
    assert counts.flush()
    counts.end()
    assert (folder / "report").stat().st_mode & 0o777 == 0o700
    files = list((folder / "report").iterdir())
    assert {file.name for file in files} == {"boot", "counts.mdb", "kept.mdb", "turn"}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


# -- bounds ----------------------------------------------------------------------------------------------------------


def test_more_views_than_are_kept_apart_are_others(folder: Path) -> None:
    (folder / "report").write_text("")  # nothing can be written
    counts = counts_in(folder)
    for at in range(2 * MAX_KEYS):
        note(counts, f"made.up.View{at}")
    (folder / "report").unlink()
    assert counts.flush()
    rows = counts.read()
    assert len(rows) == MAX_KEYS + 1
    assert total(rows) == 2 * MAX_KEYS
    assert next(row for row in rows if row.view == OTHERS).count == MAX_KEYS


def test_the_file_keeps_no_more_than_so_many_and_the_oldest_go_first(folder: Path) -> None:
    counts = counts_in(folder, most=100)
    now = clock.now()
    for hour in range(10):
        for at in range(20):
            note(counts, f"shop.views.View{at}", now - (9 - hour) * HOUR)
        assert counts.flush()
    rows = counts.read()
    assert total(rows) <= 120
    assert sum(1 for row in rows if row.last == now) == 20


def test_more_in_one_hour_than_are_kept_are_others(folder: Path) -> None:
    counts = counts_in(folder, most=100)
    for start_at in range(0, 300, 50):
        for at in range(start_at, start_at + 50):
            note(counts, f"shop.views.View{at}")
        assert counts.flush()
    rows = counts.read()
    assert total(rows) == 300
    assert len(rows) == 101


def test_what_is_older_than_a_month_is_forgotten(folder: Path, moved: None) -> None:
    counts = counts_in(folder)
    note(counts, "old")
    assert counts.flush()
    clock.shift((KEEP + 1) * HOUR)
    note(counts, "new")
    assert counts.flush()
    assert [row.view for row in counts.read()] == ["new"]


def test_what_a_wrong_clock_has_written_does_not_stay_for_years(folder: Path) -> None:
    counts = counts_in(folder)
    note(counts, "of the future", clock.now() + 3650 * DAY)
    assert counts.flush()
    note(counts)
    assert counts.flush()
    assert [row.view for row in counts.read()] == ["shop.views.Orders"]


# -- after the end of the machine ------------------------------------------------------------------------------------


def test_counts_outlive_a_machine_that_was_shut_down(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = counts_in(folder)
    note(counts)
    counts.end()
    monkeypatch.setattr(host, "boot_id", lambda: "another")
    again = counts_in(folder)
    note(again)
    assert again.flush()
    assert total(again.read()) == 2


def test_what_a_crash_of_the_machine_may_have_torn_is_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages lie on the disk in any order: what was copied and synced before is all that is sure."""
    counts = counts_in(folder)
    note(counts)
    assert counts.flush()
    store = counts._store
    assert store is not None
    store.keep()
    note(counts)
    assert counts.flush()
    store.close()  # no end in order
    torn = bytearray((folder / "report" / "counts.mdb").read_bytes())
    torn[8192:] = bytes(len(torn) - 8192)
    (folder / "report" / "counts.mdb").write_bytes(torn)
    monkeypatch.setattr(host, "boot_id", lambda: "another")
    again = counts_in(folder)
    note(again)
    assert again.flush()
    assert total(again.read()) == 2


def test_a_server_that_ends_its_workers_abruptly_keeps_what_they_counted(folder: Path, moved: None) -> None:
    counts = counts_in(folder)
    note(counts)
    note(counts)  # held back for a second, then written and copied by a thread
    kept = folder / "report" / "kept.mdb"
    assert eventually(kept.exists)
    before = kept.stat()
    counts._timer()
    assert kept.stat().st_ino == before.st_ino  # lately enough
    os.utime(kept, (before.st_atime, before.st_mtime - 700))
    counts._timer()
    assert kept.stat().st_ino != before.st_ino


def test_lmdb_is_opened_without_locks_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock in C is waited for without end; the turn is not."""
    asked: list[object] = []
    opened = lmdb.open

    def watched(*args: object, **how: object) -> lmdb.Environment:
        asked.append(how["lock"])
        return opened(*args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(lmdb, "open", watched)
    counts = counts_in(folder)
    note(counts)
    assert counts.flush()
    assert asked == [False]
