"""A client that calls without TLS is refused and told of; only a person's page is redirected (ASVS 5.0, 4.1.2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client

from stockade import observe
from stockade.core.errors import ConfigurationError
from stockade.pipeline import registry

Configure = Callable[..., None]
PERSON = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PROGRAM = {"accept": "*/*"}
JAVA = {
    "accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
}  # what its HttpURLConnection sends by itself


@pytest.fixture
def refuse(configure: Configure) -> None:
    configure(PLAIN_HTTP="refuse")


def events(log: Callable[[], list[Any]]) -> list[tuple[str, str, Any]]:
    return [(one.event.name, one.reason, one.details.get("exposed")) for one in log()]


# -- refused -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("refuse")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", ["/data/", "/page/", "/private/", "/nothing/", "/undeclared/", "/data"])
def test_plain_http_is_refused_not_redirected_and_recorded(
    method: str, path: str, client: Client, log: Callable[[], list[Any]]
) -> None:
    response = client.generic(method, path, headers=PERSON)
    assert response.status_code == 403
    assert "Location" not in response.headers
    assert (
        response.headers["Content-Type"] == "text/html; charset=utf-8"
    )  # a person's; never the way to HTTPS
    if method != "HEAD":
        assert b"https_required" in response.content
    assert "Strict-Transport-Security" not in response.headers
    assert events(log) == [("PLAIN_HTTP", "plain_http", False)]


@pytest.mark.usefixtures("refuse")
def test_over_https_nothing_is_refused(client: Client) -> None:
    assert client.get("/data/", secure=True).status_code == 200
    assert client.get("/private/", secure=True).status_code == 401


@pytest.mark.usefixtures("refuse")
@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer eyJ0.eyJ1.c2ln"},
        {"authorization": "Basic YTpi"},
        {"x-api-key": "stk_secret"},
        {"cookie": "sessionid=secret"},
    ],
)
def test_a_credential_that_was_sent_in_clear_is_told_of_as_exposed(
    headers: dict[str, str], client: Client, log: Callable[[], list[Any]]
) -> None:
    response = client.get("/private/", headers=headers)
    assert response.status_code == 403
    assert events(log) == [("CREDENTIAL_EXPOSED", "plain_http", True)]
    assert "secret" not in str([vars(one) if hasattr(one, "__dict__") else str(one) for one in log()])


@pytest.mark.usefixtures("refuse")
def test_no_view_and_no_middleware_sees_it(client: Client, project: Any) -> None:
    project.MIDDLEWARE = [*project.MIDDLEWARE, f"{__name__}.noting"]
    seen.clear()
    client.post("/data/", b"{}", content_type="application/json")
    assert seen == []
    client.get("/data/", secure=True)
    assert seen == ["/data/"]


seen: list[str] = []


def noting(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    def middleware(request: HttpRequest) -> HttpResponse:
        seen.append(request.path)
        return get_response(request)

    return middleware


@pytest.mark.usefixtures("refuse")
async def test_so_it_is_under_asgi() -> None:
    client = AsyncClient()
    assert (await client.get("/data/")).status_code == 403
    assert (await client.get("/data/", secure=True)).status_code == 200
    assert (await client.get("/healthz")).status_code == 200


@pytest.mark.usefixtures("refuse")
def test_a_load_balancers_probe_is_answered(client: Client) -> None:
    assert client.get("/healthz").status_code == 200


@pytest.mark.usefixtures("refuse")
def test_exempt_paths_are_those_of_django(client: Client, project: Any) -> None:
    project.SECURE_REDIRECT_EXEMPT = [r"^\.well-known/acme", r"^data/$"]
    assert client.get("/data/").status_code == 200
    assert client.get("/page/").status_code == 403


@pytest.mark.usefixtures("refuse")
def test_exempt_views_of_stockade_are_not_exempt_from_it(
    client: Client, project: Any, configure: Configure
) -> None:
    configure(EXEMPT=["page"])
    assert client.get("/page/").status_code == 403


# -- redirected --------------------------------------------------------------------------------------------------------


def test_a_persons_page_is_redirected_and_a_program_is_not(
    client: Client, configure: Configure, log: Callable[[], list[Any]]
) -> None:
    configure(PLAIN_HTTP="redirect")
    response = client.get("/page/?a=b", headers=PERSON)
    assert (response.status_code, response.headers["Location"]) == (301, "https://testserver/page/?a=b")
    assert events(log) == []
    refused = [
        client.get("/page/", headers=PROGRAM),
        client.get("/page/", headers=JAVA),
        client.get("/page/"),
        client.post("/page/", headers=PERSON),
        client.get("/rest/", headers=PERSON),  # an API, whoever asks
        client.get("/page/", headers={**PERSON, "authorization": "Bearer eyJ0.eyJ1.c2ln"}),
        client.get("/page/", headers={**PERSON, "x-api-key": "stk_secret"}),
        client.get("/page/", headers={**PERSON, "host": "evil.example"}),
    ]
    assert [one.status_code for one in refused] == [403] * len(refused)
    assert [name for name, _, _ in events(log)].count("CREDENTIAL_EXPOSED") == 2
    assert all("Location" not in one.headers for one in refused)


def test_a_session_that_went_over_the_network_in_clear_is_told_of_though_its_page_is_redirected(
    client: Client, configure: Configure, log: Callable[[], list[Any]]
) -> None:
    configure(PLAIN_HTTP="redirect")
    response = client.get("/page/", headers={**PERSON, "cookie": "sessionid=secret"})
    assert response.status_code == 301
    assert events(log) == [("CREDENTIAL_EXPOSED", "plain_http", True)]


def test_the_host_of_the_redirect_is_the_projects(client: Client, configure: Configure, project: Any) -> None:
    configure(PLAIN_HTTP="redirect")
    project.SECURE_SSL_HOST = "www.example.com"
    response = client.get("/page/", headers=PERSON)
    assert response.headers["Location"] == "https://www.example.com/page/"


# -- which -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("django", "status"),
    [
        ({}, 200),
        ({"SECURE_SSL_REDIRECT": True}, 301),
        ({"STOCKADE_PROFILE": "api"}, 403),
        ({"STOCKADE_PROFILE": "internal"}, 403),
        ({"STOCKADE_PROFILE": "browser"}, 301),
        ({"STOCKADE_PROFILE": "development", "SECURE_SSL_REDIRECT": True}, 200),
    ],
)
def test_the_default_is_what_profile_and_django_say(
    django: dict[str, Any], status: int, client: Client, project: Any, configure: Configure
) -> None:
    for name, value in django.items():
        setattr(project, name, value)
    assert client.get("/page/", headers=PERSON).status_code == status
    configure(PLAIN_HTTP="serve")
    assert client.get("/page/", headers=PERSON).status_code == 200


def test_a_wrong_word_stops_the_start(configure: Configure) -> None:
    configure(PLAIN_HTTP="deny")
    with pytest.raises(ConfigurationError, match=r"stockade\.E182.*'refuse', 'redirect', 'serve'"):
        registry.current()


# -- proxies -----------------------------------------------------------------------------------------------------------

FORWARDED = ("HTTP_X_FORWARDED_PROTO", "https")
PROXY, STRANGER = "10.0.0.11", "203.0.113.9"


@pytest.mark.usefixtures("refuse")
def test_a_stranger_who_says_that_he_came_by_https_is_not_believed(
    client: Client, configure: Configure, project: Any
) -> None:
    project.SECURE_PROXY_SSL_HEADER = FORWARDED
    configure(TRUSTED_PROXIES=["10.0.0.0/24"])
    https = {"x-forwarded-proto": "https"}
    assert client.get("/data/", headers=https, REMOTE_ADDR=STRANGER).status_code == 403
    by_proxy = client.get("/data/", headers=https, REMOTE_ADDR=PROXY)
    assert by_proxy.status_code == 200
    assert "Strict-Transport-Security" in by_proxy.headers
    assert client.get("/data/", headers={"x-forwarded-proto": "http"}, REMOTE_ADDR=PROXY).status_code == 403
    assert client.get("/data/", REMOTE_ADDR=PROXY).status_code == 403


@pytest.mark.usefixtures("refuse")
def test_nor_by_a_header_of_the_projects_own_name(client: Client, configure: Configure, project: Any) -> None:
    project.SECURE_PROXY_SSL_HEADER = ("HTTP_X_EDGE_TLS", "on")
    configure(TRUSTED_PROXIES=["10.0.0.0/24"])
    for address, status in ((STRANGER, 403), (PROXY, 200)):
        assert client.get("/data/", headers={"x-edge-tls": "on"}, REMOTE_ADDR=address).status_code == status


@pytest.mark.usefixtures("refuse")
async def test_nor_under_asgi(configure: Configure, project: Any) -> None:
    project.SECURE_PROXY_SSL_HEADER = FORWARDED
    configure(TRUSTED_PROXIES=["10.0.0.0/24"])
    client = AsyncClient()
    assert (await client.get("/data/", headers={"x-forwarded-proto": "https"})).status_code == 403


@pytest.mark.usefixtures("refuse")
@pytest.mark.parametrize("value", ["http, https", "https, http", "HTTPS", "https\t", "on"])
def test_what_two_proxies_or_a_client_and_a_proxy_have_written_is_not_https_by_halves(
    value: str, client: Client, configure: Configure, project: Any
) -> None:
    """A proxy that appends leaves the client's own word in front, which is the one that Django reads."""
    project.SECURE_PROXY_SSL_HEADER = FORWARDED
    configure(TRUSTED_PROXIES=["10.0.0.0/24"])
    response = client.get("/data/", HTTP_X_FORWARDED_PROTO=value, REMOTE_ADDR=PROXY)
    assert response.status_code == (200 if value == "https\t" else 403)


@pytest.mark.usefixtures("refuse")
def test_the_scheme_without_a_proxys_header_is_the_servers(client: Client, configure: Configure) -> None:
    configure(TRUSTED_PROXIES=["10.0.0.0/24"])
    https = {"x-forwarded-proto": "https"}
    for address in (STRANGER, PROXY):
        assert client.get("/data/", headers=https, REMOTE_ADDR=address).status_code == 403


# -- MODE --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["report", {"edge": "report"}])
def test_in_report_mode_it_is_counted_and_served(
    mode: Any, client: Client, configure: Configure, log: Callable[[], list[Any]]
) -> None:
    configure(PLAIN_HTTP="refuse", MODE=mode)
    assert client.get("/data/", headers={"authorization": "Bearer x"}).status_code in (200, 401)
    (row,) = (row for row in observe.read() if row.kind == "edge")
    assert (row.view, row.method, row.reason, row.count) == ("tests.edge.urls.data", "GET", "plain_http", 1)
    assert ("CREDENTIAL_EXPOSED", "plain_http", True) in events(log)


def test_a_single_view_may_report(client: Client, configure: Configure) -> None:
    configure(PLAIN_HTTP="refuse", MODE={"views": {"page": {"edge": "report"}}})
    assert client.get("/page/").status_code == 200
    assert client.get("/data/").status_code == 403


def test_no_secret_of_a_refused_request_is_told(client: Client, configure: Configure) -> None:
    configure(PLAIN_HTTP="refuse")
    response = client.get("/data/?token=secret", headers={"authorization": "Bearer secret"})
    assert not re.search(rb"secret", response.content)
