"""Who is logged in at the page, in a real browser: reloads, tabs, scripts that look for tokens, attackers' pages."""

from __future__ import annotations

import contextlib
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests import pages
from tests.demo.runs import Run

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response, Route

pytestmark = pytest.mark.browser
REFRESH = "/api/token/browser/refresh/"


def log_in(demo: Run, page: Page, user: str = "alice") -> None:
    page.goto(demo.base_url)
    page.click(f'[data-user="{user}"]')
    page.fill("#password", demo.password(user))
    page.press("#password", "Enter")
    is_logged_in(page, user)


def is_logged_in(page: Page, user: str) -> None:
    page.wait_for_selector(f'#who-status:text-is("{user or "nobody"}")')


def cookies(page: Page) -> dict[str, Any]:
    return {cookie["name"]: cookie for cookie in page.context.cookies()}


def token_cookie(page: Page) -> Any:
    (found,) = [cookie for name, cookie in cookies(page).items() if name.endswith("-refresh-token")]
    return found


def sids(page: Page) -> list[str]:
    """The session of each access token that the page is given from now on."""
    found: list[str] = []

    def hear(response: Response) -> None:
        if response.url.endswith(REFRESH) and response.status == 200:
            part = response.json()["access"].split(".")[1]
            found.append(json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sid"])

    page.on("response", hear)
    return found


def refreshes(page: Page, seen: list[str]) -> int:
    """How many answers `sids` has heard; reading one waits for the browser, so the first may come after the page's."""
    for _ in range(100):
        if seen:
            break
        page.wait_for_timeout(50)
    return len(seen)


# -- the way it goes --------------------------------------------------------------------------------------------------


def test_a_reload_keeps_somebody_logged_in_and_a_logout_ends_that(demo: Run, page: Page) -> None:
    log_in(demo, page)
    for _ in range(2):
        page.reload()
        is_logged_in(page, "alice")
    page.click("#logout")
    is_logged_in(page, "")
    assert {name for name in cookies(page) if "refresh-token" in name} == set(), "cleared, not only emptied"
    page.reload()
    page.wait_for_load_state("networkidle")
    is_logged_in(page, "")


def test_the_browser_keeps_the_cookies_as_they_were_meant(demo: Run, page: Page) -> None:
    """On plain HTTP, too: this machine is trustworthy (W3C Secure Contexts, section 3.1). `make demo` has no TLS."""
    assert demo.base_url.startswith("http://127.0.0.1:")
    log_in(demo, page)
    found = {name: cookie for name, cookie in cookies(page).items() if "refresh-token" in name}
    assert len(found) == 2
    for name, cookie in found.items():
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
        assert 6.9 < (cookie["expires"] - time.time()) / 86400 < 7.1
        assert cookie["domain"] == "127.0.0.1", "of this host only: a leading dot would be a domain"
        assert cookie["path"] == ("/" if name.startswith("__Host-") else "/api/token/browser/")
        assert name.startswith(("__Host-", "__Secure-"))


def test_the_cookie_goes_to_the_views_that_need_it_and_nowhere_else(demo: Run, page: Page) -> None:
    sent: dict[str, str] = {}
    log_in(demo, page)
    name = token_cookie(page)["name"]
    page.on("request", lambda request: sent.update({request.url: request.all_headers().get("cookie", "")}))
    page.reload()
    is_logged_in(page, "alice")
    page.wait_for_load_state("networkidle")
    assert len(sent) >= 6
    assert {url.removeprefix(demo.base_url) for url, header in sent.items() if name in header} == {REFRESH}


def test_an_access_token_that_has_ended_is_renewed_without_a_word(demo: Run, page: Page) -> None:
    log_in(demo, page)
    seen = sids(page)
    page.route("**/api/profile/", lambda route: route.fulfill(status=401, json={}), times=1)
    session = page.evaluate(
        "import('/static/stockade_demo/session.js').then(s => s.call('GET', '/api/profile/'))"
    )
    assert (session["status"], session["data"]["username"]) == (200, "alice")
    assert refreshes(page, seen) == 1


def test_calls_that_fail_together_are_one_refresh(demo: Run, page: Page) -> None:
    log_in(demo, page)
    seen = sids(page)
    ended: list[str] = []

    def refuse_the_first_token(route: Route) -> None:
        """All five calls have it; a second try has another, however late one of the five comes."""
        shown = route.request.headers.get("authorization", "")
        ended.append(ended[0] if ended else shown)
        if shown == ended[0]:
            route.fulfill(status=401, json={})
        else:
            route.continue_()

    page.route("**/api/profile/", refuse_the_first_token)
    statuses = page.evaluate(
        "import('/static/stockade_demo/session.js').then(s => "
        "Promise.all([1, 2, 3, 4, 5].map(() => s.call('GET', '/api/profile/')))).then(a => a.map(b => b.status))"
    )
    assert statuses == [200] * 5
    assert refreshes(page, seen) == 1


def test_a_session_that_was_ended_elsewhere_is_over_here(demo: Run, page: Page) -> None:
    log_in(demo, page, "carol")
    ended = page.evaluate("""async () => {
        const s = await import('/static/stockade_demo/session.js');
        const {data} = await s.call('GET', '/api/sessions/');
        const mine = data.find(one => one.current);
        return (await s.call('DELETE', `/api/sessions/${mine.id}/`)).status;
    }""")
    assert ended == 204
    page.reload()
    is_logged_in(page, "")
    page.wait_for_load_state("networkidle")
    assert {name for name in cookies(page) if "refresh-token" in name} == set()


@pytest.mark.parametrize("locks", [True, False], ids=["one after the other", "without Web Locks"])
def test_two_tabs_that_load_at_once_go_on_as_one_session(demo: Run, page: Page, locks: bool) -> None:
    if not locks:
        page.context.add_init_script("Object.defineProperty(navigator, 'locks', {value: undefined})")
    log_in(demo, page)
    tabs = [page, page.context.new_page(), page.context.new_page()]
    seen = [sids(tab) for tab in tabs]
    for _ in range(3):
        for tab in tabs:
            tab.evaluate("url => { setTimeout(() => { location.href = url }) }", f"{demo.base_url}/")
        for tab in tabs:
            tab.wait_for_url(f"{demo.base_url}/")
            is_logged_in(tab, "alice")
    assert len({sid for found in seen for sid in found}) == 1
    assert all(seen)


def test_another_user_in_another_tab_is_not_mixed_up_with_the_first(demo: Run, page: Page) -> None:
    """The cookie is bob's now; what alice's tab began is not done in his name."""
    log_in(demo, page)
    other = page.context.new_page()
    log_in(demo, other, "bob")
    answer = page.evaluate("import('/static/stockade_demo/session.js').then(s => "
                           "s.call('POST', '/api/articles/', {title: 'Whose?', body: 'x'}))")  # fmt: skip
    assert answer["status"] == 401
    page.reload()
    is_logged_in(page, "bob")


def test_a_logout_that_the_server_was_not_told_of_is_not_shown_as_one(demo: Run, page: Page) -> None:
    log_in(demo, page)
    page.route("**/api/token/browser/revoke/", lambda route: route.fulfill(status=503, json={}), times=1)
    page.click("#logout")
    page.wait_for_selector('#who-fault:has-text("still logged in")')
    is_logged_in(page, "alice")
    page.click("#logout")
    is_logged_in(page, "")


def test_where_the_browser_cannot_keep_the_cookies_the_page_says_so(demo: Run, page: Page) -> None:
    """Plain HTTP by another name than this machine's: `stockade demo --host 0.0.0.0`, seen from elsewhere."""
    page.goto(demo.base_url)
    page.wait_for_selector("#attacks article")
    assert page.is_hidden("#plain")
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false})")
    page.reload()
    page.wait_for_selector("#plain:visible")


# -- a script of an attacker in the page (XSS) -------------------------------------------------------------------------

LOOK = """async () => {
    const found = [document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.documentElement.outerHTML];
    if (self.cookieStore) found.push(JSON.stringify(await cookieStore.getAll()));
    for (const name of Object.getOwnPropertyNames(window)) {
        try { found.push(typeof window[name] === 'object' ? JSON.stringify(window[name]) : String(window[name])); } catch { }
    }
    const answer = await fetch('/api/token/browser/refresh/', {method: 'POST', headers: {'X-Stockade-CSRF': '1'}});
    found.push(JSON.stringify([...answer.headers]));
    const body = await answer.json();
    found.push(Object.keys(body).join());
    return [found.join('\\n'), body];
}"""  # noqa: E501 - a script


def test_a_script_in_the_page_finds_no_token_to_carry_off(demo: Run, page: Page) -> None:
    """It can use the page as the page is used, for as long as it is open. It has nothing to take home for later."""
    log_in(demo, page)
    before = token_cookie(page)["value"]
    seen, body = page.evaluate(LOOK)
    assert set(body) == {"access"}, "what the page itself is given, good for minutes"
    secrets = {cookie["value"] for name, cookie in cookies(page).items() if "refresh-token" in name}
    for secret in (*secrets, before, "st_refresh", "eyJ"):
        assert secret not in seen, secret


def test_a_script_cannot_replace_the_cookies(demo: Run, page: Page) -> None:
    log_in(demo, page)
    before = {name: cookie["value"] for name, cookie in cookies(page).items()}
    for name in before:
        path = "/" if name.startswith("__Host-") else "/api/token/browser/"
        page.evaluate(f"document.cookie = '{name}=planted; path={path}; secure'")
        page.evaluate(f"document.cookie = '{name}=; path={path}; secure; max-age=0'")
    assert {name: cookie["value"] for name, cookie in cookies(page).items()} == before


# -- a page of an attacker ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where the attacker's pages are: "same site" as the demo by 127.0.0.1, another site by localhost."""
    with pages.serve() as found:
        yield found


# Each sends a request of its own kind to `url` and returns when the browser is done with it.
FORGERIES = {
    "a form": """([url, body]) => { const f = document.createElement('form'); f.method = 'POST'; f.action = url;
        document.body.append(f); f.submit(); }""",
    "a form that looks like JSON": """([url, body]) => { const f = document.createElement('form'); f.method = 'POST';
        f.action = url; f.enctype = 'text/plain'; const i = document.createElement('input');
        i.name = body.slice(0, -1) + ',"x":"'; i.value = '"}'; f.append(i); document.body.append(f); f.submit(); }""",
    "a simple request": """([url, body]) => fetch(url, {method: 'POST', mode: 'no-cors', body,
        credentials: 'include'})""",
    "a request with the header": """([url, body]) => fetch(url, {method: 'POST', credentials: 'include', body,
        headers: {'X-Stockade-CSRF': '1', 'Content-Type': 'application/json'}}).then(a => a.text(), () => 'refused')""",
    "a beacon": """([url, body]) => { navigator.sendBeacon(url, new Blob([body], {type: 'application/json'}));
        navigator.sendBeacon(url, body); }""",
}  # fmt: skip


HOMES = {
    "same site": "http://127.0.0.1:{}/",
    "another site": "http://localhost:{}/",
    "no site": "data:text/html,x",
}
FROM = pytest.mark.parametrize("home", HOMES.values(), ids=HOMES)


@FROM
def test_a_page_of_somebody_else_refreshes_nothing_and_ends_nothing(
    demo: Run, page: Page, port: int, home: str
) -> None:
    log_in(demo, page)
    before = token_cookie(page)["value"]
    for how in FORGERIES:
        for path in (REFRESH, "/api/token/browser/revoke/"):
            forge(page.context.new_page(), home.format(port), how, demo.base_url + path, "{}")
        assert token_cookie(page)["value"] == before, how
    page.reload()
    is_logged_in(page, "alice")


@FROM
def test_a_page_of_somebody_else_logs_nobody_in_as_the_attacker(
    demo: Run, page: Page, port: int, home: str
) -> None:
    body = json.dumps({"username": "bob", "password": demo.password("bob")})
    for how in FORGERIES:
        forge(
            page.context.new_page(),
            home.format(port),
            how,
            f"{demo.base_url}/api/token/browser/",
            body,
        )
        assert {name for name in cookies(page) if "refresh-token" in name} == set(), how


def forge(attacker: Page, home: str, how: str, url: str, body: str) -> None:
    """Have the attacker's page make its request, and wait for what becomes of it; a refused preflight is a failure."""
    ends: list[int | None] = []
    attacker.goto(home)
    attacker.on("response", lambda response: response.url == url and ends.append(response.status))
    attacker.on("requestfailed", lambda request: request.url == url and ends.append(None))
    with contextlib.suppress(Exception):  # the page may be gone before it can say that it is done
        attacker.evaluate(FORGERIES[how], [url, body])
    for _ in range(200):
        if ends:
            break
        attacker.wait_for_timeout(25)
    assert ends, f"{how}: the request was made"
    assert set(ends) <= {403, None}, how
    attacker.close()
