"""The browser that the suite drives is a real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.mark.browser
def test_the_browser_runs_scripts(page: Page) -> None:
    page.set_content("<p id=p></p><script>document.getElementById('p').textContent = 6 * 7</script>")
    assert page.text_content("#p") == "42"
