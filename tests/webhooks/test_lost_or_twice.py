"""Messages that a failure, a redirect or a sender who hangs up would lose, or have done twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from stockade import webhooks
from stockade.core import clock
from stockade.drf.authentication import StockadeAuthentication
from stockade.drf.permissions import PolicyPermission
from stockade.gate.registry import get_gate
from stockade.pipeline.start import findings
from stockade.policy import Public
from stockade.web import protect, signed
from stockade.webhooks import Signed, once
from tests.webhooks.senders import Sent, message

Send = Callable[..., Any]
LONG = 30.0  # seconds after which a test has failed


class Urls:
    """One view as a URLconf."""

    def __init__(self, view: Any) -> None:
        self.urlpatterns = [path("hook/", view)]


def statuses(send: Send, sent: Sent, times: int = 2) -> list[int]:
    return [send(sent, "/hook/").status_code for _ in range(times)]


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_no_success(status: int, project: Any, send: Send, taken: list[Any]) -> None:
    """No vendor takes it for one: it sends again, and must not be told that it was done."""

    @signed("github")
    def view(request: HttpRequest) -> HttpResponse:
        taken.append(1)
        return HttpResponse(status=status)

    project.ROOT_URLCONF = Urls(view)
    assert statuses(send, message("github")) == [status, status]
    assert len(taken) == 2


def test_a_middleware_that_asks_everybody_to_log_in_loses_no_message(
    project: Any, send: Send, taken: list[Any]
) -> None:
    """A sender is no user, and what it was redirected to was not done."""
    project.MIDDLEWARE = [
        "stockade.web.Middleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    assert send(message("github"), "/plain/").status_code == 204
    assert len(taken) == 1


def test_a_view_that_another_one_calls_is_told_of_like_the_other(
    project: Any, send: Send, taken: list[Any]
) -> None:
    """From there on its own policy counts, and the message is still to be remembered."""

    class Inner(APIView):
        policy = {"POST": Public()}

        def post(self, request: Request) -> Response:
            taken.append(1)
            return Response(status=204)

    @signed("github")
    def outer(request: HttpRequest) -> Any:
        return Inner.as_view()(request)

    project.ROOT_URLCONF = Urls(outer)
    sent = message("github")
    assert statuses(send, sent) == [204, 200]
    clock.shift(once.HANDLING + 1)
    assert statuses(send, sent, 1) == [200]
    assert len(taken) == 1


@pytest.mark.parametrize("fails", [ValueError("a commit that fails"), 503], ids=["raises", "answers"])
def test_by_hand_what_fails_after_the_block_may_be_sent_again(
    fails: Any, project: Any, send: Send, taken: list[Any]
) -> None:
    """As where ATOMIC_REQUESTS commits when the view is over: nothing of its work is there then."""

    @csrf_exempt
    @protect(policy={"POST": Public()}, limited=False)
    def view(request: HttpRequest) -> HttpResponse:
        with webhooks.receive(request, "github"):
            taken.append(1)
        if len(taken) > 1:
            return HttpResponse(status=204)
        if isinstance(fails, Exception):
            raise fails
        return HttpResponse(status=fails)

    project.ROOT_URLCONF = Urls(view)
    assert statuses(send, message("github"), 3)[1:] == [204, 200]
    assert len(taken) == 2


async def test_by_hand_a_coroutine_does_not_wait_for_the_state_on_its_loop(
    project: Any, asgi: None, taken: list[Any]
) -> None:
    """All other requests of the worker would wait with it, for as long as a Redis that is slow takes."""

    @csrf_exempt
    @protect(policy={"POST": Public()}, limited=False)
    async def view(request: HttpRequest) -> HttpResponse:
        with pytest.raises(SynchronousOnlyOperation), webhooks.receive(request, "github"):
            taken.append(1)
        return HttpResponse(status=204)

    project.ROOT_URLCONF = Urls(view)
    assert await Sender(message("github")).post() == 204
    assert not taken


def test_by_hand_without_the_middleware_a_message_is_remembered_at_the_end_of_the_block(
    project: Any, rf: Any, taken: list[Any]
) -> None:
    """Nobody else would: as where a test calls the view."""
    from stockade.core.errors import AlreadyDone

    sent = message("github")
    for _ in range(2):
        request = rf.post("/hook/", sent.body, content_type=sent.content_type, headers=sent.headers)
        try:
            with webhooks.receive(request, "github"):
                taken.append(1)
        except AlreadyDone:
            taken.append("again")
    assert taken == [1, "again"]


def test_without_the_middleware_a_view_takes_no_messages(project: Any, send: Send, taken: list[Any]) -> None:
    """DRF's classes alone see no answer: a message would stay begun, and be done again when that is over."""

    class Hook(APIView):
        policy = {"POST": Signed("github")}
        authentication_classes = [StockadeAuthentication]
        permission_classes = [PolicyPermission]

        def post(self, request: Request) -> Response:
            taken.append(1)
            return Response(status=204)

    project.MIDDLEWARE = []
    project.ROOT_URLCONF = Urls(Hook.as_view())
    assert "stockade.E285" in [one.id for one in findings() if one.stops]
    assert send(message("github"), "/hook/").status_code == 500
    assert not taken


def test_by_hand_without_the_middleware_drf_takes_a_message_once(
    project: Any, send: Send, taken: list[Any]
) -> None:
    class Hook(APIView):
        policy = {"POST": Public()}
        authentication_classes = [StockadeAuthentication]
        permission_classes = [PolicyPermission]

        def post(self, request: Request) -> Response:
            with webhooks.receive(request, "github"):
                taken.append(1)
            return Response(status=204)

    project.MIDDLEWARE = []
    project.ROOT_URLCONF = Urls(Hook.as_view())
    send(message("github"), "/hook/")
    clock.shift(once.HANDLING + 1)
    send(message("github"), "/hook/")
    assert taken == [1]


def test_a_worker_that_is_told_to_end_gives_its_message_back(
    project: Any, send: Send, taken: list[Any]
) -> None:
    """gunicorn ends a view that takes too long by SystemExit: no answer leaves, and the next try is to be taken."""

    @signed("github")
    def view(request: HttpRequest) -> HttpResponse:
        taken.append(1)
        if len(taken) == 1:
            raise SystemExit(1)
        return HttpResponse(status=204)

    project.ROOT_URLCONF = Urls(view)
    with pytest.raises(SystemExit):
        send(message("github"), "/hook/")
    assert statuses(send, message("github"), 1) == [204]


class Sender:
    """A sender under ASGI, which may hang up while it waits for the answer."""

    def __init__(self, sent: Sent) -> None:
        self.sent, self.gone = sent, asyncio.Event()
        self.answer: list[Mapping[str, Any]] = []
        self._given = False

    async def post(self) -> int:
        """The status; 0 where no answer came."""
        headers = {"content-type": self.sent.content_type, "content-length": str(len(self.sent.body))}
        headers |= {name.lower(): value for name, value in self.sent.headers.items()}
        scope = {
            "type": "http", "method": "POST", "path": "/hook/", "raw_path": b"/hook/", "query_string": b"",
            "root_path": "", "scheme": "http", "http_version": "1.1", "server": ("testserver", 80),
            "client": ("127.0.0.1", 1), "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        }  # fmt: skip
        handler = ASGIHandler()
        await asyncio.wait_for(handler.handle(scope, self._receive, self._send), LONG)
        return int(self.answer[0]["status"]) if self.answer else 0

    async def _receive(self) -> dict[str, Any]:
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": self.sent.body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Mapping[str, Any]) -> None:
        self.answer.append(message)


@pytest.fixture
def asgi(project: Any) -> Any:
    """Requests through the handler of ASGI; what it would close is the test's connection."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.mark.parametrize("kind", ["coroutine", "thread", "by hand"])
@pytest.mark.parametrize("status", [204, 500])
async def test_a_sender_that_hangs_up_does_not_have_its_message_done_twice_or_never(
    kind: str, status: int, project: Any, asgi: None, taken: list[Any]
) -> None:
    """Vendors wait for some seconds. Django then cancels a coroutine in the middle; a thread goes on, unheard."""
    begun, go_on, may_end = asyncio.Event(), threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> HttpResponse:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(LONG)
        taken.append(1)
        return HttpResponse(status=status)

    @signed("github")
    async def coroutine(request: HttpRequest) -> HttpResponse:
        begun.set()
        await may_end.wait()
        taken.append(1)
        return HttpResponse(status=status)

    @signed("github")
    def thread(request: HttpRequest) -> HttpResponse:
        return work()

    @csrf_exempt
    @protect(policy={"POST": Public()}, limited=False)
    def by_hand(request: HttpRequest) -> HttpResponse:
        with webhooks.receive(request, "github"):
            return work()

    project.ROOT_URLCONF = Urls({"coroutine": coroutine, "thread": thread, "by hand": by_hand}[kind])
    impatient = Sender(message("github"))
    waiting = asyncio.ensure_future(impatient.post())
    await asyncio.wait_for(begun.wait(), LONG)
    impatient.gone.set()
    for _ in range(20):  # the cancellation has come through
        await asyncio.sleep(0)
    may_end.set()
    go_on.set()
    assert await waiting == 0
    assert taken == [1]
    again = await Sender(message("github")).post()
    assert again == (200 if status == 204 else 500)
    assert len(taken) == (1 if status == 204 else 2)


async def test_a_view_that_is_cancelled_all_the_same_gives_its_message_back(
    project: Any, asgi: None, taken: list[Any]
) -> None:
    """A server that ends cancels once more."""
    begun = asyncio.Event()

    @signed("github")
    async def view(request: HttpRequest) -> HttpResponse:
        begun.set()
        if not taken:
            taken.append(1)
            await asyncio.sleep(LONG)
        return HttpResponse(status=204)

    project.ROOT_URLCONF = Urls(view)
    sender = Sender(message("github"))
    waiting = asyncio.ensure_future(sender.post())
    await asyncio.wait_for(begun.wait(), LONG)
    sender.gone.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting], timeout=LONG / 2)
    assert waiting.done()
    assert await Sender(message("github")).post() == 204


async def test_a_sender_that_hangs_up_while_its_message_is_being_proven_may_send_it_again(
    project: Any, asgi: None, taken: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that proves it goes on, and takes the turn when nobody waits for it any more."""
    proving, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    begin = once.begin

    def slowly(*arguments: Any) -> Any:
        loop.call_soon_threadsafe(proving.set)
        assert go_on.wait(LONG)
        return begin(*arguments)

    monkeypatch.setattr(once, "begin", slowly)
    sender = Sender(message("standard"))

    @signed("standard")
    async def view(request: HttpRequest) -> HttpResponse:
        taken.append(1)
        return HttpResponse(status=204)

    project.ROOT_URLCONF = Urls(view)
    waiting = asyncio.ensure_future(sender.post())
    await asyncio.wait_for(proving.wait(), LONG)
    sender.gone.set()
    for _ in range(20):
        await asyncio.sleep(0)
    go_on.set()
    assert await waiting == 0
    assert await Sender(message("standard")).post() == 204
    assert taken == [1]


async def test_who_only_claims_to_send_a_message_cannot_hold_a_view_that_it_has_left(
    project: Any, asgi: None
) -> None:
    """A signature's header alone makes no message: what runs for nobody ends."""
    begun, ended = asyncio.Event(), asyncio.Event()

    @csrf_exempt
    @protect(policy={"POST": Public()}, limited=False)
    async def view(request: HttpRequest) -> HttpResponse:
        begun.set()
        try:
            await asyncio.sleep(LONG)
        finally:
            ended.set()
        return HttpResponse(status=204)

    project.ROOT_URLCONF = Urls(view)
    sender = Sender(message("github"))
    waiting = asyncio.ensure_future(sender.post())
    await asyncio.wait_for(begun.wait(), LONG)
    sender.gone.set()
    await asyncio.wait_for(ended.wait(), LONG / 2)
    assert await waiting == 0


@pytest.mark.parametrize("name", ["standard", "slack", "stripe"])
def test_a_message_is_known_for_as_long_as_its_time_would_be_taken(
    name: str, send: Send, source: Callable[..., None], taken: list[Any]
) -> None:
    """REMEMBER may be shorter, or TOLERANCE longer: either way a captured copy would be taken once more."""
    import time

    for settings, ahead, later in (
        ({"REMEMBER": "1m", "TOLERANCE": "10m"}, 590, 1180),
        ({"REMEMBER": "7d", "TOLERANCE": "30d"}, 0, 8 * 86_400),
    ):
        source(name, **settings)
        taken.clear()
        get_gate().reset()
        sent = message(name, at=time.time() + ahead)
        assert send(sent).status_code == 204
        clock.shift(later)
        assert send(sent).status_code == 409
        assert len(taken) == 1
        clock.unshift()
