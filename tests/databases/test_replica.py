"""A replica that lags admits nobody whom the database that is written would refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import Permission, User
from django.core.signals import request_finished
from django.db import router
from django.test import Client, RequestFactory

import stockade
from stockade import keyring
from stockade.core.credential import Credential
from stockade.core.errors import InvalidCredential
from stockade.core.principal import Kind, Principal
from stockade.database import write_database
from stockade.demo.articles.models import Article
from stockade.gate.keys import session_key
from stockade.gate.registry import get_gate
from stockade.models import Session
from stockade.schemes import devices
from stockade.schemes.backend import LoginLimits
from stockade.schemes.jwt import JWTScheme
from stockade.truth import loading
from tests.databases.replica import ALIAS, Replica

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = "correct horse battery", "another horse battery"


def post(path: str, **body: Any) -> Any:
    return Client(raise_request_exception=False).post(path, body, content_type="application/json")


def login(name: str, password: str) -> int:
    return int(post("/api/token/", username=name, password=password).status_code)


@pytest.fixture
def client(alice: User, client_of: Callable[..., Client], replica: Replica) -> Client:
    """A client of alice that was admitted before; the replica knows all of it, and nothing that comes later."""
    found = client_of(alice)
    replica.catch_up()
    assert found.get("/editors/").status_code == 200
    return found


def test_the_replica_is_read_by_default_and_lags(replica: Replica, make_user: Callable[..., User]) -> None:
    """Else these tests would prove nothing."""
    alice = make_user("alice")
    assert User.objects.all().db == ALIAS
    assert not User.objects.filter(pk=alice.pk).exists()
    replica.catch_up()
    User.objects.filter(pk=alice.pk).update(first_name="written")
    assert User.objects.get(pk=alice.pk).first_name == ""
    with write_database():
        assert User.objects.get(pk=alice.pk).first_name == "written"
        assert User.objects.using(ALIAS).get(pk=alice.pk).first_name == ""
    assert router.db_for_read(User) == ALIAS


# -- access tokens -----------------------------------------------------------------------------------------------------


def test_an_ended_session_that_the_replica_still_shows_alive(alice: User, client: Client) -> None:
    stockade.end_sessions(alice)
    assert client.get("/private/").status_code == 401


def test_an_ended_session_at_the_view_that_verifies_tokens(alice: User, replica: Replica) -> None:
    token = stockade.issue(alice).access
    replica.catch_up()
    assert post("/api/token/verify/", token=token).status_code == 200
    stockade.end_sessions(alice)
    assert post("/api/token/verify/", token=token).status_code == 401


def test_a_scheme_that_reads_by_the_default_manager(
    alice: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheme of the project's own need not know of replicas."""

    def load(self: JWTScheme, credential: Credential) -> Principal:
        if not User.objects.get(pk=credential.subject).is_active:
            raise InvalidCredential(reason="inactive")
        return Principal(Kind.USER, credential.subject, alice, frozenset(), None, credential)

    monkeypatch.setattr(JWTScheme, "load", load)
    alice.is_active = False
    alice.save()
    assert client.get("/private/").status_code == 401


def test_a_deactivated_user_who_is_active_on_the_replica(alice: User, client: Client) -> None:
    alice.is_active = False
    alice.save()
    assert client.get("/private/").status_code == 401


def test_a_role_that_was_taken_away_and_is_still_on_the_replica(alice: User, client: Client) -> None:
    alice.groups.set([])
    assert client.get("/editors/").status_code == 403


def test_a_permission_that_was_taken_away_and_is_still_on_the_replica(
    alice: User, client: Client, replica: Replica
) -> None:
    permission = Permission.objects.using("default").get(codename="view_group")
    alice.user_permissions.add(permission)
    replica.catch_up()
    assert client.get("/permitted/").status_code == 200
    alice.user_permissions.remove(permission)
    assert client.get("/permitted/").status_code == 403


@pytest.fixture
def signing_key(db: None, project: Any) -> str:
    """Made before there is a replica, which therefore knows it."""
    return str(keyring.ring().signer().kid)


def test_a_key_that_was_revoked_and_still_signs_on_the_replica(
    alice: User, signing_key: str, replica: Replica, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)
    assert client.get("/private/").status_code == 200
    keyring.retire(signing_key, compromised=True)
    assert keyring.ring().verifier(signing_key) is None
    assert client.get("/private/").status_code == 401


def test_an_address_whose_ban_the_replica_has_not_heard_of(client: Client) -> None:
    stockade.ban("127.0.0.1")
    assert client.get("/private/").status_code == 403


def test_a_ban_that_the_replica_has_not_heard_of_is_lifted(client: Client) -> None:
    stockade.ban("127.0.0.1")
    assert stockade.unban("127.0.0.1")
    assert client.get("/private/").status_code == 200


def test_a_lost_state_is_filled_with_what_was_revoked_a_moment_ago(alice: User, client: Client) -> None:
    session = Session.objects.using("default").get()
    stockade.end_sessions(alice)
    gate = get_gate()
    gate.reset()
    loading.ensure_loaded(gate, gate.ask((), ()).marker)
    assert gate.ask((session_key(str(session.pk)),), ()).epochs[0] > 0
    assert client.get("/private/").status_code == 401


# -- refresh tokens ----------------------------------------------------------------------------------------------------


def test_a_stolen_token_whose_second_successor_the_replica_has_not_seen(
    alice: User, replica: Replica
) -> None:
    """There, the token that is shown is the last but one, and within the leeway."""
    stolen = stockade.issue(alice).refresh
    successor = post("/api/token/refresh/", refresh=stolen).json()["refresh"]
    replica.catch_up()
    assert post("/api/token/refresh/", refresh=successor).status_code == 200
    assert post("/api/token/refresh/", refresh=stolen).status_code == 401
    assert Session.objects.using("default").get().end_reason == "refresh_reuse"


def test_a_refresh_right_after_the_login_works_although_the_replica_knows_no_session(
    alice: User, replica: Replica
) -> None:
    replica.catch_up()
    found = post("/api/token/", username="alice", password=OLD)
    assert post("/api/token/refresh/", refresh=found.json()["refresh"]).status_code == 200
    client = Client(headers={"authorization": f"Bearer {found.json()['access']}"})
    assert [row["current"] for row in client.get("/api/sessions/").json()] == [True]


def test_a_refresh_by_a_user_who_is_active_on_the_replica_only(alice: User, client: Client) -> None:
    token = stockade.issue(alice).refresh
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert post("/api/token/refresh/", refresh=token).status_code == 401


# -- logging in --------------------------------------------------------------------------------------------------------


def change_password(user: User) -> None:
    user.set_password(NEW)
    user.save()


def test_an_old_password_whose_hash_is_still_on_the_replica(alice: User, replica: Replica) -> None:
    replica.catch_up()
    change_password(alice)
    assert login("alice", OLD) == 401
    assert login("alice", NEW) == 200


def test_an_old_password_is_not_written_back_when_the_hasher_has_changed(
    alice: User, replica: Replica, project: Any
) -> None:
    """Django renews a hash of another hasher when it verifies it: here it would undo the change of the password."""
    replica.catch_up()
    change_password(alice)
    md5 = "django.contrib.auth.hashers.MD5PasswordHasher"
    project.PASSWORD_HASHERS = ["tests.databases.hashers.Quick", md5]
    login("alice", OLD)
    stored = User.objects.using("default").get(pk=alice.pk).password
    assert not check_password(OLD, stored)
    assert check_password(NEW, stored)


def test_a_login_of_a_user_who_is_active_on_the_replica_only(alice: User, replica: Replica) -> None:
    replica.catch_up()
    alice.is_active = False
    alice.save()
    assert login("alice", OLD) == 401


def test_an_old_password_at_the_admins_login(alice: User, replica: Replica, project: Any) -> None:
    project.AUTHENTICATION_BACKENDS = [
        "stockade.schemes.backend.LoginLimits",
        "django.contrib.auth.backends.ModelBackend",
    ]
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    alice.refresh_from_db(using="default")
    replica.catch_up()
    change_password(alice)
    client = Client(raise_request_exception=False)
    for password, status in ((OLD, 200), (NEW, 302)):  # 200: the form once more
        assert client.post("/admin/login/", {"username": "alice", "password": password}).status_code == status
    assert User.objects.all().db == ALIAS  # and afterwards reads go where the project sends them


def test_a_known_address_is_known_although_the_replica_has_not_heard_of_it(
    alice: User, replica: Replica
) -> None:
    """Else a stranger who guesses locks out the owner who has just logged in."""
    replica.catch_up()
    assert login("alice", OLD) == 200
    assert devices.is_known("alice", "127.0.0.1")


# -- objects -----------------------------------------------------------------------------------------------------------


def test_an_object_that_was_given_away_is_not_changed_by_its_owner_on_the_replica(
    alice: User, bob: User, client: Client, replica: Replica
) -> None:
    mine = Article.objects.create(title="mine", body="x", author=alice)
    replica.catch_up()
    Article.objects.filter(pk=mine.pk).update(author=bob)
    address = f"/articles/{mine.pk}/"
    # Reading is the project's own choice: its router has sent it to the replica.
    assert client.get(address).status_code == 200
    changed = client.patch(address, {"title": "mine still"}, content_type="application/json")
    assert changed.status_code == 404
    assert client.delete(address).status_code == 404
    assert Article.objects.using("default").get(pk=mine.pk).title == "mine"


def test_nothing_of_ours_is_written_to_the_replica(alice: User, client: Client) -> None:
    """SQLite and PostgreSQL refuse it: a login, a refresh, a revocation and the end of the sessions would fail."""
    found = post("/api/token/", username="alice", password=OLD).json()
    refreshed = post("/api/token/refresh/", refresh=found["refresh"]).json()
    assert post("/api/token/revoke/", refresh=refreshed["refresh"]).status_code == 204
    assert client.delete("/api/sessions/").status_code == 204


def test_a_login_that_nobody_ends_pins_no_reads_beyond_its_request(
    replica: Replica, make_user: Callable[..., User]
) -> None:
    """By Django's own backends, without the middleware: else the thread would never read a replica again."""
    make_user("alice")
    request = RequestFactory().post("/")
    LoginLimits().authenticate(request, username="alice", password="correct horse battery")
    assert router.db_for_read(User) == "default"
    request_finished.send(sender=None)
    assert router.db_for_read(User) == ALIAS
