"""The twin is no strawman: taken one request at a time, everything that its parts promise works."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stockade.demo.attacks.client import Request, Target, bearer
from tests.demo.runs import Run, running
from tests.demo.test_issuer import CAROL, DAVE, PAYROLL, Issuer

LIST = "/api/articles/"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with running(
        tmp_path_factory.mktemp("twin"), "--workers", "2", "--quiet", "--limit", "user=25/min"
    ) as run:
        yield run


@pytest.fixture
def twin(run: Run) -> Target:
    passwords = {name: user["password"] for name, user in run.credentials["users"].items()}
    return Target("twin", run.twin_url, passwords, 50, 25, lambda header, claims: "").elsewhere()


def test_its_users_are_those_of_the_other_side(twin: Target) -> None:
    for user, roles in (("alice", ["Editors"]), ("carol", ["Viewers"])):
        profile = twin.get("/api/profile/", twin.login(user).access).json()
        assert (profile["username"], profile["roles"]) == (user, roles)


def test_its_refresh_tokens_rotate_and_a_used_one_is_refused(twin: Target) -> None:
    first = twin.login("alice").refresh
    second = twin.refresh(first)
    assert (second.status, twin.refresh(first).status) == (200, 401)
    assert twin.refresh(second.json()["refresh"]).status == 200


def test_its_logout_ends_the_refresh_token(twin: Target) -> None:
    pair = twin.login("alice")
    assert twin.post("/api/token/revoke/", {"refresh": pair.refresh}).status == 200
    assert twin.refresh(pair.refresh).status == 401


def test_its_limit_is_exact_for_requests_in_a_row_over_all_workers(twin: Target) -> None:
    access = twin.login("admin").access
    assert sum(twin.admits(access) for _ in range(40)) == 25


def test_its_permissions_guard_single_drafts_and_writing(twin: Target) -> None:
    bob, alice, carol = (twin.login(user).access for user in ("bob", "alice", "carol"))
    draft = twin.get(LIST, bob, author="bob", published="false").json()["results"][0]
    path = f"{LIST}{draft['id']}/"
    assert [twin.get(path, token).status for token in (bob, alice, carol, "")] == [200, 403, 403, 401]
    change = Request("PATCH", path, {"title": "x"}, bearer(alice))
    assert twin.send(change).status == 403
    assert twin.post(LIST, {"title": "x", "body": "x"}, carol).status == 403
    made = twin.post(LIST, {"title": "x", "body": "x", "author": "bob"}, alice)
    assert (made.status, made.json()["author"]) == (201, "alice")


def test_it_takes_tokens_of_the_other_company_for_this_api_and_no_others(run: Run, twin: Target) -> None:
    issuer = Issuer(run.credentials["issuer_url"], run.credentials["partners"])
    profile = twin.get("/api/profile/", issuer.of(CAROL)).json()
    assert (profile["username"], profile["roles"]) == (CAROL, ["Viewers"])
    assert not twin.admits(issuer.of(CAROL, resource=PAYROLL))
    assert not twin.admits(issuer.of(DAVE))
    token = issuer.of(CAROL)
    assert not twin.admits(token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"))


def test_only_the_page_of_the_demo_may_call_it_from_a_browser(run: Run, twin: Target) -> None:
    for origin, allowed in ((run.base_url, True), ("https://evil.example", False)):
        answer = twin.send(Request("GET", LIST, headers=(("Origin", origin.encode()),)))
        assert (answer.headers.get("access-control-allow-origin") == origin) is allowed


def test_no_stockade_code_runs_in_it() -> None:
    import ast
    from pathlib import Path

    import stockade.demo.twin

    allowed = {"stockade.demo.articles.models", "stockade.demo.config"}
    imported = set()
    for path in Path(stockade.demo.twin.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported |= {name for name in names if name.startswith("stockade") and ".twin" not in name}
    assert imported <= allowed
