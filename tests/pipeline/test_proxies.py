"""Who poses as a proxy of ours: from another address, from the proxy's own host, with a guessed secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, JsonResponse
from django.test import Client
from django.urls import path
from django.views.debug import get_exception_reporter_filter

from stockade import conf
from stockade.core import forwarded
from stockade.core.address import TrustedProxies
from stockade.core.errors import ConfigurationError
from stockade.events.catalogue import Event
from stockade.pipeline.conf import PipelineSettings
from stockade.policy import Public
from stockade.web import protect

SECRET = "zqW8rT3nV6bX1mK9pL4yJ7cH2dF5sG0aQeRuTi"
OLDER = "Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4fGh7jKl"
SHOWN = {"x-stockade-proxy-secret": SECRET}


@protect(policy=Public(), limited=False)
def told(request: HttpRequest) -> JsonResponse:
    """What reached the view."""
    context = request.stockade_context  # type: ignore[attr-defined]
    return JsonResponse(
        {
            "address": context.address,
            "request_id": context.id,
            "secure": request.is_secure(),
            "headers": {key: value for key, value in request.META.items() if key.startswith("HTTP_")},
        }
    )


urlpatterns = [path("told/", told)]

FORGED = {
    "x-forwarded-for": "192.0.2.66",
    "x-forwarded-proto": "https",
    "x-request-id": "chosen",
    "x-client-cert": "forged",
    "x-forwarded-something-new": "forged",
}


@pytest.fixture
def ask(settings: Any, db: None, configure: Callable[..., None], client: Client) -> Callable[..., Any]:
    settings.ROOT_URLCONF = __name__
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    def request(headers: dict[str, str], peer: str = "127.0.0.1", **stockade: Any) -> Any:
        configure(**stockade)
        answer = client.get("/told/", headers=headers, REMOTE_ADDR=peer)
        assert answer.status_code == 200, answer.content
        return answer.json()

    return request


def believed(answer: Any) -> bool:
    """Whether all of FORGED was believed; none of it, or this fails."""
    taken = (answer["address"] == "192.0.2.66", answer["secure"], answer["request_id"] == "chosen",
             answer["headers"].get("HTTP_X_CLIENT_CERT") == "forged")  # fmt: skip
    assert len(set(taken)) == 1, answer
    return taken[0]


def test_a_stranger_poses_as_a_proxy_by_its_headers(ask: Callable[..., Any]) -> None:
    told = ask(FORGED, "203.0.113.9", TRUSTED_PROXIES=["10.0.0.11/32"])
    assert not believed(told)
    assert told["address"] == "203.0.113.9"
    assert "forged" not in told["headers"].values()
    assert believed(ask(FORGED, "10.0.0.11", TRUSTED_PROXIES=["10.0.0.11/32"]))


def test_another_process_of_the_proxys_host_poses_as_the_proxy(ask: Callable[..., Any]) -> None:
    """Server-side request forgery, a neighbour, a second container behind one address: the address is right."""
    configured = {"TRUSTED_PROXIES": ["127.0.0.1/32"], "PROXY_SECRET": SECRET}
    assert not believed(ask(FORGED, **configured))
    assert believed(ask({**FORGED, **SHOWN}, **configured))


@pytest.mark.parametrize(
    "guess", ["", "x", SECRET[:-1], SECRET + "x", SECRET.lower(), f"{SECRET},{SECRET}", "\xff" * 40]
)
def test_a_guessed_secret_is_not_believed(guess: str, ask: Callable[..., Any]) -> None:
    headers = {**FORGED, "x-stockade-proxy-secret": guess}
    assert not believed(ask(headers, TRUSTED_PROXIES=["127.0.0.1/32"], PROXY_SECRET=SECRET))


def test_a_leaked_secret_is_of_no_use_from_another_address(ask: Callable[..., Any]) -> None:
    headers = {**FORGED, **SHOWN}
    assert not believed(ask(headers, "203.0.113.9", TRUSTED_PROXIES=["10.0.0.11/32"], PROXY_SECRET=SECRET))


def test_where_no_address_is_named_the_secret_alone_decides(ask: Callable[..., Any]) -> None:
    assert believed(ask({**FORGED, **SHOWN}, "10.99.0.3", PROXY_SECRET=SECRET))
    assert not believed(ask(FORGED, "10.99.0.3", PROXY_SECRET=SECRET))


def test_while_one_secret_follows_another_both_are_believed(ask: Callable[..., Any]) -> None:
    for shown in (SECRET, OLDER):
        headers = {**FORGED, "x-stockade-proxy-secret": shown}
        assert believed(ask(headers, PROXY_SECRET=[SECRET, OLDER]))


@pytest.mark.parametrize("shown", [SECRET, OLDER])
def test_no_view_and_no_log_can_give_the_secret_away(shown: str, ask: Callable[..., Any]) -> None:
    headers = {**FORGED, "x-stockade-proxy-secret": shown}
    assert shown not in ask(headers, PROXY_SECRET=SECRET)["headers"].values()


def test_an_error_page_does_not_show_the_secret() -> None:
    """Where something fails before we have taken it away."""
    request = HttpRequest()
    request.META = {forwarded.meta_name(forwarded.SECRET_HEADER): SECRET}
    assert SECRET not in str(get_exception_reporter_filter(request).get_safe_request_meta(request))
    assert SECRET not in repr(PipelineSettings(proxy_secret=parsed(SECRET)))


def test_who_poses_as_a_proxy_stands_in_the_security_log(
    ask: Callable[..., Any], log: Callable[[], list[Any]]
) -> None:
    """Also a proxy of ours whose secret was changed on one side only: somebody must hear of it."""
    configured = {"TRUSTED_PROXIES": ["127.0.0.1/32"], "PROXY_SECRET": SECRET}
    ask({**FORGED, **SHOWN}, **configured)
    ask(FORGED, **configured)  # without a secret: a probe, a neighbour
    assert posed(log()) == []
    ask({**FORGED, "x-stockade-proxy-secret": OLDER}, **configured)
    ask({**FORGED, **SHOWN}, "203.0.113.9", **configured)
    found = posed(log())
    assert [record.address for record in found] == ["127.0.0.1", "203.0.113.9"]
    assert SECRET not in str(found)
    assert OLDER not in str(found)


def posed(records: list[Any]) -> list[Any]:
    return [record for record in records if record.event is Event.PROXY_FORGED]


def test_every_way_to_say_where_from_or_who_is_taken_away() -> None:
    proxies = TrustedProxies(["10.0.0.11/32"], names=["HTTP_X_TLS"])
    names = [*forwarded.FORWARDED, *forwarded.IDENTITY, "X-Tls", "X-Forwarded-Anything"]
    meta = {"REMOTE_ADDR": "203.0.113.9", "HTTP_HOST": "api.example.org"}
    meta |= {forwarded.meta_name(name): "forged" for name in names}
    assert proxies.receive(meta) == ("203.0.113.9", False)
    assert meta == {"REMOTE_ADDR": "203.0.113.9", "HTTP_HOST": "api.example.org"}


def parsed(value: Any) -> Any:
    meta = next(meta for meta in PipelineSettings.declared() if meta.name == "PROXY_SECRET")
    return meta.parse(value)


@pytest.mark.parametrize(
    "wrong", ["brief", "a" * 64, "change-me-" * 5, 'with"quote' * 5, "with blank " * 5, ["brief"], [7654321]]
)
def test_a_secret_that_is_none_stops_the_start_and_is_not_quoted(
    wrong: Any, configure: Callable[..., None]
) -> None:
    configure(PROXY_SECRET=wrong)
    with pytest.raises(ConfigurationError) as caught:
        conf.load(PipelineSettings)
    assert caught.value.id == "stockade.E209"
    assert "token_urlsafe" in str(caught.value)
    assert str(wrong if isinstance(wrong, str) else wrong[0]) not in str(caught.value)
