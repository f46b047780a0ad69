"""What every answer carries, and that nothing malformed becomes a 500."""

from __future__ import annotations

import encodings
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import OperationalError
from django.http import HttpRequest
from django.test import AsyncClient, Client, RequestFactory
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

import stockade
from stockade.web.translate import refusal_of
from tests.pipeline import views

EIGHT = [
    "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy",
    "Cross-Origin-Resource-Policy", "Permissions-Policy", "Cache-Control", "Content-Security-Policy",
]  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "/public/",
        "/private/",
        "/undeclared/function/",
        "/nothing/",
        "/broken/",
        "/admin/login/",
        "/articles/",
    ],
)
def test_every_answer_has_the_eight_headers_and_a_request_id(path: str, anonymous: Client) -> None:
    response = anonymous.get(path)
    assert [name for name in EIGHT if name not in response.headers] == []
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-ID"])


def test_hsts_is_sent_over_https_only(anonymous: Client) -> None:
    assert "Strict-Transport-Security" not in anonymous.get("/public/").headers
    assert "max-age=31536000" in anonymous.get("/public/", secure=True).headers["Strict-Transport-Security"]


def test_a_single_header_can_be_overridden(configure: Callable[..., None], anonymous: Client) -> None:
    configure(HEADERS={"X-Frame-Options": "SAMEORIGIN", "Permissions-Policy": None})
    headers = anonymous.get("/public/").headers
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "Permissions-Policy" not in headers


def test_a_strangers_request_id_is_not_taken(configure: Callable[..., None], anonymous: Client) -> None:
    given_id = {"x-request-id": "trace-1"}
    assert anonymous.get("/public/", headers=given_id).headers["X-Request-ID"] != "trace-1"
    configure(TRUSTED_PROXIES=["127.0.0.1/32"])
    assert anonymous.get("/public/", headers=given_id).headers["X-Request-ID"] == "trace-1"
    forged = anonymous.get("/public/", headers={"x-request-id": "a b\t<script>"}).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", forged)


def test_an_untrusted_peers_request_id_is_not_taken_behind_proxies(
    configure: Callable[..., None], anonymous: Client
) -> None:
    configure(TRUSTED_PROXIES=["10.0.0.0/8"])
    response = anonymous.get("/public/", headers={"x-request-id": "trace-1"}, REMOTE_ADDR="203.0.113.9")
    assert response.headers["X-Request-ID"] != "trace-1"


def test_an_unresolved_path_is_a_problem_document(anonymous: Client) -> None:
    response = anonymous.get("/nothing/here")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "not_found"


def test_drfs_error_shape_on_request(configure: Callable[..., None], anonymous: Client) -> None:
    configure(ERRORS="drf")
    response = anonymous.get("/me/")
    assert response.status_code == 401
    assert set(response.json()) == {"detail"}
    assert set(anonymous.get("/me/", headers={"authorization": "Bearer x.y.z"}).json()) == {"detail", "code"}


def test_a_missing_scope_is_named(alice: User, anonymous: Client) -> None:
    from stockade.core.credential import Credential
    from stockade.core.principal import Kind, Principal

    bounded = Principal(
        Kind.USER, str(alice.pk), alice, frozenset({"Editors"}), frozenset({"articles:read"}),
        Credential("jwt", "x", str(alice.pk), scopes=frozenset({"articles:read"})),
    )  # fmt: skip
    response = anonymous.get("/scope/", **{"stockade.testing.principal": bounded})
    assert response.status_code == 403
    assert response.json()["code"] == "insufficient_scope"
    assert 'error="insufficient_scope", scope="articles:write"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b'{"title": "\\ud800"}', b'{"title": NaN}',
        b'{"title": "a", "title": "b"}', b"1" * 5000, b'"\\u0000"', b"null", b"[]", b'{"title": {"a": 1}}',
        b'{"title": "\\u0000", "body": "x"}', b'{"title": 1e999, "body": true}',
    ],
    ids=range(15),
)  # fmt: skip
def test_a_malformed_body_is_a_400(body: bytes, alice: User, client_of: Callable[..., Client]) -> None:
    response = client_of(alice).post("/articles/", body, content_type="application/json")
    assert response.status_code == 400, response.content[:300]


@pytest.mark.parametrize("charset", ["utf-16", "nonsense", "idna", "utf-8-sig", "hex"])
def test_an_odd_charset_is_a_400(charset: str, alice: User, client_of: Callable[..., Client]) -> None:
    client = client_of(alice)
    response = client.generic(
        "POST", "/articles/", b"{}", content_type=f"application/json; charset={charset}"
    )
    assert response.status_code in {400, 415}


@pytest.mark.parametrize(
    "query", ["page=%00", "a=%ff%fe", "&" * 2000, "x=" + "9" * 17000, "page=" + "9" * 400]
)
def test_an_odd_query_is_never_a_500(query: str, alice: User, client_of: Callable[..., Client]) -> None:
    assert client_of(alice).get(f"/articles/?{query}").status_code < 500


def test_other_media_types_are_415(alice: User, client_of: Callable[..., Client]) -> None:
    response = client_of(alice).post("/articles/", "<a/>", content_type="text/xml")
    assert response.status_code == 415
    assert response.json()["code"] == "unsupported_media_type"


_header = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=300)
_token = st.one_of(
    _header,
    st.builds("Bearer {}".format, _header),
    st.builds("Bearer ey{}.ey{}.{}".format, _header, _header, _header),
    st.builds("Bearer str_{}".format, _header),
)


@hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(authorization=_token, key=st.none() | _header, query=st.text(max_size=50))
def test_fuzzed_headers_reach_no_view_and_no_500(
    authorization: str, key: str | None, query: str, anonymous: Client, configure: Callable[..., None]
) -> None:
    configure(LIMITS={})
    extra: dict[str, Any] = {"HTTP_AUTHORIZATION": authorization}
    if key is not None:
        extra["HTTP_X_API_KEY"] = key
    response = anonymous.get("/private/", {"token": query}, **extra)
    assert response.status_code in {400, 401}, response.content[:300]


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["title", "body", "published", "author", "id", "created_at"])
            | st.text(max_size=8),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=_json.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")) | st.binary(max_size=200)
)
def test_fuzzed_bodies_are_never_a_500(body: bytes, alice: User, client_of: Callable[..., Client]) -> None:
    client = client_of(alice)
    for method, path in (("post", "/articles/"), ("post", "/private_api_view/"), ("post", "/api/token/")):
        response = getattr(client, method)(path, body, content_type="application/json")
        assert response.status_code < 500, (path, body, response.content[:300])


def test_while_the_database_is_away_nobody_is_let_in(
    alice: User, anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    import stockade
    from stockade.schemes.jwt import JWTScheme

    def away(self: Any, credential: Any) -> Any:
        raise OperationalError("server closed the connection")

    access = stockade.issue(alice).access
    monkeypatch.setattr(JWTScheme, "load", away)
    response = anonymous.get("/private/", headers={"authorization": f"Bearer {access}"})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert b"closed the connection" not in response.content


def test_a_views_own_words_do_not_break_the_challenge(
    anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rest_framework.exceptions import AuthenticationFailed

    def get(self: Any, request: Any) -> Any:
        raise AuthenticationFailed('no "such"\r\nX-Injected: card\\é')

    monkeypatch.setattr(views.Scoped, "get", get)
    response = anonymous.get("/scoped/")
    assert response.status_code == 401
    assert "X-Injected" not in response.headers
    assert response.headers["WWW-Authenticate"].endswith('error_description="no suchX-Injected: card"')


# -- what Django fails at ----------------------------------------------------------------------------------------------

UNREADABLE = [
    "text/plain; charset=hex", "text/plain; charset=undefined", "text/plain; charset=punycode",
    "text/plain; charset=idna", "text/plain; charset=utf-7", "text/plain; charset=unicode_escape",
    "text/plain; charset=utf-16", "text/plain; charset=cp037", "text/plain; x*=bogus'en'%41",
]  # fmt: skip


@pytest.mark.parametrize("content_type", UNREADABLE)
@pytest.mark.parametrize("path", ["/public/", "/articles/"])
def test_a_content_type_that_breaks_the_making_of_the_request_is_a_400(
    path: str, content_type: str, anonymous: Client
) -> None:
    anonymous.get(
        "/public/"
    )  # a server has loaded its middleware before the first request; a test client has not
    response = anonymous.generic("GET", f"{path}?a=%41&b=+AAA-", b"x", content_type=content_type)
    assert (response.status_code, response.json()["code"]) == (400, "content_type")


@pytest.mark.parametrize("content_type", UNREADABLE)
async def test_so_it_is_under_asgi(content_type: str, alice: User) -> None:
    access = (await sync_to_async(stockade.issue)(alice)).access
    client = AsyncClient(headers={"authorization": f"Bearer {access}"})
    await client.get("/private_async/")
    response = await client.generic("POST", "/private_async/?a=%41", b"x", content_type=content_type)
    assert response.status_code == 400


@pytest.mark.parametrize("charset", ["utf-8", "us-ascii", "iso-8859-1", "windows-1252", "shift_jis"])
def test_a_charset_in_which_ascii_is_ascii_passes(charset: str, anonymous: Client) -> None:
    response = anonymous.generic("GET", "/public/?a=1", b"x", content_type=f"text/csv; charset={charset}")
    assert response.status_code == 200


def test_made_up_charsets_do_not_fill_the_memory(anonymous: Client) -> None:
    anonymous.get("/public/")
    make = RequestFactory().generic
    for number in range(1100):
        make("POST", "/public/", b"x", content_type=f"text/plain; charset=made-up-{number}")
    for number in range(1100):
        make("POST", "/public/", b"x", content_type=f"text/plain; x*=made-up-{number}'en'%41")
    assert len(encodings._cache) <= 1001  # type: ignore[attr-defined]


def test_nor_do_those_of_accept_headers(configure: Callable[..., None], anonymous: Client) -> None:
    configure(LIMITS={})
    for number in range(1100):
        accept = f"text/html; x*=odd-{number}'en'%41, */*"
        assert anonymous.get("/articles/", headers={"accept": accept}).status_code == 200
    assert len(encodings._cache) <= 1002  # type: ignore[attr-defined]


def test_a_null_in_the_path_reaches_no_view(anonymous: Client) -> None:
    assert anonymous.get("/articles/%00/").status_code == 400
    assert views.reached == []


@pytest.mark.parametrize("way", ["drf", "plain"])
@pytest.mark.parametrize("value", ["no-uuid", "10000000000000000000000000"])
def test_a_value_that_no_database_takes_is_a_400(way: str, value: str, anonymous: Client) -> None:
    response = anonymous.get(f"/lookup/{way}/?value={value}")
    assert (response.status_code, response.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("way", ["drf", "plain"])
def test_a_query_that_is_too_much_for_sqlite_is_a_400(
    way: str, anonymous: Client, database_vendor: str
) -> None:
    response = anonymous.get(f"/lookup/{way}/?value=many")
    assert response.status_code == (400 if database_vendor == "sqlite" else 200)


def test_what_postgresql_calls_too_much_is_a_400() -> None:
    class TooComplexError(Exception):
        sqlstate = "54001"

    found = OperationalError("stack depth limit exceeded")
    found.__cause__ = TooComplexError()
    refusal = refusal_of(found)
    assert refusal is not None
    assert refusal.status == 400
    found.__cause__ = None
    assert refusal_of(found) is None


def test_a_bug_of_the_projects_own_stays_a_500(anonymous: Client) -> None:
    assert anonymous.get("/broken/").status_code == 500


def test_infinity_is_not_stored_to_break_every_answer_after_it(alice: User, anonymous: Client) -> None:
    headers = {"authorization": f"Bearer {stockade.issue(alice).access}"}
    for number in ("1e999", "-1e999", "[1.5, 2e400]"):
        response = anonymous.post(
            "/private_api_view/", f'{{"x": {number}}}', content_type="application/json", headers=headers
        )
        assert (response.status_code, response.json()["code"]) == (400, "parse_error")


# -- other middlewares -------------------------------------------------------------------------------------------------


def test_what_a_token_opened_is_not_in_a_site_wide_cache_after_it_ended(
    alice: User, client_of: Callable[..., Client], project: Any
) -> None:
    first, *others = project.MIDDLEWARE
    name = "django.middleware.cache.{}CacheMiddleware".format
    project.MIDDLEWARE = [first, name("Update"), *others, name("FetchFrom")]
    cache.clear()
    client = client_of(alice)
    assert client.get("/private/").status_code == 200
    stockade.end_sessions(alice)
    assert client.get("/private/").status_code == 401


def override(get_response: Callable[[HttpRequest], Any]) -> Any:
    """A middleware that makes another method of the one that was decided about."""

    class Override:
        def __call__(self, request: HttpRequest) -> Any:
            return get_response(request)

        def process_view(self, request: HttpRequest, *rest: Any) -> None:
            request.method = request.headers.get("X-HTTP-Method-Override", request.method)

    return Override()


def test_a_method_changed_after_the_decision_is_withheld(
    anonymous: Client, project: Any, log: Callable[[], list[Any]]
) -> None:
    project.MIDDLEWARE = [*project.MIDDLEWARE, f"{__name__}.override"]
    assert anonymous.get("/public/").status_code == 200
    response = anonymous.get("/public/", headers={"x-http-method-override": "DELETE"})
    assert response.status_code == 500
    assert log()[-1].event.tag == "authz_undecided"
