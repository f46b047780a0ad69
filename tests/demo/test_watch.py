"""The terminal shows the log in short lines, and obeys nothing that stands in it."""

from __future__ import annotations

import json
from pathlib import Path

from stockade.demo.watch import Watch, short

ENTRY = {
    "@timestamp": "2026-11-24T23:17:04.123Z", "log.level": "warn", "event.action": "authn_login_fail",
    "event.reason": "bad_password", "http.response.status_code": 401, "user.name": "alice",
    "http.request.method": "POST", "http.route": "api/token/", "source.ip": "127.0.0.1",
}  # fmt: skip


def test_an_entry_is_one_short_line() -> None:
    assert (
        short(json.dumps(ENTRY))
        == "23:17:04 WARN     authn_login_fail bad_password 401 alice POST api/token/"
    )


def test_a_name_cannot_speak_to_the_terminal() -> None:
    """An escape sequence in a user name would move the cursor, change the title or answer as if it were typed."""
    line = short(json.dumps({**ENTRY, "user.name": "\x1b]0;owned\x07\r\nroot#\x9b2J\u202e"}))
    assert line.isprintable()


def test_a_broken_line_is_no_crash() -> None:
    assert [short(text) for text in ("{", "[]", "7", "null")] == ["?"] * 4


def test_it_follows_a_file_that_grows_by_halves(tmp_path: Path) -> None:
    path = tmp_path / "security.log"
    watch = Watch(path)
    assert watch.lines() == []
    text = json.dumps(ENTRY)
    with path.open("a") as file:
        file.write(f"{text}\n{text[:20]}")
        file.flush()
        assert len(watch.lines()) == 1
        assert watch.lines() == []
        file.write(f"{text[20:]}\n")
        file.flush()
        assert watch.lines() == [short(text)]
    watch.close()
