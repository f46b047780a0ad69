"""The library moves from authtoken to tokens of ours: every member's app goes on, and no plain token is left."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

LIBRARY = Path(__file__).resolve().parent / "library"
SECONDS = 120

BEFORE = """
from config.settings import *
from config.settings import INSTALLED_APPS, MIDDLEWARE, REST_FRAMEWORK
import os
import stockade.drf

ALLOWED_HOSTS = ["testserver"]
DATABASES["default"]["NAME"] = os.environ["LIBRARY_MOVED"] + "/db.sqlite3"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""
AFTER = (
    BEFORE
    + """
INSTALLED_APPS += ["stockade"]
MIDDLEWARE = ["stockade.web.Middleware", *MIDDLEWARE]
ROOT_URLCONF = "moved_urls"
STOCKADE = {
    "STATE": "lmdb://" + os.environ["LIBRARY_MOVED"] + "/state",
    "UNDECLARED": "legacy",
    "SCHEMES": [
        "authtoken",
        "token",
        "rest_framework.authentication.SessionAuthentication",
        "allauth.headless.contrib.rest_framework.authentication.XSessionTokenAuthentication",
    ],
    "EXEMPT": ["admin", "allauth"],
    "LIMITS": {"anon": "5000/day", "user": "5000/day"},
    "ERRORS": "drf",
}
REST_FRAMEWORK = {**REST_FRAMEWORK, **stockade.drf.defaults()}
"""
)
URLS = """
from django.urls import include, path
from stockade.drf.views import TokenAuthView, TokenDetailView

urlpatterns = [
    path("api/token/", TokenAuthView.as_view(), name="token"),
    path("api/tokens/current/", TokenDetailView.as_view(), {"id": "current"}),
    path("", include("config.urls")),
]
"""
COMMON = """
import json, sys, django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.authtoken.models import Token

PASSWORD = "correct horse battery"

def post(path, body):
    answer = Client().post(path, json.dumps(body), content_type="application/json")
    return answer.status_code, answer.json() if answer.content else {}

def me(token):
    return Client().get("/api/me/", headers={"authorization": "Token " + token}).status_code
"""
LOGIN = """
tokens = {}
for name in ("ana", "rui", "eva", "gil"):
    User.objects.create_user(name, name + "@library.example", PASSWORD)
    status, body = post("/api/token/", {"username": name, "password": PASSWORD})
    assert status == 200, body
    assert body["token"] == Token.objects.get(user__username=name).key
    assert me(body["token"]) == 200
    tokens[name] = body["token"]
print(json.dumps(tokens))
"""
MOVED = """
tokens = json.load(sys.stdin)
before = {name: me(token) for name, token in tokens.items()}
assert post("/api/token/", {"username": "ana", "password": "no"}) == (
    400, {"non_field_errors": ["Unable to log in with provided credentials."]})
status, body = post("/api/token/", {"username": "ana", "password": PASSWORD})
assert status == 200 and body["token"].startswith("stt_") and me(body["token"]) == 200
# The app logs out.
assert Client().delete("/api/tokens/current/", headers={"authorization": "Token " + tokens["rui"]}).status_code == 204
eva = User.objects.get(username="eva")
eva.set_password("another one, and longer")
eva.save()
# Old code of the library's own: a receiver makes a token for a new member, somebody deletes another's.
new = User.objects.create_user("new", "new@library.example", PASSWORD)
Token.objects.filter(user__username="gil").delete()
print(json.dumps({
    "before": before,
    "after": {name: me(token) for name, token in tokens.items()},
    "new": me(Token.objects.get(user=new).key),
    "token of new": Token.objects.get(user=new).key,
    "ours": body["token"],
}))
"""
SHOWN = "print(json.dumps({name: me(token) for name, token in json.load(sys.stdin).items()}))"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "moved_before.py").write_text(BEFORE)
    (tmp_path / "moved_after.py").write_text(AFTER)
    (tmp_path / "moved_urls.py").write_text(URLS)
    return tmp_path


def run(place: Path, settings: str, *arguments: str, given: str = "") -> str:
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("STOCKADE", "DJANGO"))
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=LIBRARY,
        env={
            **inherited,
            "DJANGO_SETTINGS_MODULE": settings,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": f"{LIBRARY}{os.pathsep}{place}",
            "LIBRARY_MOVED": str(place),
            "XDG_STATE_HOME": str(place),
        },
        input=given,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return done.stdout


def script(place: Path, settings: str, text: str, given: Any = None) -> Any:
    return json.loads(
        run(place, settings, "-c", COMMON + textwrap.dedent(text), given=json.dumps(given)),
    )


def importing(place: Path, *options: str) -> str:
    return run(place, "moved_after", "manage.py", "stockade", "import", "authtoken", *options)


def test_every_members_app_goes_on_and_no_plain_token_is_left(place: Path) -> None:
    run(place, "moved_before", "manage.py", "migrate", "-v0")
    tokens = script(place, "moved_before", LOGIN)
    run(place, "moved_after", "manage.py", "migrate", "-v0")
    assert "Would take 4 tokens (4 new)." in importing(place, "--dry-run")
    assert "Takes 4 tokens (4 new)." in importing(place)
    moved = script(place, "moved_after", MOVED, tokens)
    assert moved["before"] == {"ana": 200, "rui": 200, "eva": 200, "gil": 200}
    # Logged out, a new password, deleted by old code.
    assert moved["after"] == {"ana": 200, "rui": 401, "eva": 401, "gil": 401}
    assert moved["new"] == 200
    assert "Erased 2 tokens from the old table." in importing(place, "--erase")
    every = {**tokens, "new": moved["token of new"], "ours": moved["ours"]}
    expected = {**moved["after"], "new": 200, "ours": 200}
    assert script(place, "moved_after", SHOWN, every) == expected
    with sqlite3.connect(place / "db.sqlite3") as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert "stockade_opaquetoken" in dump
    assert [name for name, token in every.items() if token in dump] == []


def test_an_import_that_is_undone_leaves_authtoken_as_it_was(place: Path) -> None:
    run(place, "moved_before", "manage.py", "migrate", "-v0")
    tokens = script(place, "moved_before", LOGIN)
    run(place, "moved_after", "manage.py", "migrate", "-v0")
    importing(place)
    out = """
    found = json.load(sys.stdin)
    answer = Client().delete("/api/tokens/current/", headers={"authorization": "Token " + found["rui"]})
    print(json.dumps(answer.status_code))
    """
    assert script(place, "moved_after", out, tokens) == 204
    assert "Undone: 3 tokens" in importing(place, "--undo")
    # Who has logged out stays so.
    assert script(place, "moved_before", SHOWN, tokens) == {"ana": 200, "rui": 401, "eva": 200, "gil": 200}
    assert set(script(place, "moved_after", SHOWN, tokens).values()) == {401}
