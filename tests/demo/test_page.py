"""The page at `/` in a real browser: it logs in, attacks both servers, shows the log, and obeys its own strict CSP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.demo.runs import Run

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page

pytestmark = pytest.mark.browser
ATTACKS = ("stolen", "hammer", "draft", "forge", "logout")


@pytest.fixture
def faults(page: Page) -> list[str]:
    """What the browser complains of; a refused request (401, 429) is the point of the page and no fault."""
    found: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "the server responded with a status" not in message.text:
            found.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def test_everybody_can_be_somebody(demo: Run, page: Page, faults: list[str]) -> None:
    page.goto(demo.credentials["page_url"])
    for user, role in (("alice", "Editors"), ("carol", "Viewers"), ("admin", "Admins")):
        page.click(f'[data-user="{user}"]')
        page.wait_for_selector(f'#fact-username:text-is("{user}")')
        assert page.text_content("#fact-roles") == role
    assert page.get_attribute('[data-user="admin"]', "aria-pressed") == "true"
    page.click("#logout")
    page.wait_for_selector('#who-status:text-is("nobody")')
    assert faults == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_stopped_here_and_measured_on_both_sides(
    demo: Run, page: Page, faults: list[str], attack: str
) -> None:
    page.goto(demo.credentials["page_url"])
    page.click(f"#attack-{attack} button:enabled")
    for side in ("stockade", "twin"):
        page.wait_for_selector(f"#attack-{attack} [data-side={side}]:is(.stopped, .through)", timeout=60_000)
    assert page.locator(f"#attack-{attack} .stopped[data-side=stockade]").count() == 1
    assert page.locator(f"#attack-{attack} .shot").count() >= 8
    if attack != "forge":  # the stock parts refuse what nobody signed, and the page says so
        assert page.locator(f"#attack-{attack} .through[data-side=twin]").count() == 1
    assert faults == []


def test_the_log_shows_a_theft_while_it_happens(demo: Run, page: Page) -> None:
    page.goto(demo.credentials["page_url"])
    page.click("#attack-stolen button:enabled")
    page.wait_for_selector('#log li.critical:has-text("authn_token_reuse")', timeout=30_000)


def test_what_a_client_wrote_is_shown_as_text(demo: Run, page: Page, faults: list[str]) -> None:
    """Whatever stands in the log, an attacker may have chosen it: what looks like markup stays text."""
    markup = "<img src=x onerror=alert(1)>"
    entry = dict.fromkeys(
        ("event", "sentence", "reason", "method", "route", "who", "address", "outcome"), markup
    )
    hostile = {
        **entry,
        "id": 1,
        "at": "2026-01-01T00:00:00+00:00",
        "level": 'x" onclick="alert(1)',
        "status": 401,
    }
    page.route("**/demo/events/*", lambda route: route.fulfill(json={"events": [hostile]}))
    page.goto(demo.credentials["page_url"])
    page.wait_for_selector(f'#log .tag:has-text("{markup}")')
    assert page.locator("#log img, #log [onclick]").count() == 0
    assert faults == []


def test_without_the_key_the_page_gives_nothing_away(demo: Run, page: Page) -> None:
    page.goto(demo.base_url)
    page.wait_for_selector("#locked:not([hidden])")
    assert page.locator(".attack button:enabled, #all:enabled").count() == 0
    assert demo.password("alice") not in page.content()
    page.fill("#key", "wrong")
    page.click("#key-form button")
    page.wait_for_selector('#key-fault:has-text("not the key")')
    page.fill("#key", demo.credentials["page_url"])
    page.click("#key-form button")
    page.wait_for_selector("#locked", state="hidden")
    page.wait_for_selector("#attack-forge button:enabled")


def test_without_the_key_a_password_opens_the_account(demo: Run, page: Page) -> None:
    page.goto(demo.base_url)
    page.click('[data-user="bob"]')
    page.fill("#password", demo.password("bob"))
    page.press("#password", "Enter")
    page.wait_for_selector('#fact-username:text-is("bob")')
    assert page.input_value("#password") == ""


def test_the_key_does_not_stay_in_the_address_bar(demo: Run, page: Page) -> None:
    page.goto(demo.credentials["page_url"])
    page.wait_for_selector("#log-status.on")
    assert page.url == f"{demo.base_url}/"


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(demo: Run, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/", "/api/docs/"):
        page.goto(demo.base_url + path)
        box = page.locator("html").evaluate("node => [node.scrollWidth, node.clientWidth]")
        assert box[0] <= box[1]


def test_light_and_dark_follow_the_system_until_somebody_chooses(demo: Run, page: Page) -> None:
    def paper() -> str:
        return str(page.locator("body").evaluate("node => getComputedStyle(node).backgroundColor"))

    page.emulate_media(color_scheme="light")
    page.goto(demo.base_url)
    light = paper()
    page.emulate_media(color_scheme="dark")
    dark = paper()
    assert light != dark
    page.click("#theme")
    assert paper() == light
    page.reload()
    assert paper() == light


def test_the_page_can_be_used_by_keyboard_and_is_named_for_a_reader(demo: Run, page: Page) -> None:
    page.goto(demo.credentials["page_url"])
    page.wait_for_selector("#attack-draft button:enabled")
    page.keyboard.press("Tab")
    assert page.locator(":focus").text_content() == "Skip to the content"
    page.get_by_role("button", name="Attack: Read Bob's draft").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#attack-draft .stopped")
    unnamed = page.locator("button, a, input").evaluate_all(
        "nodes => nodes.filter(n => !(n.textContent.trim() || n.getAttribute('aria-label') || n.labels?.length)).length"
    )
    assert unnamed == 0


def test_a_browser_can_log_in_to_the_admin(demo: Run, page: Page) -> None:
    """`Referrer-Policy: no-referrer` would make its form come from `Origin: null`, which Django refuses."""
    page.goto(f"{demo.base_url}/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", demo.password("admin"))
    page.click("[type=submit]")
    page.wait_for_selector('a:has-text("Security events")')
    page.click('a:has-text("Security events")')
    page.wait_for_selector("#result_list")


def test_the_documentation_opens_without_a_script(demo: Run, page: Page, faults: list[str]) -> None:
    page.goto(f"{demo.base_url}/api/docs/")
    page.click('summary:has-text("/api/token/refresh/")')
    page.wait_for_selector('details[open] code:text-is("429")')
    assert faults == []
