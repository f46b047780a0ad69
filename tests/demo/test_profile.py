"""The demo is hardened by the profile that a project takes, but for what a machine without a certificate needs."""

from __future__ import annotations

import re
import subprocess
import sys

from stockade.demo.attacks.client import Request, Target
from stockade.demo.config import FOLDER
from tests.demo.runs import Run, environment


def test_djangos_checks_before_a_deployment_find_plain_http_and_nothing_else(demo: Run) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "django", "check", "--deploy"],
        env={
            **environment(),
            "DJANGO_SETTINGS_MODULE": "stockade.demo.project.settings",
            FOLDER: str(demo.folder),
        },
        cwd=demo.folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    found = re.findall(r"\((\w+\.\w\d+)\)", done.stdout + done.stderr)
    assert found == ["stockade.W184", "stockade.W253"]  # of the API, and of the other company's issuer


def test_pages_have_the_profiles_policy_and_data_none(target: Target) -> None:
    page = target.send(Request("GET", "/admin/login/", headers=(("Accept", b"text/html"),)))
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    data = target.get("/api/articles/")
    assert data.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    for answer in (page, data):
        assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
        assert "strict-transport-security" not in answer.headers


def test_cookies_are_of_this_host_and_of_this_demo(demo: Run, target: Target) -> None:
    page = target.send(Request("GET", "/admin/login/", headers=(("Accept", b"text/html"),)))
    (cookie,) = [value for name, value in page.headers.items() if name == "set-cookie"]
    port = demo.base_url.rpartition(":")[2]
    assert cookie.startswith(f"__Host-demo-{port}-csrftoken=")
    assert {"Secure", "Path=/", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
