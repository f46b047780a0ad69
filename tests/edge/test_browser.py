"""Attacks from pages in a real browser: stopped as the project is, and successful against it without the controls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User

from tests import pages, servers

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ON, OFF = "on", "off"
EVIL = "evil.localhost"
# Another host of the same site. Chromium sends it cookies in every case; to other sites' calls only what it takes for a
# cookie over TLS, of which there is none here.
SIBLING, OWN = "evil.shop.localhost", "spa.shop.localhost"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """The port of pages of other origins."""
    with pages.serve() as port:
        yield port


@pytest.fixture(scope="module", params=[ON, OFF])
def served(
    request: pytest.FixtureRequest, elsewhere: int, django_db_setup: None, django_db_blocker: Any
) -> Iterator[tuple[str, str]]:
    """Whether the controls are on, and where the project answers."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.edge.browser_site",
        "STOCKADE_TEST_EDGE": request.param,
        "STOCKADE_TEST_PAGE": f"http://{OWN}:{elsewhere}",
    }
    with django_db_blocker.unblock():
        context = servers.granian("tests.edge.browser_site:application", env=environment)
    with context as running:
        yield request.param, running.base_url.replace("127.0.0.1", "shop.localhost")


class Victim:
    """Alice's browser, logged in at the shop, on a page of somebody else."""

    def __init__(self, page: Page, shop: str, port: int, stopped: bool) -> None:
        self.page, self.shop, self.port, self.stopped = page, shop, port, stopped
        page.goto(f"{shop}/login/?who=alice")

    def visit(self, host: str = EVIL) -> None:
        self.page.goto(f"http://{host}:{self.port}/")

    def fetch(self, path: str, **options: Any) -> str:
        """What the page gets to read; "" for nothing."""
        script = """([url, options]) => fetch(url, options).then((r) => r.text(), () => '')"""
        return str(self.page.evaluate(script, [f"{self.shop}{path}", options]))

    def written(self) -> int:
        """How often something was written in her name, as she sees it at the shop."""
        self.page.goto(f"{self.shop}/write/")
        return len(json.loads(self.page.inner_text("body"))["written"])


@pytest.fixture
def alice() -> None:
    User.objects.create_user("alice")


@pytest.fixture
def victim(alice: None, served: tuple[str, str], elsewhere: int, page: Page) -> Victim:
    mode, shop = served
    return Victim(page, shop, elsewhere, mode == ON)


# -- reading -----------------------------------------------------------------------------------------------------------


def test_a_strangers_page_reads_nothing_in_her_name(victim: Victim) -> None:
    victim.visit(SIBLING)
    read = victim.fetch("/me/", credentials="include")
    assert ("alice" in read) is not victim.stopped


def test_a_strangers_page_reads_nothing_by_a_call_that_wants_a_preflight(victim: Victim) -> None:
    victim.visit(SIBLING)
    read = victim.fetch("/write/", method="POST", credentials="include", headers={"X-CSRFToken": "a"})
    assert ("alice" in read) is not victim.stopped


def test_a_page_that_is_named_reads_in_her_name_and_writes(victim: Victim) -> None:
    before = victim.written()
    victim.visit(OWN)
    assert "alice" in victim.fetch("/me/", credentials="include")
    assert "alice" in victim.fetch("/write/", method="POST", credentials="include")
    assert victim.written() == before + 1


def test_what_is_open_to_all_origins_is_read_without_her_cookies(victim: Victim) -> None:
    victim.visit(SIBLING)
    assert "fine" in victim.fetch("/public/")
    assert bool(victim.fetch("/public/", credentials="include")) is not victim.stopped


def test_a_strangers_page_shows_none_of_her_pictures(victim: Victim) -> None:
    victim.visit()
    script = """(url) => new Promise((done) => {
        const image = new Image();
        image.onload = () => done(image.naturalWidth);
        image.onerror = () => done(0);
        image.src = url;
    })"""
    assert victim.page.evaluate(script, f"{victim.shop}/picture/") == (0 if victim.stopped else 1)


# -- writing -----------------------------------------------------------------------------------------------------------


def test_a_strangers_form_writes_nothing(victim: Victim) -> None:
    before = victim.written()
    victim.visit()
    script = """(url) => {
        const form = document.createElement('form');
        Object.assign(form, {method: 'POST', action: url});
        document.body.append(form);
        form.submit();
    }"""
    with victim.page.expect_navigation(url="**/write/"):
        victim.page.evaluate(script, f"{victim.shop}/write/")
    assert victim.written() == before + (0 if victim.stopped else 1)


def test_a_strangers_script_writes_nothing_by_a_simple_call(victim: Victim) -> None:
    """No preflight is asked for, and the answer need not be read. A host of the same site is a stranger too."""
    before = victim.written()
    victim.visit(SIBLING)
    victim.fetch("/write/", method="POST", mode="no-cors", credentials="include", body="a=b")
    assert victim.written() == before + (0 if victim.stopped else 1)


# -- showing and running -----------------------------------------------------------------------------------------------


def test_a_strangers_page_puts_none_of_ours_into_a_frame(victim: Victim) -> None:
    victim.visit()
    script = """(url) => new Promise((done) => {
        const frame = document.createElement('iframe');
        frame.onload = () => done();
        frame.src = url;
        document.body.append(frame);
    })"""
    victim.page.evaluate(script, f"{victim.shop}/page/")
    shown = victim.page.frames[1].content()
    assert ("Give everything away" in shown) is not victim.stopped


def test_a_strangers_page_does_not_run_a_text_as_a_script(victim: Victim) -> None:
    victim.visit()
    script = """(url) => new Promise((done) => {
        const script = document.createElement('script');
        script.onload = script.onerror = () => done(window.sniffed || '');
        script.src = url;
        document.body.append(script);
    })"""
    url = f"{victim.shop}/upload/?text={quote('window.sniffed = `run`')}"
    assert victim.page.evaluate(script, url) == ("" if victim.stopped else "run")


def test_what_has_no_type_is_not_taken_for_a_page(victim: Victim) -> None:
    text = "<!doctype html><title>Text</title><script>document.title = 'run'</script>"
    victim.page.goto(f"{victim.shop}/upload/?untyped&text={quote(text)}")
    assert victim.page.title() == ("" if victim.stopped else "run")


def test_an_injected_script_does_not_run_and_the_pages_own_does(victim: Victim) -> None:
    text = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
    victim.page.goto(f"{victim.shop}/echo/?text={quote(text)}")
    assert victim.page.text_content("#p") == "own"
    victim.page.wait_for_load_state("load")
    assert victim.page.title() == ("" if victim.stopped else "run")


def test_a_worker_of_the_page_works(victim: Victim) -> None:
    """It runs under the policy that its script came with."""
    victim.page.goto(f"{victim.shop}/page/")
    script = """() => new Promise((done) => {
        const worker = new Worker('/worker.js');
        worker.onmessage = (event) => done(event.data);
        worker.onerror = () => done('');
    })"""
    assert "fine" in victim.page.evaluate(script)
