"""Take docs/images/demo.png anew: a running demo, every attack made, seen through Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "images" / "demo.png"
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# The theft last, so that the log shows it on top.
ORDER = ("hammer", "forge", "logout", "draft", "stolen")


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("Chromium is missing (Debian: apt-get install chromium).", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        credentials = Path(folder) / "demo.json"
        command = [str(Path(sys.executable).with_name("stockade")), "demo", "--quiet", "--port", "0"]
        demo = subprocess.Popen([*command, "--credentials", str(credentials)])
        try:
            deadline = time.monotonic() + 60
            while not credentials.exists() and demo.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            shoot(chromium, json.loads(credentials.read_text())["page_url"])
        finally:
            demo.terminate()
            demo.wait()
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size // 1024} KiB")
    return 0


def shoot(chromium: str, address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        page = browser.new_page(
            viewport={"width": 1280, "height": 1100},
            device_scale_factor=1.25,
            color_scheme="light",
            locale="en-GB",
        )
        page.goto(address)
        page.click('[data-user="alice"]')
        page.wait_for_selector("#facts:not([hidden])")
        for attack in ORDER:
            page.click(f"#attack-{attack} button:enabled")
            for side in ("stockade", "twin"):
                page.wait_for_selector(
                    f"#attack-{attack} [data-side={side}]:is(.stopped, .through)", timeout=60_000
                )
        page.wait_for_selector('#log li:has-text("authn_token_reuse")')
        page.wait_for_timeout(1500)  # one more look of the page at the log
        page.locator("html").evaluate("node => node.scrollTo(0, 0)")
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=TARGET)
        browser.close()


if __name__ == "__main__":
    raise SystemExit(main())
