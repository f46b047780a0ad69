"""The OpenAPI page in a real browser: it shows every scheme, and lets one try each operation by each of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from stockade.demo.attacks.client import Request, Target, bearer
from tests.demo.runs import Run
from tests.demo.test_issuer import CAROL, MACHINE, PAYROLL, PERSON, Issuer
from tests.demo.test_mine import CANARY, faults, kept

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser
__all__ = ["faults"]  # a fixture
BY_LOGIN = {"jwt": "jwt", "tokenAuth": "token", "cookieAuth": "session"}  # and what the profile calls it


@pytest.fixture
def docs(demo: Run, page: Page) -> Page:
    page.goto(f"{demo.base_url}/api/docs/")
    page.wait_for_selector("#caller:text-is('nobody')")
    return page


def log_in(demo: Run, page: Page, scheme: str, user: str = "alice") -> None:
    place = page.locator(f"#scheme-{scheme}")
    if place.get_attribute("open") is None:
        place.locator("summary").click()
    place.get_by_label("User").fill(user)
    place.get_by_label("Password").fill(demo.password(user))
    place.get_by_role("button", name="Log in").click()
    page.wait_for_selector(f'#caller:text-is("{user}, by {scheme}")')


def operation(page: Page, method: str, path: str) -> Locator:
    """The form of one operation, opened."""
    form = page.locator(f'.try[data-method="{method}"][data-path="{path}"]')
    form.locator("xpath=..").evaluate("node => { node.open = true }")
    return form


def send(page: Page, method: str, path: str, body: object = None, **values: str) -> tuple[int, Any]:
    """What the page shows of one call."""
    form = operation(page, method, path)
    for name, value in values.items():
        form.get_by_label(name, exact=True).fill(value)
    if body is not None:
        form.locator("textarea").fill(json.dumps(body))
    form.locator(".answer").evaluate("node => { node.hidden = true }")
    form.get_by_role("button").click()
    form.locator(".answer").wait_for()
    text = str(form.locator(".body").text_content())
    return int(str(form.locator(".status").text_content())), json.loads(text) if text else None


def test_every_scheme_and_every_operation_of_the_document_is_there(target: Target, docs: Page) -> None:
    document = target.get("/api/schema/", format="json").json()
    schemes = docs.locator(".scheme").evaluate_all("nodes => nodes.map(node => node.dataset.scheme)")
    assert set(schemes) == set(document["components"]["securitySchemes"])
    assert len(schemes) >= 5
    shown = docs.locator(".try").evaluate_all(
        "nodes => nodes.map(({dataset}) => `${dataset.method} ${dataset.path}`)"
    )
    written = {f"{m.upper()} {path}" for path, methods in document["paths"].items() for m in methods}
    assert sorted(shown) == sorted(written)


@pytest.mark.parametrize("scheme", BY_LOGIN)
def test_one_logs_in_by_a_scheme_and_calls_by_it(
    scheme: str, demo: Run, docs: Page, faults: list[str]
) -> None:
    log_in(demo, docs, scheme)
    status, profile = send(docs, "GET", "/api/profile/")
    assert (status, profile["username"], profile["scheme"]) == (200, "alice", BY_LOGIN[scheme])
    status, article = send(docs, "POST", "/api/articles/", {"title": f"By {scheme}", "body": "tried"})
    assert (status, article["author"]) == (201, "alice"), article
    assert send(docs, "DELETE", "/api/articles/{id}/", id=article["id"]) == (204, None)
    docs.click("#forget")
    assert send(docs, "GET", "/api/profile/")[0] == 401, "no cookie goes along that nobody asked for"
    assert faults == []


def test_a_credential_that_one_has_is_used_and_a_wrong_one_is_refused(
    target: Target, docs: Page, faults: list[str]
) -> None:
    access = target.login("bob").access
    made = target.send(Request("POST", "/api/keys/", {"name": "tried"}, bearer(access))).json()
    place = docs.locator("#scheme-apiKey")
    place.locator("summary").click()

    def use(value: str) -> None:
        place.get_by_label("One that you have").fill(value)
        place.get_by_role("button", name="Use it").click()

    use("stk_wrong")
    expect(place.locator(".fault")).to_contain_text("401")
    expect(docs.locator("#caller")).to_have_text("nobody")
    use("sch\u00f6n\u2603")
    expect(place.locator(".fault")).not_to_be_empty()
    use(made["key"])
    expect(docs.locator("#caller")).to_have_text("bob, by apiKey")
    assert send(docs, "GET", "/api/profile/")[1]["scheme"] == "api_key"
    assert made["key"] not in kept(docs)
    assert faults == []


@pytest.mark.parametrize(
    ("client", "form", "name"),
    [
        ("portal", {"grant_type": PERSON, "person": CAROL}, "carol"),
        ("reports", MACHINE, "partner:reports"),
    ],
    ids=["person", "service"],
)
def test_a_token_of_the_other_company_is_used_where_its_issuer_is_shown(
    client: str, form: dict[str, str], name: str, demo: Run, docs: Page, faults: list[str]
) -> None:
    issuer = Issuer(demo.credentials["issuer_url"], demo.credentials["partners"])
    place = docs.locator("#scheme-external_partner")
    expect(place).to_contain_text(issuer.url)
    place.locator("summary").click()
    expect(place.locator(".way")).to_have_text("Authorization: Bearer \u2026")
    assert place.locator(".login-form").count() == 0, "one logs in there, not here"

    def use(value: str) -> None:
        place.get_by_label("One that you have").fill(value)
        place.get_by_role("button", name="Use it").click()

    use(issuer.token(client, **form, resource=PAYROLL))
    expect(place.locator(".fault")).to_contain_text("401")
    expect(docs.locator("#caller")).to_have_text("nobody")
    token = issuer.token(client, **form)
    use(token)
    expect(docs.locator("#caller")).to_have_text(f"{name}, by external_partner")
    assert send(docs, "GET", "/api/profile/")[1]["scheme"] == "external"
    assert send(docs, "POST", "/api/articles/", {"title": "x", "body": "x"})[0] == 403
    assert token not in kept(docs)
    assert faults == []


def test_a_session_that_the_browser_has_is_used_where_that_is_asked_for(
    demo: Run, docs: Page, faults: list[str]
) -> None:
    status = docs.evaluate(
        """body => fetch("/api/session/login/", {method: "POST", body, headers: {"Content-Type": "application/json"}})
            .then(answer => answer.status)""",
        json.dumps({"username": "carol", "password": demo.password("carol")}),
    )
    assert status == 200
    assert send(docs, "GET", "/api/profile/")[0] == 401
    docs.locator("#scheme-cookieAuth summary").click()
    docs.locator("#scheme-cookieAuth .cookie-form button").click()
    docs.wait_for_selector('#caller:text-is("carol, by cookieAuth")')
    assert send(docs, "GET", "/api/profile/")[1]["scheme"] == "session"
    assert send(docs, "POST", "/api/session/logout/", {})[0] == 204
    assert send(docs, "GET", "/api/profile/")[0] == 401
    assert faults == []


def test_nothing_of_the_caller_stays(demo: Run, docs: Page) -> None:
    """What was typed is gone when it is used, and the credential with the page."""
    log_in(demo, docs, "tokenAuth")
    everything = kept(docs)
    assert demo.password("alice") not in everything
    assert "stt_" not in everything
    docs.reload()
    docs.wait_for_selector("#caller:text-is('nobody')")
    assert send(docs, "GET", "/api/profile/")[0] == 401


def test_what_an_answer_says_is_text(target: Target, demo: Run, docs: Page, faults: list[str]) -> None:
    log_in(demo, docs, "jwt")
    status, article = send(docs, "POST", "/api/articles/", {"title": CANARY[:90], "body": CANARY})
    assert (status, article["title"]) == (201, CANARY[:90])
    form = operation(docs, "GET", "/api/articles/{id}/")
    assert send(docs, "GET", "/api/articles/{id}/", id=article["id"])[0] == 200
    assert form.locator(".answer *").count() == 3, "a status, headers, a body, and no element in them"
    docs.route(
        "**/api/profile/", lambda route: route.fulfill(status=200, body=CANARY, content_type="text/html")
    )
    form = operation(docs, "GET", "/api/profile/")
    form.get_by_role("button").click()
    expect(form.locator(".body")).to_have_text(CANARY)
    docs.unroute("**/api/profile/")
    assert docs.evaluate("window.canary") is None
    target.send(
        Request("DELETE", f"/api/articles/{article['id']}/", headers=bearer(target.login("alice").access))
    )
    assert faults == []


def test_open_forms_are_no_wider_than_a_small_screen(docs: Page) -> None:
    docs.set_viewport_size({"width": 360, "height": 800})
    docs.locator("details").evaluate_all("nodes => nodes.forEach(node => { node.open = true })")
    box = docs.locator("html").evaluate("node => [node.scrollWidth, node.clientWidth]")
    assert box[0] <= box[1]
    unnamed = docs.locator("button, a, input, textarea").evaluate_all(
        "nodes => nodes.filter(n => !(n.textContent.trim() || n.labels?.length || n.ariaLabel)).length"
    )
    assert unnamed == 0
