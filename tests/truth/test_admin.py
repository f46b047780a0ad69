"""The admin: what is done there bites and is told of, nothing of ours can be edited there, and users can be deleted."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from stockade.gate.protocol import Gate
from stockade.models import OpaqueToken, SecurityEvent, Session
from stockade.schemes.opaque import create_token
from stockade.truth.tokens import token_key
from tests.truth.conftest import configuration, session, subject

pytestmark = pytest.mark.django_db(transaction=True)
USERS, SESSIONS = "/admin/auth/user/", "/admin/stockade/session/"
TOKENS = "/admin/stockade/opaquetoken/"


@pytest.fixture(autouse=True)
def keeping(project: Any, tmp_path: Any) -> None:
    project.STOCKADE = {**configuration(tmp_path / "state"), "EVENTS": {"SINKS": ["database"]}}


@pytest.fixture
def root(gate: Gate) -> Client:
    """A superuser's browser."""
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_a_user_who_has_sessions_can_be_deleted(
    root: Client, gate: Gate, alice: User, session_of: Any
) -> None:
    """Rows that nobody may delete by hand would keep every user who ever logged in from being deleted with them."""
    row = session_of(alice)
    pk = alice.pk
    assert root.post(f"{USERS}{pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=pk).exists()
    assert session(gate, row.pk) == 1
    assert subject(gate, pk) > 0
    assert SecurityEvent.objects.filter(event="session_ended", reason="deleted", subject=str(pk)).exists()


def test_users_deleted_by_the_action_of_the_list_are_out(
    root: Client, gate: Gate, alice: User, bob: User, session_of: Any
) -> None:
    rows = [session_of(alice), session_of(bob)]
    chosen = {"action": "delete_selected", "_selected_action": [alice.pk, bob.pk], "post": "yes"}
    assert root.post(USERS, chosen).status_code == 302
    assert not User.objects.filter(username__in=["alice", "bob"]).exists()
    assert [session(gate, row.pk) for row in rows] == [1, 1]


def test_sessions_are_ended_by_the_action_of_the_list(
    root: Client, gate: Gate, alice: User, session_of: Any
) -> None:
    row = session_of(alice)
    assert root.post(SESSIONS, {"action": "end", "_selected_action": [str(row.pk)]}).status_code == 302
    assert session(gate, row) == 1
    assert Session.objects.get(pk=row.pk).end_reason == "admin"


def test_nothing_of_a_session_can_be_edited_or_deleted_there(
    root: Client, alice: User, session_of: Any
) -> None:
    row = session_of(alice)
    assert root.post(f"{SESSIONS}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert root.post(f"{SESSIONS}{row.pk}/change/", {"client": "x"}).status_code == 403
    assert root.post(f"{SESSIONS}add/", {}).status_code == 403
    root.post(SESSIONS, {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"})
    assert Session.objects.filter(pk=row.pk, ended_at=None).exists()
    for path in ("stockade/securityevent/", "stockade/signingkey/"):
        assert root.get(f"/admin/{path}").status_code == 200
        assert root.post(f"/admin/{path}add/", {}).status_code == 403


def test_who_may_only_look_ends_nothing(gate: Gate, alice: User, bob: User, session_of: Any) -> None:
    row = session_of(alice)
    bob.is_staff = True
    bob.save()
    bob.user_permissions.add(
        Permission.objects.get(content_type__app_label="stockade", codename="view_session")
    )
    client = Client()
    client.force_login(bob)
    page = client.get(f"{SESSIONS}{row.pk}/change/").content.decode()
    assert row.stamp and f">{row.stamp}<" not in page  # noqa: PT018
    client.post(SESSIONS, {"action": "end", "_selected_action": [str(row.pk)]})
    assert session(gate, row) == 0


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_tokens_are_revoked_by_the_action_of_the_list(root: Client, gate: Gate, alice: User) -> None:
    made, other = create_token(alice), create_token(alice)
    assert made.visible in root.get(TOKENS).content.decode()
    before = gate.ask((token_key(made.id),), ()).epochs
    assert root.post(TOKENS, {"action": "revoke", "_selected_action": [str(made.id)]}).status_code == 302
    assert gate.ask((token_key(made.id),), ()).epochs > before
    assert OpaqueToken.objects.get(pk=made.id).end_reason == "admin"
    assert OpaqueToken.objects.get(pk=other.id).ended_at is None


def test_nothing_of_a_token_can_be_edited_made_or_deleted_there(root: Client, alice: User) -> None:
    made = create_token(alice)
    for what in (f"{made.id}/delete/", f"{made.id}/change/", "add/"):
        assert root.post(f"{TOKENS}{what}", {"name": "x", "post": "yes"}).status_code == 403
    page = root.get(f"{TOKENS}{made.id}/change/").content.decode()
    found = OpaqueToken.objects.get(pk=made.id)
    assert found.visible in page
    assert not any(secret in page for secret in (made.token, found.digest, found.stamp))


def test_who_may_only_look_at_tokens_revokes_none(gate: Gate, alice: User, bob: User) -> None:
    made = create_token(alice)
    bob.is_staff = True
    bob.save()
    bob.user_permissions.add(Permission.objects.get(codename="view_opaquetoken"))
    client = Client()
    client.force_login(bob)
    client.post(TOKENS, {"action": "revoke", "_selected_action": [str(made.id)]})
    assert OpaqueToken.objects.get(pk=made.id).ended_at is None


def test_a_user_who_has_tokens_can_be_deleted(root: Client, gate: Gate, alice: User) -> None:
    create_token(alice)
    assert root.post(f"{USERS}{alice.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not OpaqueToken.objects.exists()
