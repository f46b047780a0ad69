"""User 7 of one tenant is nobody in another: tokens, sessions, limits, bans, lockouts, events and rows.

Both tenants have one table of users here, so that every test is about the same primary key. With a schema for each:
`tests/adopt`.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from django.http import HttpRequest
from django.test import Client

import stockade
from stockade import truth
from stockade.conf import load
from stockade.core import tenant
from stockade.core.errors import ConfigurationError
from stockade.core.principal import Kind, Principal
from stockade.database import aside
from stockade.models import ListEntry, Session
from stockade.pipeline import start
from stockade.policy.callers import user_key
from stockade.schemes.jwt import Pair, sessions
from stockade.tenant import TenantSettings
from stockade.truth import epochs

acting: ContextVar[str | None] = ContextVar("acting", default=None)


def by_header(request: HttpRequest | None) -> str | None:
    """What a header names; outside of a request what `as_tenant` says."""
    return acting.get() if request is None else request.headers.get("x-tenant")


@contextmanager
def as_tenant(name: str) -> Iterator[None]:
    token = acting.set(name)
    try:
        yield
    finally:
        acting.reset(token)


@pytest.fixture(autouse=True)
def tenants(configure: Callable[..., None]) -> None:
    configure(TENANT="tests.pipeline.test_tenants.by_header")


@pytest.fixture
def make_user(make_user: Callable[..., User]) -> Callable[..., User]:
    """As ever; a user is made in some tenant."""

    def make(*args: Any, **fields: Any) -> User:
        with as_tenant("home"):
            return make_user(*args, **fields)

    return make


def at(name: str, pair: Pair | None = None) -> Client:
    headers = {"x-tenant": name}
    if pair is not None:
        headers["authorization"] = f"Bearer {pair.access}"
    return Client(headers=headers, raise_request_exception=False)


def issue(name: str, user: User) -> Pair:
    with as_tenant(name):
        return stockade.issue(user)


def claims(pair: Pair) -> dict[str, Any]:
    payload = pair.access.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


@pytest.fixture
def north(alice: User) -> Pair:
    return issue("north", alice)


@pytest.fixture
def south(alice: User) -> Pair:
    return issue("south", alice)


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_names_its_tenant(north: Pair, alice: User) -> None:
    found = claims(north)
    assert (found["sub"], found["aud"]) == (f"north/{alice.pk}", "stockade/north")


def test_a_token_of_one_tenant_is_nothing_in_another(north: Pair) -> None:
    assert at("south", north).get("/private/").status_code == 401
    assert at("north", north).get("/private/").status_code == 200


def test_nor_is_it_while_this_worker_remembers_it_of_its_own_tenant(north: Pair) -> None:
    for _ in range(2):
        assert at("north", north).get("/private/").status_code == 200
    assert at("south", north).get("/private/").status_code == 401
    assert at("north", north).get("/private/").status_code == 200


async def test_nor_for_an_async_view(north: Pair) -> None:
    from django.test import AsyncClient

    for name, status in (("north", 200), ("north", 200), ("south", 401)):
        headers = {"x-tenant": name, "authorization": f"Bearer {north.access}"}
        assert (await AsyncClient().get("/private_async/", headers=headers)).status_code == status


def test_a_user_id_of_the_profile_is_the_key_alone(configure: Callable[..., None], alice: User) -> None:
    configure(JWT={"PROFILE": "simplejwt"})
    pair = issue("north", alice)
    assert claims(pair)["user_id"] == str(alice.pk)
    assert at("north", pair).get("/private/").status_code == 200
    assert at("south", pair).get("/private/").status_code == 401


def test_code_that_reads_user_id_of_a_credential_gets_the_key(north: Pair, alice: User) -> None:
    from stockade.schemes.jwt import access

    with as_tenant("north"):
        assert access.verify(north.access)["user_id"] == str(alice.pk)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["refresh", "revoke", "verify"])
def test_a_refresh_token_shown_to_another_tenant_does_nothing(path: str, alice: User) -> None:
    pair = issue("north", alice)
    body = {"token" if path == "verify" else "refresh": pair.refresh}
    for _ in range(2):  # nor is the second time taken for theft
        there = at("south").post(f"/api/token/{path}/", body, "application/json")
        assert there.status_code == (204 if path == "revoke" else 401), there.content
    kept = Session.objects.get()
    assert (kept.generation, kept.ended_at) == (1, None)
    again = at("north").post("/api/token/refresh/", {"refresh": pair.refresh}, "application/json")
    assert again.status_code == 200
    assert claims(Pair(again.json()["access"], "", "", 0, 0))["aud"] == "stockade/north"


@pytest.mark.django_db(transaction=True)
def test_a_login_is_one_of_the_tenant_that_it_was_made_at(alice: User) -> None:
    body = {"username": "alice", "password": "correct horse battery"}
    answer = at("south").post("/api/token/", body, "application/json").json()
    assert Session.objects.get().tenant == "south"
    assert at("south", Pair(answer["access"], "", "", 0, 0)).get("/private/").status_code == 200
    assert at("north", Pair(answer["access"], "", "", 0, 0)).get("/private/").status_code == 401


# -- sessions ---------------------------------------------------------------------------------------------------------


def test_a_list_of_sessions_has_none_of_another_tenant(north: Pair, south: Pair) -> None:
    listed = at("north", north).get("/api/sessions/").json()
    assert [one["id"] for one in listed] == [north.session]


def test_nobody_ends_a_session_of_another_tenant(north: Pair, south: Pair) -> None:
    assert at("north", north).delete(f"/api/sessions/{south.session}/").status_code == 404
    assert at("north", north).delete("/api/sessions/").status_code == 204
    assert at("south", south).get("/private/").status_code == 200


def test_end_all_is_about_one_tenant(north: Pair, south: Pair, alice: User) -> None:
    with as_tenant("north"):
        assert truth.end_sessions(alice) == 1
    assert at("north", north).get("/private/").status_code == 401
    assert at("south", south).get("/private/").status_code == 200


def test_deleting_a_user_leaves_the_rows_of_another_tenants_user(
    north: Pair, south: Pair, alice: User
) -> None:
    from django.contrib.admin.utils import NestedObjects

    from stockade.models.owners import with_user

    with as_tenant("north"):
        collector = NestedObjects(using="default")
        rows = Session.objects.filter(user=alice)
        with_user(collector, Session._meta.get_field("user"), rows, "default")
    assert [str(one.pk) for one in collector.data[Session]] == [north.session]


def test_a_hash_that_is_renewed_restamps_one_tenants_sessions(north: Pair, south: Pair, alice: User) -> None:
    before = Session.objects.get(tenant="south").stamp
    with as_tenant("north"):
        sessions.restamp(alice.pk, alice.password, "another")
    assert Session.objects.get(tenant="south").stamp == before
    assert Session.objects.get(tenant="north").stamp != before


def test_what_was_known_before_tenants_came_is_known_no_more(
    configure: Callable[..., None], alice: User
) -> None:
    configure(TENANT=None)
    pair = stockade.issue(alice)
    assert claims(pair)["aud"] == "stockade"
    assert at("north", pair).get("/private/").status_code == 200
    configure(TENANT="tests.pipeline.test_tenants.by_header")
    assert at("north", pair).get("/private/").status_code == 401
    with as_tenant("north"):
        pair = stockade.issue(alice)
    configure(TENANT=None)  # nor the other way round
    assert at("north", pair).get("/private/").status_code == 401


# -- limits and lockouts ----------------------------------------------------------------------------------------------


def test_what_one_tenants_user_has_used_up_another_has_not(north: Pair, south: Pair) -> None:
    assert [at("north", north).get("/three/").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert at("south", south).get("/three/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_an_account_that_is_locked_in_one_tenant_is_open_in_another(
    configure: Callable[..., None], alice: User
) -> None:
    configure(LIMITS={"login": "2/min"})
    for password, status in (("wrong", 401), ("wrong", 401), ("correct horse battery", 429)):
        body = {"username": "alice", "password": password}
        assert at("north").post("/api/token/", body, "application/json").status_code == status
    body = {"username": "alice", "password": "correct horse battery"}
    assert at("south").post("/api/token/", body, "application/json").status_code == 200


# -- bans -------------------------------------------------------------------------------------------------------------


def test_a_ban_keeps_out_one_tenants_user(north: Pair, south: Pair, alice: User) -> None:
    with as_tenant("north"):
        stockade.ban(user=alice)
    assert ListEntry.objects.get().value == f"north/{alice.pk}"
    assert at("north", north).get("/private/").status_code == 403
    assert at("south", south).get("/private/").status_code == 200
    with as_tenant("south"):
        assert not stockade.unban(user=alice)
    with as_tenant("north"):
        assert stockade.unban(user=alice)
    assert at("north", north).get("/private/").status_code == 200


def test_a_ban_by_key_means_the_tenant_at_hand_or_the_one_that_it_names(
    north: Pair, south: Pair, alice: User
) -> None:
    with as_tenant("north"):
        stockade.ban(user=alice.pk)
        stockade.ban(user=f"south/{alice.pk}")
    assert {entry.value for entry in ListEntry.objects.all()} == {f"north/{alice.pk}", f"south/{alice.pk}"}
    with as_tenant("north"), pytest.raises(ValueError, match="no primary key"):
        stockade.ban(user="south/east")


@pytest.mark.parametrize(("name", "status"), [("north", 403), ("south", 302)])
def test_a_banned_user_of_a_browser_is_one_tenants_too(name: str, status: int, alice: User) -> None:
    with as_tenant("north"):
        stockade.ban(user=alice)
    client = at(name)
    client.force_login(alice)
    assert client.get("/admin/").status_code == status  # 302: no member of the staff


# -- what else goes by subject ----------------------------------------------------------------------------------------


def test_events_say_of_which_tenant(north: Pair, alice: User, log: Callable[[], list[Any]]) -> None:
    at("north", north).get("/editors/")
    for _ in range(4):
        at("north", north).get("/three/")
    assert {record.subject for record in log()} == {f"north/{alice.pk}"}


def test_events_about_nobody_say_it_too(log: Callable[[], list[Any]]) -> None:
    assert at("north").get("/private/").status_code == 401
    assert [record.details["tenant"] for record in log()] == ["north"]


def test_an_epoch_is_one_tenants(alice: User) -> None:
    with as_tenant("north"):
        one = epochs.subject(alice.pk)
    with as_tenant("south"):
        assert epochs.subject(alice.pk) != one


def test_a_change_in_one_tenant_is_felt_there(north: Pair, alice: User) -> None:
    assert at("north", north).get("/editors/").status_code == 200
    with as_tenant("north"):
        alice.groups.clear()
    assert at("north", north).get("/editors/").status_code == 403


def test_an_owner_without_a_row_is_known_by_the_key_alone() -> None:
    assert user_key(Principal(Kind.USER, "north/7")) == "7"


# -- the setting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a/b", "../x", "x" * 64, 7, "n\0", "ä", "north\n"])
def test_what_is_no_name_is_refused(name: Any, configure: Callable[..., None]) -> None:
    configure(TENANT=lambda request: name)
    with pytest.raises(ConfigurationError, match=r"stockade\.E226"):
        tenant.now()


def test_who_asks_outside_of_a_request_must_be_told() -> None:
    with pytest.raises(ConfigurationError, match="when it is called with None"):
        tenant.now()


def test_a_request_without_a_tenant_is_answered_to_nobody(
    north: Pair, configure: Callable[..., None]
) -> None:
    configure(TENANT=lambda request: None)
    assert at("north", north).get("/private/").status_code == 500


@pytest.mark.parametrize("value", ["no.such.thing", 7, "stockade.tenant.nothing"])
def test_a_wrong_value_is_told(value: Any, configure: Callable[..., None]) -> None:
    configure(TENANT=value)
    with pytest.raises(ConfigurationError, match=r"stockade\.E225"):
        load(TenantSettings)
    assert "stockade.E225" in {finding.id for finding in start.findings()}


def ids() -> set[tuple[str, bool]]:
    return {
        (found.id, found.stops)
        for found in start.findings()
        if found.id[9:] in ("E228", "W228", "E229", "E230")
    }


def test_a_start_with_django_tenants_wants_the_setting(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.apps import apps

    real = apps.is_installed
    monkeypatch.setattr(apps, "is_installed", lambda name: name == "django_tenants" or real(name))
    assert ids() == set()
    configure(TENANT=None)
    assert ids() == {("stockade.E228", True)}
    configure(SCHEMES=["rest_framework.authentication.SessionAuthentication"])
    assert ids() == {("stockade.W228", False)}


def test_a_start_wants_our_tables_once(project: Any) -> None:
    project.TENANT_APPS = ["django.contrib.auth", "stockade"]
    assert ids() == {("stockade.E229", True)}


def test_a_start_wants_our_tables_in_the_shared_schema(project: Any) -> None:
    project.SHARED_APPS = ["django_tenants"]
    assert ids() == {("stockade.E229", True)}
    project.SHARED_APPS = ["django_tenants", "stockade"]
    assert ids() == set()


def test_a_start_takes_no_tokens_that_name_no_tenant(configure: Callable[..., None]) -> None:
    configure(SCHEMES=["simplejwt", "jwt"])
    assert ("stockade.E230", True) in ids()


# -- the admin --------------------------------------------------------------------------------------------------------


def pages() -> list[str]:
    """Of each model of ours that the admin shows."""
    ours = [model for model in admin.site._registry if model._meta.app_label == "stockade"]
    return sorted(str(model._meta.model_name) for model in ours)


def test_the_admin_has_pages() -> None:
    assert {"session", "listentry", "lockout", "signingkey", "securityevent"} <= set(pages())


@pytest.mark.parametrize("page", [*pages(), "listentry/add"])
def test_the_admin_shows_what_is_of_all_tenants_to_the_operators_alone(
    page: str, configure: Callable[..., None], make_user: Callable[..., User]
) -> None:
    root = make_user("root", is_staff=True, is_superuser=True)

    def status(name: str) -> int:
        client = at(name)
        client.force_login(root)
        return client.get(f"/admin/stockade/{page}/").status_code

    assert (status("north"), status("public")) == (403, 403)
    configure(TENANT_OPERATOR="public")
    assert (status("north"), status("public")) == (403, 200)


def test_the_admin_tells_sessions_of_other_tenants_by_subject(
    north: Pair, configure: Callable[..., None], make_user: Callable[..., User], alice: User
) -> None:
    configure(TENANT_OPERATOR="public")
    client = at("public")
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    assert f"north/{alice.pk}" in client.get("/admin/stockade/session/").content.decode()
    client = at("north")
    client.force_login(User.objects.get(username="root"))
    page = client.get(f"/admin/auth/user/{alice.pk}/delete/").content.decode()
    assert "Deleting the user" not in page or "permission" not in page


# -- the tables -------------------------------------------------------------------------------------------------------

_SQL = """
import sys
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "stockade"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    SECRET_KEY="x" * 50,
    STOCKADE={"TENANT": "stockade.tenant.django_tenants"} if sys.argv[1] == "tenants" else {},
)
import django
django.setup()
from django.core.management import call_command
call_command("makemigrations", "--check", "--dry-run", "stockade")
call_command("sqlmigrate", "stockade", "0001")
"""


@pytest.mark.parametrize(("tenants", "constrained"), [("tenants", False), ("none", True)])
def test_a_row_may_name_a_user_of_another_schema(tenants: str, constrained: bool) -> None:
    """A constraint would look for the user in the schema that our tables are in; and the migration agrees."""
    done = subprocess.run(
        [sys.executable, "-c", _SQL, tenants], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No changes detected" in done.stdout
    assert ('REFERENCES "auth_user"' in done.stdout) is constrained


def test_a_command_lists_the_sessions_of_the_tenant_that_it_works_for(
    north: Pair, south: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    with as_tenant("north"):
        call_command("stockade", "sessions", "list", "--format", "json")
    printed = capsys.readouterr().out
    assert north.session in printed
    assert south.session not in printed


def test_an_operator_bans_a_user_of_any_tenant(
    north: Pair, south: Pair, configure: Callable[..., None], make_user: Callable[..., User], alice: User
) -> None:
    configure(TENANT_OPERATOR="public")
    client = at("public")
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    form = {"verb": "deny", "kind": "user", "value": f"north/{alice.pk}", "reason": "", "expires_at": ""}
    answer = client.post("/admin/stockade/listentry/add/", form)
    assert answer.status_code == 302, answer.content
    assert ListEntry.objects.get().created_by.startswith("public/")
    assert at("north", north).get("/private/").status_code == 403
    assert at("south", south).get("/private/").status_code == 200


def test_what_is_asked_aside_is_asked_of_the_same_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new connection of django-tenants is turned to the public schema: there user 7 is an operator."""
    turned: list[str] = []
    monkeypatch.setattr(
        type(connections["default"]), "set_schema", lambda self, name: turned.append(name), raising=False
    )
    monkeypatch.setattr(connections["default"], "schema_name", "north", raising=False)
    aside(lambda: None)
    assert turned == ["north"]
