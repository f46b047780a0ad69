"""A refusal that a person sees in a browser is a page: same status, same headers, no more told, and nothing runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from hypothesis import given, strategies as st

from stockade.core.errors import BadRequest
from stockade.web import page

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
BROWSERS = {
    "chromium": CHROME,
    "firefox": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "bare": "text/html",
    "weighted": "application/json;q=0.5, text/html;q=0.9",
    "spaced": " text/html ; level=1 ; q=1.0 , */* ; q=0.1",
    "upper case": "TEXT/HTML, */*;Q=0.5",
}
PROGRAMS = {
    "nothing": None,
    "anything": "*/*",
    "empty": "",
    "JSON": "application/json",
    "axios": "application/json, text/plain, */*",
    "a problem document": "application/problem+json",
    "JSON and HTML alike": "text/html, application/json",
    "a problem and HTML alike": "application/problem+json, text/html",
    "JSON first": "text/html;q=0.8, application/json",
    "any application": "application/*, text/html",
    "HTML refused": "text/html;q=0, */*",
    "any text": "text/*",
    "Java": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
    "no number": "text/html;q=high",
    "a number that is none": "text/html;q=nan",
    "below nothing": "text/html;q=-1",
    "another type": "text/htmlx, application/text/html",
}
REFUSED = ["/private/", "/undeclared/function/", "/nothing/", "/me/", "/api/sessions/"]
# What an answer has of its own, and what pages are protected by instead.
OWN = {
    "Content-Type", "X-Request-ID", "RateLimit", "Content-Length", "Vary", "Content-Security-Policy",
    "Cross-Origin-Embedder-Policy",
}  # fmt: skip


def get(client: Client, path: str, accept: str | None, **headers: str) -> Any:
    return client.get(path, headers={**headers, **({} if accept is None else {"accept": accept})})


@pytest.mark.parametrize("name", BROWSERS)
@pytest.mark.parametrize("path", REFUSED)
def test_a_browser_is_shown_a_page_with_the_same_status_and_headers(
    name: str, path: str, anonymous: Client
) -> None:
    told, shown = get(anonymous, path, None), get(anonymous, path, BROWSERS[name])
    assert shown.status_code == told.status_code >= 400
    assert shown.headers["Content-Type"] == "text/html; charset=utf-8"
    assert told.json()["detail"] in shown.content.decode()
    assert "Accept" in shown.headers["Vary"]
    rest = [{k: v for k, v in answer.headers.items() if k not in OWN} for answer in (told, shown)]
    assert rest[0] == rest[1]


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("path", REFUSED)
def test_a_program_is_told_as_ever(name: str, path: str, anonymous: Client) -> None:
    before, after = get(anonymous, path, None), get(anonymous, path, PROGRAMS[name])
    assert after.headers["Content-Type"] == "application/problem+json"
    assert (after.status_code, after.content) == (before.status_code, before.content)
    # What DRF negotiates depends on Accept as ever; ours does not.
    assert after.headers.get("Vary") == before.headers.get("Vary")


async def test_it_is_the_same_under_asgi() -> None:
    shown = await AsyncClient().get("/private_async/", headers={"accept": CHROME})
    assert (shown.status_code, shown.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    told = await AsyncClient().get("/private_async/")
    assert told.headers["Content-Type"] == "application/problem+json"


def test_what_is_no_refusal_is_not_touched(anonymous: Client) -> None:
    assert get(anonymous, "/public/", CHROME).content == get(anonymous, "/public/", None).content


def test_a_limit_says_when_and_a_challenge_says_how(
    anonymous: Client, configure: Callable[..., None]
) -> None:
    assert "WWW-Authenticate" in get(anonymous, "/private/", CHROME).headers
    configure(LIMITS={"anon": "1/hour"})
    get(anonymous, "/public/", CHROME)
    shown = get(anonymous, "/public/", CHROME)
    assert (shown.status_code, int(shown.headers["Retry-After"]) > 0) == (429, True)
    assert "anon" in shown.content.decode()


def test_with_drf_s_errors_nothing_changes(anonymous: Client, configure: Callable[..., None]) -> None:
    configure(ERRORS="drf")
    for path in REFUSED:
        assert get(anonymous, path, CHROME).headers["Content-Type"] == "application/json"
        assert get(anonymous, path, CHROME).content == get(anonymous, path, None).content


def test_the_browsable_pages_of_drf_stay_drf_s(alice: User, client_of: Callable[..., Client]) -> None:
    shown = get(client_of(alice), "/articles/99999999-9999-4999-8999-999999999999/", CHROME)
    assert shown.status_code == 404
    assert b"Django REST framework" in shown.content


# -- nothing runs, nothing more is told -------------------------------------------------------------------------------


class Seen(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


TAGS = {"html", "head", "meta", "title", "body", "h1", "p", "dl", "dt", "dd"}
NASTY = "</title><script>alert(1)</script><img src=x onerror=alert(1)>&\"'{{7*7}}\x00\ud800"


def _is_harmless(text: str) -> Seen:
    seen = Seen(text)
    assert {tag for tag, _ in seen.tags} <= TAGS
    assert all(set(given) <= {"lang", "charset", "name", "content"} for _, given in seen.tags)
    return seen


@given(
    st.text(max_size=60),
    st.text(max_size=60),
    st.dictionaries(st.text(max_size=20), st.lists(st.text(max_size=20))),
)
def test_whatever_a_refusal_quotes_is_text(title: str, detail: str, errors: dict[str, Any]) -> None:
    document = {**BadRequest(detail + NASTY, code=title + NASTY, errors={**errors, NASTY: [NASTY]}).problem()}
    _is_harmless(page.render(document))


def test_a_field_that_is_named_as_a_script_does_not_run(
    alice: User, client_of: Callable[..., Client]
) -> None:
    """A page of somebody else can have its visitor send this form, and name its fields."""
    body = json.dumps({"username": "a", "password": "b", "<script>alert(1)</script>": 1})
    shown = client_of(alice).post(
        "/api/token/", body, content_type="application/json", headers={"accept": CHROME}
    )
    assert (shown.status_code, shown.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    text = shown.content.decode()
    assert "&lt;script&gt;" in text
    _is_harmless(text)


def test_the_page_tells_no_more_than_the_document(anonymous: Client) -> None:
    for path in REFUSED:
        told = get(anonymous, path, None).json()
        seen = _is_harmless(get(anonymous, path, CHROME).content.decode())
        words = " ".join(" ".join(seen.words).split())
        for value in (told["title"], told["detail"], str(told["status"]), told["code"]):
            words = words.replace(value, "", 2)
        assert words.replace("code", "").strip(" ·") == "", words


# -- what is asked for ------------------------------------------------------------------------------------------------


@given(st.text(max_size=200))
def test_no_accept_header_is_an_error(accept: str) -> None:
    assert page.is_preferred(accept) in (True, False)


@pytest.mark.parametrize(
    "accept", ["text/html," * 5000, "text/html;q=" + "9" * 5000, ";" * 10_000, "text/html;" * 3000]
)
def test_a_long_accept_header_is_a_programs(accept: str) -> None:
    assert page.is_preferred(accept) is False
