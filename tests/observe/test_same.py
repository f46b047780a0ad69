"""Without a STOCKADE setting no answer changes by a byte, whatever the view, the method and the handler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.base import BaseHandler
from django.test import Client, RequestFactory

from stockade import observe
from stockade.observe import limits
from stockade.web import observing
from tests.observe.asking import OURS, STOCK, Answer, Ask, answer, handler
from tests.observe.views import PATHS

pytestmark = [
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume"),
    # Django's own, with and without us, where a stream breaks.
    pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.SpooledTemporaryFile"),
    pytest.mark.usefixtures("project"),
]
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "TRACE", "MADEUP")
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxfQ.c2lnbmF0dXJl"
JSON = ("Content-Type", "application/json")
ODD = (
    Ask("GET", "/query/", f"token={JWT}"),
    Ask("GET", "/query/", "a=%00"),
    Ask("GET", "/query/", "&".join(f"a{at}=1" for at in range(900))),
    Ask("GET", "/query/", "a=" + "x" * 20_000),
    Ask("GET", "/api/", f"access_token={JWT}"),
    Ask("GET", "/api/", headers=(("Authorization", f"Bearer {JWT}"), ("X-API-Key", "a.b"))),
    Ask("GET", "/api/", headers=(("Authorization", f"Bearer {JWT}, Bearer {JWT}"),)),
    Ask("GET", "/api/private/", headers=(("Authorization", f"Bearer {JWT}"),)),
    Ask("GET", "/api/private/", headers=(("Cookie", "sessionid=made-up"),)),
    Ask("GET", "/plain/", headers=(("Cookie", "sessionid=made-up"),)),
    Ask("POST", "/api/writes/", body=b'{"word": "abc"}', headers=(JSON,)),
    Ask("POST", "/api/writes/", body=b'{"word": "abcd"}', headers=(JSON,)),
    Ask("POST", "/api/writes/", body=b'{"word": ', headers=(JSON,)),
    Ask("POST", "/api/writes/", body=b"<a/>", headers=(("Content-Type", "text/xml"),)),
    Ask("POST", "/echo/", body=b"\x00\xff" * 1000),
    Ask("POST", "/echo/", body=b"a=1", headers=(("Content-Type", "text/plain; charset=utf-7"),)),
    Ask("POST", "/plain/", body=b"a=1"),  # refused by Django's CSRF protection
    Ask("GET", "/plain"),  # APPEND_SLASH redirects
    Ask("GET", "/nowhere/"),
    Ask("GET", "/nowhere/", "a=%00"),
    Ask("GET", "/pla\0in/"),
    Ask("GET", "/plain/", headers=(("Host", "evil.example"),)),
)


@pytest.fixture
def project(settings: Any) -> None:
    """A project that has written the two lines; none of its views touches the database, and it has none."""
    del settings.STOCKADE
    settings.ROOT_URLCONF = "tests.observe.views"
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.DEBUG_PROPAGATE_EXCEPTIONS = False


@pytest.fixture(params=["wsgi", "asgi"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("path", PATHS)
def test_no_view_answers_otherwise(kind: str, path: str) -> None:
    without, observed = handler(kind, False), handler(kind, True)
    for method in METHODS:
        ask = Ask(method, path)
        assert answer(observed, ask) == answer(without, ask)


@pytest.mark.parametrize("ask", ODD, ids=lambda ask: f"{ask.method} {ask.path} {ask.query[:20]}")
def test_nothing_odd_is_answered_otherwise(kind: str, ask: Ask) -> None:
    assert answer(handler(kind, True), ask) == answer(handler(kind, False), ask)


def test_the_two_handlers_differ_where_they_are_meant_to(kind: str) -> None:
    """The comparison would notice: a middleware of ours that acts does change answers."""
    observe.clear()
    answer(handler(kind, False), Ask("GET", "/plain/"))
    assert observe.read() == []
    found = answer(handler(kind, True), Ask("GET", "/plain/"))
    assert [row.view for row in observe.read()] == ["tests.observe.views.plain"]
    assert found.status.startswith("200")
    assert found.body == b"plain"


def test_more_than_every_limit_is_answered_all_the_same(kind: str) -> None:
    application = handler(kind, True)
    statuses = {answer(application, Ask("GET", "/plain/")).status[:3] for _ in range(70)}
    assert statuses == {"200"}


def test_an_exception_reaches_those_who_listen_for_it(settings: Any) -> None:
    settings.MIDDLEWARE = [OURS, *STOCK]
    with pytest.raises(RuntimeError, match=r"^broken$"):
        Client().get("/broken/")
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    with pytest.raises(RuntimeError, match=r"^broken$"):
        Client(raise_request_exception=False).get("/broken/")


def test_a_streaming_answer_is_not_read(settings: Any) -> None:
    """A view may hand out a stream of any length: it is the server's to read."""
    settings.MIDDLEWARE = [OURS, *STOCK]
    base = BaseHandler()
    base.load_middleware()
    response = base.get_response(RequestFactory().get("/streaming/"))
    parts = iter(response)  # type: ignore[call-overload]
    assert next(parts) == b"one "


class Failing:
    """Whatever of ours is asked fails."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"ours: {name}")


def test_a_failure_of_ours_disturbs_no_request(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Ask("GET", "/plain/", f"token={JWT}")
    expected = answer(handler(kind, False), ask)
    observed = handler(kind, True)
    for name in ("_observer", "_current"):
        with monkeypatch.context() as patch:
            patch.setattr(observing, name, Failing() if name == "_observer" else None)
            if name == "_current":
                patch.setattr(observing, "_observer", None)
            assert answer(observed, ask) == expected
    for name in ("before", "after"):
        with monkeypatch.context() as patch:
            patch.setattr(observing.Observer, name, Failing.__getattr__)
            assert answer(observed, ask) == expected


def test_a_place_that_cannot_be_used_disturbs_no_request(
    kind: str, folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report's folder is a file: where the counts and the state of its limits would lie."""
    from stockade.observe import counts, place

    (folder / "report").write_text("in the way")
    monkeypatch.setattr(place, "directory", lambda: folder / "report")
    monkeypatch.setattr(limits, "under_test", lambda: False)
    monkeypatch.setattr(counts, "under_test", lambda: False)
    own = counts.Counts()
    monkeypatch.setattr(observe, "note", own.note)
    monkeypatch.setattr(observe, "COUNTS", own)
    settings.ROOT_URLCONF = "tests.observe.views"  # an observer of its own
    expected: Answer = answer(handler(kind, False), Ask("GET", "/plain/"))
    observed = handler(kind, True)
    for _ in range(60):
        assert answer(observed, Ask("GET", "/plain/")) == expected
    assert not own.flush()
    assert (folder / "report").read_text() == "in the way"
    # The limits were counted in memory.
    assert {row.reason: row.count for row in own.unwritten()} == {"undeclared": 60, "limit:anon": 10}
