"""A copy of the database is stolen: of all that is in it nothing opens anything, as whatever it is shown."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

import stockade
from stockade.core import clock
from stockade.models import OpaqueToken, SigningKey
from stockade.schemes.imports import move
from stockade.schemes.imports.packages import SOURCES
from tests.schemes.every.cases.attacks import elsewhere
from tests.schemes.every.cases.conftest import forget
from tests.schemes.every.cases.lives import LIVES, PASSWORD, Foreign, Life, Shown, ask, post, refresh
from tests.schemes.every.search import values
from tests.schemes.forge import dumps, encode

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def used(settings: Any, transactional_db: None) -> Iterator[dict[str, list[Shown]]]:
    """A site that has every scheme in use, by two users, with rotations, log-outs and failures behind it."""
    forget()
    lives: tuple[Life, ...] = tuple(one for one in LIVES if not isinstance(one, Foreign))
    configured: dict[str, Any] = {}
    for life in lives:
        configured.update(life.configure())
    limits = {**settings.STOCKADE["LIMITS"], "login": None, "login_address": None}
    settings.STOCKADE = {
        **settings.STOCKADE, **configured, "LIMITS": limits, "EVENTS": {"SINKS": ["database"]},
    }  # fmt: skip
    users = [User.objects.create_user(name, f"{name}@example.com", PASSWORD) for name in ("alice", "bob")]
    found: dict[str, list[Shown]] = {}
    for life in lives:
        shown = [life.issue(user) for user in users]
        again = life.rotation()
        if again is not None:
            shown.append(again(shown[0]))
        assert all(ask(one) in (200, 401) for one in shown)
        found[type(life).__name__] = shown
    post("/api/token/", username="alice", password="a wrong one, of a user")
    post("/api/token/", username=PASSWORD, password="alice")  # typed into the wrong field
    yield found
    for life in lives:
        life.close()
    clock.unshift()
    forget()


def dump(*left_out: str) -> list[tuple[Any, ...]]:
    """Every row of every table."""
    rows: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table not in left_out:
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                rows += cursor.fetchall()
    assert len(rows) > 100
    return rows


def opened(candidates: set[str]) -> list[tuple[str, str]]:
    """Which of them open something, and as what."""
    found, users = [], list(User.objects.filter(username__in=["alice", "bob"]))
    for value in sorted(candidates):
        shown = ((place, one) for place, one in elsewhere(value) if place in PLACES)
        found += [(place, value) for place, one in shown if ask(one) not in (400, 401)]
        if refresh(value).status_code not in (400, 401):
            found.append(("refresh", value))
        # Not by logging in, which takes an even time whoever is right.
        found += [(f"the password of {user}", value) for user in users if user.check_password(value)]
    return found


PLACES = {slot for life in LIVES for slot in life.slots}
PLAIN = (
    "authtoken_token",
    "token_blacklist_outstandingtoken",
)  # the packages' own, in clear until they are erased


def test_the_search_finds_what_is_in_clear(used: dict[str, list[Shown]]) -> None:
    """It is worth something: what packages leave lying about is found, in the table and within other text."""
    candidates = values(dump())
    for name in ("Imported", "SimpleJwt"):
        secrets = {shown.secret for shown in used[name]} | {
            more for shown in used[name] for more in shown.more
        }
        assert secrets & candidates, name
    User.objects.filter(username="bob").update(first_name=json.dumps({"note": used["Key"][1].secret}))
    assert used["Key"][1].secret in values(dump())
    assert ("HTTP_X_API_KEY", used["Key"][1].secret) in opened({used["Key"][1].secret})


def test_nothing_in_the_database_opens_anything(used: dict[str, list[Shown]]) -> None:
    """While the packages' own tables stand, theirs are left out: whoever has those has what they hold in clear."""
    tried = values(dump(*PLAIN))
    assert opened(tried) == []
    for source in SOURCES:
        move.erase(source)
    OutstandingToken.objects.update(token="")  # as the page on that import says
    assert not Token.objects.exists()
    assert opened(values(dump()) - tried) == []  # now that the imports are final: of every table
    assert {name: ask(shown[1]) for name, shown in used.items()} == dict.fromkeys(used, 200)


def test_no_secret_is_in_the_database(used: dict[str, list[Shown]]) -> None:
    """Not as a part of something either, whoever keeps it and however it is written."""
    texts = "\n".join(str(bytes(v) if isinstance(v, memoryview) else v) for row in dump(*PLAIN) for v in row)
    everything = texts + "\n" + "\n".join(values(dump(*PLAIN)))
    secrets = {one for shown in used.values() for each in shown for one in (each.secret, *each.more)}
    assert {secret[:12] for secret in secrets if secret in everything or secret[12:44] in everything} == set()
    assert PASSWORD not in everything


def test_nothing_in_the_database_signs_a_token(used: dict[str, list[Shown]]) -> None:
    """Neither a wrapped key nor a public one, taken for the secret of a MAC."""
    kids = list(SigningKey.objects.values_list("kid", flat=True))
    assert kids
    now = int(clock.now())
    subject = str(User.objects.get(username="alice").pk)
    claims = {
        "iss": "stockade", "aud": "stockade", "sub": subject, "client_id": "first-party", "jti": "x", "iat": now,
        "exp": now + 300, "sid": used["Jwt"][1].id, "auth_time": now,
    }  # fmt: skip
    found = []
    for value in sorted(values(dump())):
        for kid in kids:
            signing = f"{dumps({'typ': 'at+jwt', 'alg': 'HS256', 'kid': kid})}.{dumps(claims)}"
            mac = hmac.digest(value.encode(), signing.encode(), "sha256")
            answer = Client().get("/me/", HTTP_AUTHORIZATION=f"Bearer {signing}.{encode(mac)}")
            if answer.status_code != 401:
                found.append(value)
    assert found == []


def test_what_is_shown_of_a_key_is_not_enough_of_it(used: dict[str, list[Shown]]) -> None:
    for row in OpaqueToken.objects.all():
        assert len(row.visible) <= 12
    assert stockade.__version__
