"""What a clinic's user 7 does to the user 7 of another, in tests/adopt/clinic after its move: True while it succeeds.

Unlike in tests/pipeline/test_tenants.py each clinic has a schema and people of its own here. Our JWT and our opaque
tokens are accepted beside the OAuth toolkit's. In a copy of the project to which moves/clinic.diff was applied:

    python .../tests/adopt/attacks/tenants.py

prints two JSON objects as lines: what succeeds where TENANT says the same of all clinics (without it the start is
refused), and what succeeds with the project's. `attack_...` must succeed in the first; `gain_...` is closed without
it and must stay so.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from typing import Any

LIMITS = {"anon": "100/min", "user": "3/min", "login": "3/min", "login_address": "100/min"}
HERE, THERE = "10.0.0.1", "10.0.0.2"  # whoever attacks, and her victim


# --- what the attacks share ---


def _enter(schema: str) -> None:
    """Make and read data in this clinic from here on: a request leaves the connection where it went."""
    from django.db import connection

    from tenancy.models import Clinic

    connection.set_schema_to_public()
    connection.set_tenant(Clinic.objects.get(schema_name=schema))


def _twins(**fields: Any) -> tuple[Any, Any]:
    """A user of south and one of north with one primary key; the connection stays in the north."""
    from tenancy.testing import make_user

    number = 10**6 + secrets.randbelow(10**9)
    _enter("south")
    south = make_user(f"u{secrets.token_hex(6)}", pk=number, **fields)
    _enter("north")
    return make_user(f"u{secrets.token_hex(6)}", pk=number, **fields), south


def _client(schema: str, token: str = "", address: str = HERE, keyword: str = "Bearer") -> Any:
    from rest_framework.test import APIClient

    headers = {"host": f"{schema}.example.test"}
    if token:
        headers["authorization"] = f"{keyword} {token}"
    return APIClient(headers=headers, REMOTE_ADDR=address)


def _signed_in(schema: str, user: Any, address: str = HERE) -> Any:
    client = _client(schema, address=address)
    _enter(schema)
    client.force_login(user)
    return client


def _me(client: Any) -> str:
    """Whom the API takes the caller for; "" for nobody."""
    answer = client.get("/api/me/")
    return str(answer.json()["username"]) if answer.status_code == 200 else ""


def _pair(user: Any) -> Any:
    import stockade

    _enter("north")
    return stockade.issue(user)


# --- the attacks ---


def attack_a_token_of_ours() -> bool:
    """An access token of north is used in south, where its number is somebody else."""
    north, south = _twins()
    access = _pair(north).access
    assert _me(_client("north", access)) == north.username  # the worker knows it from here on
    return _me(_client("south", access)) == south.username


def attack_an_async_view() -> bool:
    """The same at a view that runs in the event loop, whose connection no middleware has turned to a clinic."""
    from asgiref.sync import async_to_sync

    from tenancy.testing import ClinicAsyncClient

    north, _ = _twins()
    headers = {"authorization": f"Bearer {_pair(north).access}"}

    async def status(schema: str) -> int:
        answer = await ClinicAsyncClient(schema).get("/reception/next/", headers=headers)
        return int(answer.status_code)

    assert async_to_sync(status)("north") == 200
    return async_to_sync(status)("south") == 200


def attack_an_opaque_token() -> bool:
    """The same with a token that only the table of all clinics knows."""
    import stockade

    north, south = _twins()
    token = stockade.create_token(north, "phone").token
    assert _me(_client("north", token, keyword="Token")) == north.username
    return _me(_client("south", token, keyword="Token")) == south.username


def attack_the_limit_of_another() -> bool:
    """North's user 7 calls until nothing is left of the limit of south's user 7."""
    north, south = _twins()
    client = _signed_in("north", north)
    assert [client.get("/api/me/").status_code for _ in range(4)] == [200, 200, 200, 429]
    return bool(_signed_in("south", south).get("/api/me/").status_code == 429)


def attack_the_login_of_another() -> bool:
    """Wrong passwords at north lock the account of the same name at south out."""
    from tenancy.testing import PASSWORD, make_user

    name = f"u{secrets.token_hex(6)}"
    for schema in ("north", "south"):
        _enter(schema)
        make_user(name)
    for _ in range(4):
        _client("north").post("/login/", {"username": name, "password": "wrong"}, format="multipart")
    form = {"username": name, "password": PASSWORD}
    return bool(_client("south", address=THERE).post("/login/", form, format="multipart").status_code == 429)


def attack_by_a_ban() -> bool:
    """Whom the manager of north bans is thrown out of south as well."""
    import stockade

    north, south = _twins()
    sessions = _signed_in("north", north), _signed_in("south", south)
    _enter("north")
    stockade.ban(user=north)
    assert sessions[0].get("/api/me/").status_code == 403
    return bool(sessions[1].get("/api/me/").status_code == 403)


def attack_by_an_end_of_sessions() -> bool:
    """Whoever ends all her sessions at north ends those of south's user 7."""
    import stockade

    north, south = _twins()
    _enter("south")
    victim = stockade.issue(south).access
    _enter("north")
    stockade.end_sessions(north)
    return _me(_client("south", victim)) == ""


def attack_by_leaving() -> bool:
    """A user who is deleted at north takes the sessions of south's user 7 along."""
    import stockade

    north, south = _twins()
    _enter("south")
    victim = stockade.issue(south).refresh
    _enter("north")
    north.delete()
    answer = _client("south").post("/tokens/refresh/", {"refresh": victim}, format="json")
    return bool(answer.status_code != 200)


def attack_behind_anothers_name() -> bool:
    """What north's user 7 does stands in the log as if south's had done it."""
    from stockade.testing import capture_events

    north, south = _twins()
    with capture_events() as events:
        for schema, user in (("north", north), ("south", south)):
            _signed_in(schema, user).get("/api/reports/2026/1/")
    told = [record.subject for record in events]
    assert len(told) == 2
    return told[0] == told[1]


def attack_the_pages_of_the_operators() -> bool:
    """A manager of south reads the sessions and bans of all clinics in her own admin."""
    _, south = _twins(is_staff=True, is_superuser=True)
    client = _signed_in("south", south)
    return any(
        client.get(f"/admin/stockade/{page}/").status_code == 200
        for page in ("session", "listentry", "signingkey")
    )


# --- what was closed before ---


def gain_a_refresh_token() -> bool:
    """A refresh token of north is exchanged in south: also the stamp of a password is in its way."""
    north, _ = _twins()
    body = {"refresh": _pair(north).refresh}
    return bool(_client("south").post("/tokens/refresh/", body, format="json").status_code == 200)


def gain_a_session_of_another() -> bool:
    """North's session cookie is shown to south."""
    north, _ = _twins()
    cookies = _signed_in("north", north).cookies
    client = _client("south")
    client.cookies = cookies
    return _me(client) != ""


def gain_a_token_of_the_toolkit() -> bool:
    """North's OAuth token is shown to south: each clinic has tables of its own."""
    from tenancy.testing import make_token

    north, _ = _twins()
    token = make_token(north).token
    assert _me(_client("north", token)) == north.username
    return _me(_client("south", token)) != ""


def main() -> None:
    """Run them all, with a TENANT that tells nothing apart and with the project's."""
    sys.argv[1:] = ["test"]  # the settings of the project know their tests by this word
    sys.path.insert(0, os.curdir)

    import django

    django.setup()
    from django.conf import settings
    from django.test.utils import get_runner

    from stockade.testing import reset, stockade_settings

    runner = get_runner(settings)(verbosity=0, interactive=False)
    runner.setup_test_environment()
    made = runner.setup_databases()
    for change in ({"TENANT": lambda request: "all", "TENANT_OPERATOR": "all"}, {}):
        found = {}
        for name, attack in list(globals().items()):
            if name.startswith(("attack_", "gain_")):
                with stockade_settings(LIMITS=LIMITS, **change):
                    reset()
                    found[name] = attack()
        print(json.dumps(found))
    runner.teardown_databases(made)


if __name__ == "__main__":
    main()
