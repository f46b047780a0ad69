"""A JavaScript client written for simplejwt, over HTTP, across the move: it reads `exp` and refreshes as ever."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable
from rest_framework_simplejwt.tokens import RefreshToken

from stockade.core import clock
from stockade.models import Session
from stockade.schemes.simplejwt import move
from tests.servers import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

CLIENT = ROOT / "tests" / "npm"
LIFETIME = 300  # seconds, of simplejwt's access tokens as of ours


@pytest.fixture(params=["jwt-decode", "./own.mjs"])
def decoder(request: pytest.FixtureRequest) -> str:
    """Who reads `exp`: the package that `make setup` installs, or node's own means."""
    return str(request.param)


@pytest.fixture
def moved(project: Any, configure: Callable[..., None]) -> None:
    project.ROOT_URLCONF = "tests.schemes.urls"
    project.MIDDLEWARE = ["stockade.web.Middleware"]
    configure(SCHEMES=["simplejwt", "jwt"], JWT={"PROFILE": "simplejwt"}, ERRORS="drf")


def run(server: Any, decoder: str, **job: Any) -> subprocess.CompletedProcess[str]:
    # Playwright brings a node along, locked like everything else here.
    node, _ = compute_driver_executable()
    return subprocess.run(
        [node, "client.mjs", server.url, decoder],
        cwd=CLIENT,
        input=json.dumps({"path": "/api/sessions/", **job}),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_goes_on_with_simplejwts_tokens_and_then_with_ours(
    decoder: str, moved: None, live_server: Any, alice: Any
) -> None:
    theirs = RefreshToken.for_user(alice)
    move.run()
    done = run(
        live_server,
        decoder,
        access=str(theirs.access_token),
        refresh=str(theirs),
        ahead=[0, LIFETIME, LIFETIME, 0],
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    theirs_lives, *ours_live = told.pop("lifetimes")
    assert theirs_lives in {LIFETIME - 1, LIFETIME}  # simplejwt asks the clock for each end of it
    assert ours_live == [LIFETIME] * 3
    assert told == {
        "statuses": [200] * 4,
        "renewals": 2,
        "heard": [],
        "users": [str(alice.pk)] * 4,
    }
    assert Session.objects.get().generation == 2


def test_it_hears_that_its_token_has_expired_and_refreshes(
    decoder: str, moved: None, live_server: Any, alice: Any
) -> None:
    """Its clock is behind: the server says first that the token is over."""
    theirs = RefreshToken.for_user(alice)
    access = str(theirs.access_token)
    move.run()
    clock.shift(LIFETIME + 1)
    done = run(live_server, decoder, access=access, refresh=str(theirs), ahead=[0])
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["heard"] == [["token_not_valid", "Token is expired"]]
    assert (told["statuses"], told["renewals"]) == ([200], 1)


def test_it_is_logged_out_without_the_import(decoder: str, moved: None, live_server: Any, alice: Any) -> None:
    """Else the tests above would prove nothing."""
    theirs = RefreshToken.for_user(alice)
    done = run(live_server, decoder, access=str(theirs.access_token), refresh=str(theirs), ahead=[0])
    assert done.returncode == 1
    assert "logged out: 401 token_not_valid" in done.stderr
