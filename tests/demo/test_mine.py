"""What is mine, on the page at `/` in a real browser: sessions, keys and tokens, and secrets that are shown once."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from stockade.demo.attacks.client import Request, Target, bearer
from tests.demo.runs import Run
from tests.demo.test_browser_mode import is_logged_in, log_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
CANARY = "<img src=x onerror=\"window.canary='{}'\"><script>window.canary='{}'</script>"


@pytest.fixture
def faults(page: Page) -> list[str]:
    """What the browser complains of, but for refusals that a test provokes."""
    found: list[str] = []
    page.on(
        "console",
        lambda m: (
            found.append(m.text)
            if m.type in {"error", "warning"} and "responded with a status" not in m.text
            else None
        ),
    )
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def make(page: Page, kind: str, name: str) -> str:
    """Make a key or a token by the form; the secret that the page shows."""
    page.fill(f"#{kind}-name", name)
    page.click(f"#make-{kind} button")
    page.wait_for_selector("#secret:not([hidden])")
    return str(page.text_content("#secret-value"))


def row(page: Page, kind: str, name: str) -> Any:
    return page.locator(f"#mine-{kind} li", has_text=name)


def status(target: Target, header: str, value: str) -> int:
    return target.send(Request("GET", "/api/profile/", headers=((header, value.encode()),))).status


def kept(page: Page) -> str:
    """All that the page and the browser keep where a script, a screenshot of the source or a history finds it."""
    everything = page.evaluate("""() => JSON.stringify([document.documentElement.outerHTML, location.href,
        {...localStorage}, {...sessionStorage}, document.cookie, history.state, window.name,
        performance.getEntries().map(e => e.name),
        [...document.querySelectorAll('input, textarea')].map(n => n.value)])""")
    return str(everything)


def open_session(demo: Run, user: str) -> bytes:
    """Log in by a session from elsewhere; its cookie."""
    connection = http.client.HTTPConnection(demo.base_url.removeprefix("http://"), timeout=60)
    body = json.dumps({"username": user, "password": demo.password(user)})
    connection.request("POST", "/api/session/login/", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    cookies = answer.headers.get_all("Set-Cookie")
    connection.close()
    (found,) = [one.partition(";")[0] for one in cookies or [] if "sessionid=" in one]
    return found.encode()


def test_a_key_is_made_rotated_and_ended_and_its_secret_is_shown_once(
    demo: Run, page: Page, target: Target, faults: list[str]
) -> None:
    log_in(demo, page)
    first = make(page, "key", "nightly job")
    assert first.startswith("stk_")
    assert status(target, "X-API-Key", first) == 200
    page.click("#secret-done")
    assert first not in kept(page)
    row(page, "keys", "nightly job").get_by_role("button", name="Rotate").click()
    page.wait_for_selector("#secret:not([hidden])")
    second = str(page.text_content("#secret-value"))
    assert second.startswith("stk_")
    assert second != first
    assert [status(target, "X-API-Key", key) for key in (first, second)] == [200, 200], "for a while both"
    rows = row(page, "keys", "nightly job")
    expect(rows).to_have_count(2)  # the list comes after the secret
    for left in (1, 0):
        rows.first.get_by_role("button", name="End").click()
        expect(rows).to_have_count(left)
    assert page.locator("#secret").is_hidden(), "the next step hides the last secret"
    assert [status(target, "X-API-Key", key) for key in (first, second)] == [401, 401]
    assert first not in kept(page)
    assert second not in kept(page)
    assert faults == []


def test_a_token_is_made_and_ended(demo: Run, page: Page, target: Target, faults: list[str]) -> None:
    log_in(demo, page, "bob")
    page.fill("#token-scopes", "articles:read")
    token = make(page, "token", "laptop")
    assert token.startswith("stt_")
    assert status(target, "Authorization", f"Token {token}") == 200
    write = Request(
        "POST", "/api/articles/", {"title": "x", "body": "x"}, (("Authorization", f"Token {token}".encode()),)
    )
    assert target.send(write).status == 403, "it may read only"
    assert "articles:read" in row(page, "tokens", "laptop").text_content()
    row(page, "tokens", "laptop").get_by_role("button", name="End").click()
    row(page, "tokens", "laptop").wait_for(state="detached")
    assert status(target, "Authorization", f"Token {token}") == 401
    assert faults == []


@pytest.mark.parametrize("leave", ["a reload", "a logout", "another user", "another page and back"])
def test_a_secret_does_not_stay_when_its_reader_leaves(demo: Run, page: Page, leave: str) -> None:
    log_in(demo, page)
    secret = make(page, "key", "shown once")
    assert secret in kept(page)
    if leave == "a reload":
        page.reload()
        is_logged_in(page, "alice")
    elif leave == "a logout":
        page.click("#logout")
        is_logged_in(page, "")
    elif leave == "another user":
        page.click('[data-user="bob"]')
        page.fill("#password", demo.password("bob"))
        page.press("#password", "Enter")
        is_logged_in(page, "bob")
    else:
        page.goto(f"{demo.base_url}/api/docs/")
        page.go_back()
        is_logged_in(page, "alice")
    page.wait_for_load_state("networkidle")
    assert secret not in kept(page)
    assert secret not in page.content()


def test_no_secret_is_in_an_address_or_in_a_log(demo: Run, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url + json.dumps(request.headers)))
    log_in(demo, page)
    secrets = [make(page, "key", "unlogged"), make(page, "token", "unlogged")]
    log = (demo.folder / "security.log").read_text()
    for secret in secrets:
        assert not [one for one in asked if secret in one]
        assert secret not in log
        assert secret not in (demo.folder / "project.log").read_text()


def test_sessions_of_every_scheme_are_listed_and_ended(
    demo: Run, page: Page, target: Target, faults: list[str]
) -> None:
    elsewhere = target.login("carol").access
    by_cookie = Request("GET", "/api/profile/", headers=(("Cookie", open_session(demo, "carol")),))
    assert target.send(by_cookie).status == 200

    log_in(demo, page, "carol")
    page.wait_for_selector("#mine-sessions li")
    schemes = page.locator("#mine-sessions .pill:not(.on)").all_text_contents()
    assert {"jwt", "session"} <= set(schemes)
    assert page.locator("#mine-sessions .pill.on").count() == 1, "the one that asks"
    page.click("#end-others")
    expect(page.locator("#mine-sessions li")).to_have_count(1)
    assert target.send(by_cookie).status == 401
    assert target.send(Request("GET", "/api/profile/", headers=bearer(elsewhere))).status == 401
    page.locator("#mine-sessions button").click()  # and then one's own
    is_logged_in(page, "")
    assert page.is_hidden("#mine")
    assert faults == []


def test_what_keys_tokens_and_sessions_are_called_is_shown_as_text(
    demo: Run, page: Page, target: Target, faults: list[str]
) -> None:
    """An attacker names the client that he logs in with; a colleague names a key."""
    access = target.login("admin").access
    names = {kind: CANARY.format(kind, kind)[:100] for kind in ("keys", "tokens")}
    for kind, name in names.items():
        made = target.send(Request("POST", f"/api/{kind}/", {"name": name}, bearer(access)))
        assert made.status == 201, made.body
    agent = CANARY.format("session", "session").encode()
    login = {"username": "admin", "password": demo.password("admin")}
    hostile = Request("POST", "/api/token/", login, (("User-Agent", agent),))
    assert target.send(hostile).status == 200
    log_in(demo, page, "admin")
    for kind, name in {**names, "sessions": "<img src=x onerror"}.items():
        row(page, kind, name).first.wait_for()
    page.wait_for_load_state("networkidle")  # an image that is not there has failed by then
    assert page.evaluate("window.canary") is None
    assert page.locator("#mine img, #mine script").count() == 0
    for kind in names:  # the label of a button, and the name beside a secret, too
        assert row(page, kind, names[kind]).first.get_by_role("button", name="End").count() == 1
    row(page, "keys", names["keys"]).first.get_by_role("button", name="Rotate").click()
    page.wait_for_selector("#secret:not([hidden])")
    assert names["keys"] in str(page.text_content("#secret-what"))
    assert page.evaluate("window.canary") is None
    assert faults == []


def test_a_refusal_is_said_and_makes_nothing(demo: Run, page: Page) -> None:
    log_in(demo, page)
    page.fill("#key-name", "wrong")
    page.fill("#key-scopes", 'a "scope" that is none')
    page.click("#make-key button")
    page.wait_for_selector("#mine-fault:not(:empty)")
    assert "400" in str(page.text_content("#mine-fault"))
    assert page.is_hidden("#secret")
    assert row(page, "keys", "wrong").count() == 0
