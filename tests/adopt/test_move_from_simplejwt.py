"""The shop moves from simplejwt to tokens of ours: whoever is logged in stays so, whoever has logged out does too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

SHOP = Path(__file__).resolve().parent / "shop"
SECONDS = 120

SETTINGS = """
from config.settings import *
from config.settings import INSTALLED_APPS, MIDDLEWARE, REST_FRAMEWORK
import os
import stockade.drf

DATABASES["default"]["NAME"] = os.environ["SHOP_MOVED"] + "/db.sqlite3"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""
BEFORE = SETTINGS
AFTER = (
    SETTINGS
    + """
INSTALLED_APPS += ["stockade"]
MIDDLEWARE = ["stockade.web.Middleware", *MIDDLEWARE]
ROOT_URLCONF = "moved_urls"
STOCKADE = {
    "STATE": "lmdb://" + os.environ["SHOP_MOVED"] + "/state",
    "UNDECLARED": "legacy",
    "SCHEMES": ["simplejwt", "jwt"],
    "JWT": {"PROFILE": "simplejwt", "ALGORITHM": "HS256", "ACCESS_LIFETIME": "15m", "REFRESH_IDLE": "14d"},
    "ERRORS": "drf",
    "EXEMPT": ["admin", "spectacular"],
    "LIMITS": {"anon": "5000/day", "user": "5000/day"},
}
REST_FRAMEWORK = {**REST_FRAMEWORK, **stockade.drf.defaults()}
"""
)
URLS = """
from django.urls import include, path
from stockade.drf.views import TokenObtainPairView, TokenRefreshView, TokenRevokeView

urlpatterns = [
    path("api/auth/login/", TokenObtainPairView.as_view()),
    path("api/auth/refresh/", TokenRefreshView.as_view()),
    path("api/auth/logout/", TokenRevokeView.as_view()),
    path("", include("config.urls")),
]
"""
COMMON = """
import json, sys, django
django.setup()
from django.test import Client
from accounts.models import User

def post(path, body):
    answer = Client().post("/api/auth/" + path, json.dumps(body), content_type="application/json")
    return answer.status_code, answer.json() if answer.content else {}

def me(access):
    return Client().get("/api/auth/me/", headers={"authorization": "Bearer " + access}).status_code
"""
LOGIN = """
ann = User.objects.create_user("ann@shop.example", "correct horse battery")
bob = User.objects.create_user("bob@shop.example", "correct horse battery")
def login(name):
    status, pair = post("login/", {"email": name + "@shop.example", "password": "correct horse battery"})
    assert status == 200, pair
    return {"access": pair["access"], "refresh": pair["refresh"]}
found = {name: login("ann") for name in ("phone", "laptop", "lost", "rotated")}
found["bob"] = login("bob")
assert post("logout/", {"refresh": found["lost"]["refresh"]})[0] == 200
status, found["newer"] = post("refresh/", {"refresh": found["rotated"]["refresh"]})
assert status == 200
assert me(found["phone"]["access"]) == 200
print(json.dumps(found))
"""
MOVED = """
found = json.load(sys.stdin)
seen = {name: me(pair["access"]) for name, pair in found.items()}
refreshed = {name: post("refresh/", {"refresh": pair["refresh"]}) for name, pair in found.items() if name != "bob"}
assert me(refreshed["phone"][1]["access"]) == 200
status, again = post("refresh/", {"refresh": refreshed["phone"][1]["refresh"]})
assert status == 200 and me(again["access"]) == 200
User.objects.filter(email="bob@shop.example").get().delete()
status, pair = post("login/", {"email": "ann@shop.example", "password": "correct horse battery"})
assert status == 200 and me(pair["access"]) == 200
assert post("logout/", {"refresh": pair["refresh"]}) == (200, {})
claims = __import__("jwt").decode(again["access"], options={"verify_signature": False})
print(json.dumps({
    "seen": seen,
    "refreshed": {name: status for name, (status, _) in refreshed.items()},
    "bob": [me(found["bob"]["access"]), post("refresh/", {"refresh": found["bob"]["refresh"]})[0]],
    "logged out": me(pair["access"]),
    "claims": claims,
    "body": refreshed["lost"][1],
}))
"""


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
        cwd=SHOP,
        env={
            **inherited,
            "DJANGO_SETTINGS_MODULE": settings,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": f"{SHOP}{os.pathsep}{place}",
            "SHOP_HOSTS": "testserver",
            "SHOP_MOVED": str(place),
            "XDG_STATE_HOME": str(place),
        },
        input=given,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return done.stdout


def script(place: Path, settings: str, text: str, given: str = "") -> Any:
    return json.loads(run(place, settings, "-c", COMMON + textwrap.dedent(text), given=given))


def test_nobody_is_logged_out_and_nobody_is_let_in_again(place: Path) -> None:
    run(place, "moved_before", "manage.py", "migrate", "-v0")
    tokens = script(place, "moved_before", LOGIN)
    run(place, "moved_after", "manage.py", "migrate", "-v0")
    counted = run(place, "moved_after", "manage.py", "stockade", "import", "simplejwt", "--dry-run")
    assert "Would take 4 refresh tokens (4 new)" in counted
    assert "Takes 4 refresh tokens (4 new)" in run(
        place, "moved_after", "manage.py", "stockade", "import", "simplejwt"
    )
    moved = script(place, "moved_after", MOVED, given=json.dumps(tokens))
    # An access token lives until it expires, as it did with simplejwt, also of a device that has logged out.
    assert moved["seen"] == dict.fromkeys(tokens, 200)
    assert moved["refreshed"] == {"phone": 200, "laptop": 200, "newer": 200, "lost": 401, "rotated": 401}
    assert moved["body"] == {"detail": "Token is invalid", "code": "token_not_valid"}
    assert moved["bob"] == [401, 401]
    assert moved["logged out"] == 401
    claims = moved["claims"]
    assert (claims["token_type"], claims["user_id"]) == ("access", claims["sub"])
    # What the shop's own serializer had put into its tokens is still there.
    assert (claims["email"], claims["name"], claims["staff"]) == ("ann@shop.example", "", False)


def test_an_import_that_is_undone_leaves_simplejwt_as_it_was(place: Path) -> None:
    run(place, "moved_before", "manage.py", "migrate", "-v0")
    tokens = script(place, "moved_before", LOGIN)
    run(place, "moved_after", "manage.py", "migrate", "-v0")
    run(place, "moved_after", "manage.py", "stockade", "import", "simplejwt")
    exchange = 'print(json.dumps(post("refresh/", {"refresh": json.load(sys.stdin)["phone"]["refresh"]})[0]))'
    assert script(place, "moved_after", exchange, given=json.dumps(tokens)) == 200
    run(place, "moved_after", "manage.py", "stockade", "import", "simplejwt", "--undo")
    back = """
    found = json.load(sys.stdin)
    print(json.dumps({name: post("refresh/", {"refresh": pair["refresh"]})[0] for name, pair in found.items()}))
    """
    # What was exchanged is used up there, too: two lineages would come of it.
    expected = {"phone": 401, "laptop": 200, "lost": 401, "rotated": 401, "bob": 200, "newer": 200}
    assert script(place, "moved_before", back, given=json.dumps(tokens)) == expected
