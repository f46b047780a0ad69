"""Nothing declared, nothing open: whatever kind of view it is and whatever it says of permissions itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client

from tests.pipeline import views

UNDECLARED = ["function", "async", "class", "apiview", "api_view"]


@pytest.mark.parametrize("kind", UNDECLARED)
def test_undeclared_view_is_refused_to_anyone(kind: str, anonymous: Client) -> None:
    response = anonymous.get(f"/undeclared/{kind}/")
    assert response.status_code == 403
    assert response.json()["code"] == "undeclared"
    assert views.reached == []


@pytest.mark.parametrize("kind", UNDECLARED)
def test_undeclared_view_is_refused_to_a_superuser(
    kind: str, make_user: Callable[..., User], client_of: Callable[..., Client]
) -> None:
    client = client_of(make_user("root", is_superuser=True, is_staff=True))
    assert client.get(f"/undeclared/{kind}/").status_code == 403
    assert views.reached == []


def test_action_without_policy_is_refused_beside_one_that_has_one(anonymous: Client) -> None:
    assert anonymous.get("/half/").status_code == 200
    assert anonymous.get("/half/extra/").status_code == 403
    assert views.reached == []


async def test_undeclared_views_are_refused_under_asgi_too() -> None:
    client = AsyncClient()
    for kind in UNDECLARED:
        response = await client.get(f"/undeclared/{kind}/")
        assert response.status_code == 403, kind
    assert views.reached == []


def test_refusal_of_an_undeclared_view_is_in_the_log(anonymous: Client, log: Callable[[], list[Any]]) -> None:
    anonymous.get("/undeclared/function/")
    (event,) = log()
    assert (event.event.tag, event.reason, event.status) == ("authz_fail", "undeclared", 403)


def test_middleware_that_is_not_first_stops_the_start(project: Any, anonymous: Client) -> None:
    project.MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "stockade.web.Middleware"]
    with pytest.raises(ImproperlyConfigured, match=r"stockade\.E011"):
        anonymous.get("/public/")


def test_unknown_setting_stops_the_start(configure: Callable[..., None], anonymous: Client) -> None:
    configure(LIMITZ={})
    with pytest.raises(ImproperlyConfigured, match=r"stockade\.E004.*LIMITZ"):
        anonymous.get("/public/")


def test_malformed_rate_stops_the_start(configure: Callable[..., None], anonymous: Client) -> None:
    configure(LIMITS={"anon": "lots"})
    with pytest.raises(ImproperlyConfigured, match=r"stockade\.E200"):
        anonymous.get("/public/")


def test_a_guessable_stockade_key_stops_the_start(project: Any, anonymous: Client) -> None:
    """Else it would be said by the first token, in production, as a 500."""
    project.STOCKADE_KEY = "changeme-changeme-changeme-changeme"
    with pytest.raises(ImproperlyConfigured, match=r"stockade\.E071") as caught:
        anonymous.get("/public/")
    assert "changeme" not in str(caught.value)


def test_a_stockade_key_that_cannot_be_read_stops_the_start(
    project: Any, anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKADE_KEY_FILE", "/nonexistent/key")
    project.STOCKADE = {**project.STOCKADE}
    with pytest.raises(ImproperlyConfigured, match=r"stockade\.E062"):
        anonymous.get("/public/")


def test_object_policy_without_policy_mixin_stops_the_start(
    project: Any, anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.urls import clear_url_caches, path

    from tests.pipeline import urls

    monkeypatch.setattr(urls, "urlpatterns", [path("bypass/", views.Bypass.as_view({"get": "list"}))])
    clear_url_caches()
    try:
        with pytest.raises(ImproperlyConfigured, match=r"stockade\.E012"):
            anonymous.get("/bypass/")
    finally:
        monkeypatch.undo()
        clear_url_caches()


def test_without_a_setting_it_only_observes(project: Any, anonymous: Client) -> None:
    del project.STOCKADE
    response = anonymous.get("/undeclared/function/")
    assert response.status_code == 200
    assert "X-Request-ID" not in response.headers


def test_exempt_views_guard_themselves(anonymous: Client) -> None:
    response = anonymous.get("/admin/login/")
    assert response.status_code == 200
    assert "frame-ancestors" in response.headers["Content-Security-Policy"]


def test_method_that_a_view_does_not_answer_is_405(anonymous: Client) -> None:
    response = anonymous.delete("/scoped/")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


def test_one_process_at_a_time_serves_with_memory(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second worker with a memory of its own would double every limit and miss every revocation."""
    import multiprocessing

    from stockade.core.errors import ConfigurationError
    from stockade.gate.registry import release_serving
    from stockade.pipeline import registry

    monkeypatch.setattr(registry, "under_test", lambda: False)
    registry.serve()
    try:
        registry.forget()
        assert registry.current() is not None

        def second(answers: Any) -> None:
            try:
                registry.current()
            except ConfigurationError as error:
                answers.put(error.id)
            else:
                answers.put("served")

        context = multiprocessing.get_context("fork")
        answers = context.Queue()
        child = context.Process(target=second, args=(answers,))
        child.start()
        assert answers.get(timeout=30) == "stockade.E027"
        child.join(30)
    finally:
        release_serving()
        monkeypatch.undo()
        registry.serve()
