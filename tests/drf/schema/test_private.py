"""A document for one caller (SERVE_PUBLIC = False) tells nobody of operations that the policy keeps from him."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

SESSION = "rest_framework.authentication.SessionAuthentication"


def shown(client: Client) -> set[tuple[str, str]]:
    answer = client.get("/schema/own/", headers={"accept": "application/json"})
    assert answer.status_code == 200, answer.content
    return {(method, path) for path, methods in answer.json()["paths"].items() for method in methods}


def test_a_stranger_is_not_told_what_there_is_for_others(anonymous: Client) -> None:
    found = shown(anonymous)
    assert ("get", "/open/") in found
    assert ("get", "/docs/") in found
    assert not found & {
        ("get", "/known/"), ("post", "/docs/"), ("post", "/initial/"), ("post", "/function/"), ("get", "/staff/"),
        ("get", "/undeclared/"), ("get", "/bare/"), ("get", "/api/sessions/"),
    }  # fmt: skip


def test_a_caller_is_told_what_his_roles_open(
    alice: User, carol: User, client_of: Callable[..., Client]
) -> None:
    for_editors = {("post", "/initial/"), ("post", "/docs/"), ("post", "/function/")}
    editor, viewer = shown(client_of(alice)), shown(client_of(carol))
    assert ("get", "/known/") in editor & viewer
    assert for_editors <= editor
    assert not for_editors & viewer
    assert ("get", "/staff/") not in editor  # its own permission class is asked as well
    assert ("get", "/undeclared/") not in editor


def test_where_the_documents_view_is_exempt_the_caller_is_the_one_that_drf_knows(
    configure: Callable[..., None], alice: User, anonymous: Client
) -> None:
    configure(EXEMPT=["schema-own"], SCHEMES=["jwt", SESSION])
    assert ("post", "/initial/") not in shown(anonymous)
    anonymous.force_login(alice)
    assert ("post", "/initial/") in shown(anonymous)


def test_where_its_own_classes_judge_they_are_asked(
    configure: Callable[..., None], alice: User, client_of: Callable[..., Client], anonymous: Any
) -> None:
    configure(UNDECLARED="legacy")
    assert ("get", "/undeclared/") not in shown(anonymous)
    assert ("get", "/undeclared/") in shown(client_of(alice))
    assert ("get", "/bare/") in shown(anonymous)
