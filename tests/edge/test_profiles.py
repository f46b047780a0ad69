"""The profiles of `stockade.edge.settings`: what they yield, what they refuse, and what they amount to in answers."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from django.conf import global_settings
from django.test import Client

import stockade.edge
from stockade.core.errors import ConfigurationError
from stockade.edge.profiles import KNOWN, PLAIN_HTTP, PROFILES

HARDENED = ["api", "browser", "internal"]


@pytest.fixture
def profile(project: Any) -> Any:
    def use(name: str, **overrides: Any) -> None:
        for key, value in stockade.edge.settings(name, **overrides).items():
            setattr(project, key, value)

    return use


def test_the_guides_settings_are_in_it() -> None:
    """Section 2, but for the redirect of an API, which its clients would not notice."""
    for name in ("api", "browser"):
        found = stockade.edge.settings(name)
        assert found["SESSION_COOKIE_SECURE"] is found["CSRF_COOKIE_SECURE"] is True
        assert found["SECURE_HSTS_SECONDS"] == 31536000
        assert found["SECURE_HSTS_INCLUDE_SUBDOMAINS"] is found["SECURE_HSTS_PRELOAD"] is True
        assert found["STOCKADE_PROFILE"] == name
    assert PLAIN_HTTP["api"] == "refuse"
    assert PLAIN_HTTP["browser"] == "redirect"


@pytest.mark.parametrize("name", PROFILES)
def test_it_yields_djangos_settings_by_their_names(name: str) -> None:
    new = {"STOCKADE_PROFILE", "SECURE_CSP"}  # the latter is Django 6's
    found = set(stockade.edge.settings(name))
    assert found - new <= set(vars(global_settings))


def test_every_name_that_it_takes_is_one_of_djangos() -> None:
    assert KNOWN - {"SECURE_CSP", "SECURE_CSP_REPORT_ONLY"} <= set(vars(global_settings))


def test_an_override_goes_before() -> None:
    found = stockade.edge.settings("api", ALLOWED_HOSTS=["api.example.com"], SECURE_HSTS_PRELOAD=False)
    assert found["ALLOWED_HOSTS"] == ["api.example.com"]
    assert found["SECURE_HSTS_PRELOAD"] is False
    silenced = stockade.edge.settings("api", SILENCED_SYSTEM_CHECKS=["fields.W342"])["SILENCED_SYSTEM_CHECKS"]
    assert {"security.W001", "fields.W342"} <= set(silenced)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("SECURE_HSTS_SECOND", "SECURE_HSTS_SECONDS"),
        ("SECURE_SSL_REDIRCT", "SECURE_SSL_REDIRECT"),
        ("session_cookie_secure", "SESSION_COOKIE_SECURE"),
        ("SESSION_COOKIE_SAME_SITE", "SESSION_COOKIE_SAMESITE"),
        ("ALLOWED_HOST", "ALLOWED_HOSTS"),
    ],
)
def test_a_mistyped_override_stops_with_the_nearest_name(wrong: str, nearest: str) -> None:
    """Django would take it for a setting of somebody's, and the hardening would not be what was written."""
    with pytest.raises(ConfigurationError, match=f"stockade.E184: .*{wrong}.*Did you mean '{nearest}'"):
        stockade.edge.settings("api", **{wrong: True})


def test_what_is_no_matter_of_security_has_no_place_in_it() -> None:
    with pytest.raises(ConfigurationError, match=r"stockade\.E184.*Known: "):
        stockade.edge.settings("api", ZZZ=1)


@pytest.mark.parametrize(
    ("wrong", "says"), [("apis", "'api'"), ("Browser", "'browser'"), ("x" * 9, "Known: api")]
)
def test_a_profile_that_there_is_not(wrong: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"stockade\.E183: .*{says}"):
        stockade.edge.settings(wrong)


def test_what_one_project_changes_no_other_gets() -> None:
    stockade.edge.settings("browser")["SECURE_CSP"]["script-src"].append("'unsafe-inline'")
    assert "'unsafe-inline'" not in stockade.edge.settings("browser")["SECURE_CSP"]["script-src"]


def test_it_works_in_settings_before_there_is_django() -> None:
    code = "import sys, stockade.edge; stockade.edge.settings('api'); sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", HARDENED)
def test_answers_under_a_profile(name: str, profile: Any, client: Client) -> None:
    profile(name)
    headers = client.get("/page/", secure=True).headers
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert ("preload" in headers["Strict-Transport-Security"]) is (name != "internal")
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert client.get("/data/").status_code == 403


def test_a_page_of_the_browser_profile_runs_no_script_of_others(profile: Any, client: Client) -> None:
    profile("browser")
    policy = client.get("/nonce/", secure=True).headers["Content-Security-Policy"]
    for part in (
        "script-src 'self' 'nonce-",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ):
        assert part in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", HARDENED)
def test_a_sessions_cookie_under_a_profile(name: str, profile: Any, client: Client) -> None:
    profile(name)
    morsel = client.get("/session/", secure=True).cookies["__Host-sessionid"]
    assert (morsel["secure"], morsel["httponly"], morsel["path"], morsel["domain"]) == (True, True, "/", "")
    assert morsel["samesite"] == ("Lax" if name == "browser" else "Strict")


def test_development_keeps_no_browser_to_https(profile: Any, client: Client) -> None:
    """A year of HTTPS for localhost would break whatever else is developed there."""
    profile("development", ALLOWED_HOSTS=["testserver"])
    assert client.get("/data/").status_code == 200
    assert "Strict-Transport-Security" not in client.get("/data/", secure=True).headers
    assert client.get("/session/").cookies["sessionid"]["secure"] == ""
