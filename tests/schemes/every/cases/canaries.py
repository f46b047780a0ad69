"""Canaries: of what is shown to prove something nothing is found in logs, events, reprs and error pages."""

from __future__ import annotations

import base64
import gc
import html
import json
import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.core.signals import got_request_exception
from django.db import connection
from django.test import Client
from django.views.debug import ExceptionReporter

from stockade import events
from stockade.models import SecurityEvent
from tests.schemes.every.cases.attacks import altered, elsewhere, with_secret
from tests.schemes.every.cases.conftest import Site
from tests.schemes.every.cases.lives import Life, Shown, answer, ask, post, refresh

pytestmark = pytest.mark.django_db(transaction=True)
CANARY = "canary-Xq7vRz2mTb9wKf4s-password"  # of a password
MISTYPED = "canary-Jd5pLy8cNh3gVe6u-mistyped"


def pieces(shown: Shown) -> set[str]:
    """What would give a credential away: itself, most of it, its encodings."""
    found = set()
    for secret in (shown.secret, *shown.more):
        tail = secret.rsplit(".", 1)[-1]  # of a signed one the signature
        found |= {secret, tail, tail[12:40], quote(tail, safe="")}
        found |= {base64.b64encode(secret.encode()).decode(), secret.encode().hex()}
    return {one for one in found if len(one) >= 16}


class Everything(logging.Handler):
    """Every record of every logger, as text: its message, its arguments, its attributes, its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        # Django's records carry the request as an attribute, and that the address which the client wrote.
        more = {name: value for name, value in record.__dict__.items() if name != "request"}
        text = f"{self.format(record)} {record.args!r} {more!r}"
        if record.exc_info:
            text += "".join(traceback.format_exception(*record.exc_info))
        self.lines.append((record.name, text))

    def text(self, *tables: str) -> str:
        """All of it, but for statements about these tables."""
        return "\n".join(line for _, line in self.lines if not any(table in line for table in tables))


@pytest.fixture
def logs() -> Iterator[Everything]:
    """All loggers at DEBUG, those too that hand nothing up."""
    found = Everything()
    before = {}
    for name in ("", *logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        before[name] = (logger.level, logger.disabled)
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
        if not name or not logger.propagate:
            logger.addHandler(found)
    connection.force_debug_cursor = True  # django.db.backends tells of every statement then
    yield found
    connection.force_debug_cursor = False
    for name, (level, disabled) in before.items():
        logger = logging.getLogger(name)
        logger.removeHandler(found)
        logger.setLevel(level)
        logger.disabled = disabled


class Reports:
    """What Django would mail to the administrators, and what it shows them while DEBUG is on."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def note(self, sender: Any, request: Any, **_: Any) -> None:
        reporter = ExceptionReporter(request, *sys.exc_info())
        self.pages += [html.unescape(reporter.get_traceback_html()), reporter.get_traceback_text()]


@pytest.fixture
def reports() -> Iterator[Reports]:
    """The error reports of the test."""
    found = Reports()
    got_request_exception.connect(found.note, weak=False)
    yield found
    got_request_exception.disconnect(found.note)


def trouble(life: Life, shown: Shown) -> list[str]:
    """Have a credential shown in every way that goes well or wrong; what was answered."""
    said = []
    nearly = (with_secret(shown, other) for other in altered(shown.secret))
    said += [answer(one).content.decode() for one in (shown, *nearly)]
    for secret in (shown.secret, *shown.more):
        said += [answer(one).content.decode() for _, one in elsewhere(secret)]
        client = Client(raise_request_exception=False)
        for name in ("token", "api_key", "q"):
            said.append(client.get("/me/", {name: secret}).content.decode())
            said.append(client.get("/nowhere/", {name: secret}).content.decode())
        # Typed or pasted where it does not belong.
        for name, password in ((secret, "x" * 12), ("alice", secret)):
            said.append(post("/api/token/", username=name, password=password).content.decode())
            body = json.dumps({"username": name, "password": password})
            paths = ("/api/session/login/", "/api/token-auth/")
            answers = [client.post(path, body, content_type="application/json") for path in paths]
            said += [one.content.decode() for one in answers]
    for more in shown.more:
        refresh(more[:-1])
        refresh(more + "a")
    return said


def found_in(text: str, wanted: set[str]) -> list[str]:
    """Where they are, with what is around."""
    return [
        text[max(0, text.index(one) - 120) : text.index(one) + 40] for one in sorted(wanted) if one in text
    ]


def test_a_canary_that_sings_is_heard(logs: Everything) -> None:
    """Whatever logger it is told to, in the message, its arguments, an attribute or an exception."""
    quiet = logging.getLogger("stockade.schemes.every.quiet")
    quiet.debug("one %s", CANARY)
    quiet.info("two", extra={"body": MISTYPED})
    assert found_in(logs.text(), {CANARY, MISTYPED}) != []
    try:
        raise RuntimeError("three canary-three-canary")
    except RuntimeError:
        logging.getLogger("django.security").exception("three")
    assert len(found_in(logs.text(), {CANARY, MISTYPED, "three canary-three-canary"})) == 3


def test_the_logs_and_events_hold_none_of_it(
    life: Life, site: Site, alice: User, logs: Everything, tmp_path: Path
) -> None:
    site.change(
        EVENTS={"SINKS": ["database", "log"], "LOG": str(tmp_path / "security.log")},
        LIMITS={
            "anon": None,
            "user": "40/min",
            "failed_auth": None,
            "login": "50/min",
            "login_address": None,
        },
    )
    shown = life.issue(alice)
    wanted = pieces(shown)
    said = trouble(life, shown)
    ways = life.revocations()
    ways["python" if "python" in ways else "orm"](life, shown)
    ask(shown)
    events.flush()
    assert logs.lines
    rows = "\n".join(repr(row) for row in SecurityEvent.objects.values_list())
    assert "_fail" in rows
    lines = (tmp_path / "security.log").read_text()
    assert "_fail" in lines
    assert found_in(rows, wanted) == []
    assert found_in(lines, wanted) == []
    assert found_in("\n".join(said), wanted - {""}) == []
    # Of two packages that keep their credentials in clear, and are asked for them so: ours are asked for by digest. And
    # whoever pastes one into the field of the name has it looked up as one.
    theirs = ('"authtoken_token"', '"token_blacklist_outstandingtoken"', '"auth_user"."username" =')
    assert found_in(logs.text(*theirs), wanted) == []


@pytest.mark.parametrize("debug", [False, True], ids=["DEBUG off", "DEBUG on"])
def test_error_pages_and_reports_show_none_of_it(
    debug: bool, life: Life, site: Site, alice: User, settings: Any, reports: Reports
) -> None:
    """Of an error in a view; with DEBUG on, what our own frames hold included."""
    shown = life.issue(alice)
    assert ask(shown) == 200
    settings.DEBUG = debug
    page = answer(shown, "/broken/")
    assert page.status_code == 500
    assert len(reports.pages) == 2
    assert "RuntimeError" in reports.pages[0]
    for text in (html.unescape(page.content.decode()), *reports.pages):
        assert found_in(text, pieces(shown)) == []


POINTS = (
    "stockade.pipeline.proving.Proving._load",
    "stockade.gate.memory.MemoryGate.ask",
    "stockade.pipeline.engine.Engine.decide",
    "stockade.pipeline.engine.Memory.recall",
    "stockade.schemes.attempts.reserve",
    "stockade.schemes.opaque.rows._BY_DIGEST.rows",
)


OPAQUE = ("token", "api_key", "authtoken", "knox", "drf-api-key")
# Of a foreign scheme nothing is read or remembered.
SPARED = {("LegacyToken", POINTS[0]), ("LegacyToken", POINTS[3])}


@pytest.mark.parametrize("point", POINTS)
def test_reports_of_an_error_of_our_own_show_none_of_it(
    point: str, life: Life, site: Site, alice: User, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = life.issue(alice)
    site.restart()
    hit = []

    def bug(*_: Any, **__: Any) -> Any:
        hit.append(1)
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(point, bug)
    page = answer(shown)
    monkeypatch.undo()
    assert hit or (life.name, point) in SPARED or (life.name not in OPAQUE and "_BY_DIGEST" in point)
    assert bool(hit) == bool(reports.pages)
    for text in (page.content.decode(), *reports.pages):
        assert found_in(text, pieces(shown)) == []


def test_no_object_of_ours_shows_any_of_it(
    life: Life, site: Site, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a request is being answered, when everything that is about it is alive."""
    shown = life.issue(alice)
    seen: list[str] = []

    def collect(self: Any, request: Any, *_: Any, **__: Any) -> Any:
        ours = [one for one in gc.get_objects() if type(one).__module__.partition(".")[0] == "stockade"]
        seen.extend(f"{one!r} {one!s}" for one in ours)
        seen.extend(repr(one) for one in (request.user, request, request._request))
        raise RuntimeError("seen")

    monkeypatch.setattr("tests.schemes.every.cases.urls.Broken.get", collect)
    assert ask(shown) == 200
    assert ask(shown, "/broken/") == 500
    assert len(seen) > 20
    assert any("Credential(" in one for one in seen)
    assert found_in("\n".join(seen), pieces(shown)) == []


def test_a_password_is_nowhere_to_be_found(
    site: Site,
    life: Life,
    logs: Everything,
    reports: Reports,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A right one, a wrong one, one typed into the field of the name, one that meets an error."""
    site.change(
        EVENTS={"SINKS": ["database", "log"], "LOG": str(tmp_path / "security.log")},
        LIMITS={"anon": None, "user": None, "failed_auth": None, "login": "3/min", "login_address": "20/min"},
    )
    User.objects.create_user("alice", password=CANARY)
    client = Client(raise_request_exception=False)
    said = []
    for path in ("/api/token/", "/api/session/login/", "/api/token-auth/", "/admin/login/"):
        for name, password in (
            ("alice", CANARY),
            ("alice", MISTYPED),
            (CANARY, "alice"),
            ("nobody", MISTYPED),
        ):
            given = {"username": name, "password": password}
            said.append(
                client.post(path, json.dumps(given), content_type="application/json").content.decode()
            )
            if "admin" in path:
                said.append(client.post(path, given).content.decode().replace(f'value="{name}"', ""))
    with monkeypatch.context() as patched:
        patched.setattr("django.contrib.auth.hashers.MD5PasswordHasher.verify", lambda *_: 1 / 0)
        said.append(post_quietly(client, CANARY))
    events.flush()
    assert reports.pages
    rows = "\n".join(repr(row) for row in SecurityEvent.objects.values_list())
    lines = (tmp_path / "security.log").read_text()
    for text in (rows, lines, "\n".join(said), *reports.pages):
        assert found_in(text, {CANARY, MISTYPED}) == []
    # Who types a password as a name has it looked up as one.
    assert found_in(logs.text('"auth_user"'), {CANARY, MISTYPED}) == []
    assert found_in(logs.text(), {MISTYPED}) == []


def post_quietly(client: Client, password: str) -> str:
    body = json.dumps({"username": "alice", "password": password})
    found = client.post("/api/token-auth/", body, content_type="application/json", REMOTE_ADDR="192.0.2.77")
    return str(found.content.decode())
