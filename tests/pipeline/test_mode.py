"""MODE: what is only recorded lets the request go on as without us; what is enforced beside it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

import stockade
from stockade import observe
from stockade.core.errors import ConfigurationError, Unavailable
from stockade.core.mode import ENFORCE, REPORT, Mode, parse, parse_all
from stockade.demo.articles.models import Article
from stockade.models import ListEntry
from stockade.pipeline import judged, registry, reporting
from tests.pipeline import views

Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def counted() -> Iterator[Callable[[], dict[tuple[str, str, str], int]]]:
    """What was recorded, by method, kind and reason."""
    observe.clear()
    reporting.forget()

    def read() -> dict[tuple[str, str, str], int]:
        found: dict[tuple[str, str, str], int] = {}
        for row in observe.read(None):
            key = (row.method, row.kind, row.reason)
            found[key] = found.get(key, 0) + row.count
        return found

    yield read
    observe.clear()


Counted = Callable[[], dict[tuple[str, str, str], int]]


# -- the setting -------------------------------------------------------------------------------------------------------


def test_one_word_is_for_all_and_a_dict_for_its_own() -> None:
    assert parse("enforce") is ENFORCE
    assert parse("report") is REPORT
    assert parse({"limits": "report"}) == Mode(limits=False)
    assert parse({"policies": "enforce"}, REPORT) == Mode(True, False, False, False)
    found = parse_all({"input": "report", "views": {"shop": "report", "shop:pay": {"limits": "report"}}})
    assert found.general == Mode(input=False)
    assert found.views == {"shop": REPORT, "shop:pay": Mode(limits=False, input=False)}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("off", "enforce"),
        ({"policy": "report"}, "policies"),
        ({"limits": "off"}, "enforce"),
        ({"limits": True}, "enforce"),
        (None, "enforce"),
        ({"views": ["shop"]}, "namespace"),
        ({"views": {"shop": "loose"}}, "enforce"),
    ],
)
def test_what_is_no_mode_stops_the_start(configure: Configure, wrong: Any, says: str) -> None:
    configure(MODE=wrong)
    with pytest.raises(ConfigurationError, match=says) as caught:
        registry.current()
    assert caught.value.id == "stockade.E207"


# -- policies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["function", "async", "class", "apiview", "api_view"])
def test_an_undeclared_view_answers_and_is_counted(
    configure: Configure, anonymous: Client, counted: Counted, kind: str
) -> None:
    configure(MODE={"policies": "report"})
    assert anonymous.get(f"/undeclared/{kind}/").status_code == 200
    assert views.reached == [kind]
    assert counted() == {("GET", "policies", "undeclared"): 1}


def test_whoever_may_not_may_and_is_counted(
    configure: Configure,
    anonymous: Client,
    carol: User,
    client_of: Callable[..., Client],
    counted: Counted,
    log: Callable[[], list[Any]],
) -> None:
    configure(MODE={"policies": "report"})
    assert [anonymous.get("/editors/").status_code for _ in range(3)] == [200, 200, 200]
    assert client_of(carol).get("/editors/").status_code == 200
    assert counted() == {
        ("GET", "policies", "not_authenticated"): 3,
        ("GET", "policies", "permission_denied"): 1,
    }
    # The log has each once a minute, and says that nobody was refused.
    assert [(one.event.tag, one.reason, dict(one.details)) for one in log()] == [
        ("authz_fail", "not_authenticated", {"mode": "report"}),
        ("authz_fail", "permission_denied", {"mode": "report"}),
    ]


def test_a_credential_that_does_not_hold_is_nobodys(
    configure: Configure, anonymous: Client, alice: User, counted: Counted
) -> None:
    """It must not be taken for one that does: its view sees a stranger."""
    configure(MODE="report")
    pair = stockade.issue(alice)
    stockade.end_sessions(alice)
    answer = anonymous.get("/private/", headers={"authorization": f"Bearer {pair.access}"})
    assert answer.status_code == 200
    assert "alice" not in answer.content.decode()
    assert ("GET", "policies", "ended") in counted()


def test_objects_are_shown_and_counted(
    configure: Configure, alice: User, bob: User, client_of: Callable[..., Client], counted: Counted
) -> None:
    draft = Article.objects.create(title="Bob's draft", body="secret", author=bob)
    client = client_of(alice)
    assert client.get(f"/articles/{draft.pk}/").status_code == 404
    configure(MODE={"policies": "report"})
    client = client_of(alice)
    assert client.get(f"/articles/{draft.pk}/").status_code == 200
    assert (
        client.patch(f"/articles/{draft.pk}/", {"title": "mine"}, content_type="application/json").status_code
        == 200
    )
    assert any(kind == "policies" for _, kind, _ in counted())


# -- limits ------------------------------------------------------------------------------------------------------------


def test_what_is_over_a_limit_passes_and_is_counted(
    configure: Configure, alice: User, client_of: Callable[..., Client], counted: Counted
) -> None:
    configure(MODE={"limits": "report"})
    client = client_of(alice)
    answers = [client.get("/three/") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert not any("RateLimit" in answer.headers for answer in answers)
    assert counted() == {("GET", "limits", "limit:three"): 2}
    assert client.get("/editors/").status_code == 200
    assert Client().get("/editors/").status_code == 401  # policies are enforced beside it


def test_guessing_passwords_is_not_refused_where_limits_report(
    configure: Configure, alice: User, log: Callable[[], list[Any]]
) -> None:
    configure(MODE={"limits": "report"}, LIMITS={"login": "2/min"})
    wrong = {"username": "alice", "password": "wrong"}
    answers = [
        Client().post("/api/token/", wrong, content_type="application/json").status_code for _ in range(4)
    ]
    assert answers == [401] * 4
    told = [dict(one.details) for one in log() if one.reason == "limit:login"]
    assert [one for one in told if one.get("mode") == "report"] == [
        {"limit": "login", "seconds": 60, "mode": "report"}
    ] * 2


# -- input -------------------------------------------------------------------------------------------------------------


def test_bad_input_passes_and_is_counted(
    configure: Configure, alice: User, client_of: Callable[..., Client], counted: Counted
) -> None:
    token = stockade.issue(alice).access
    client = client_of(alice)
    assert client.get(f"/private/?token={token}").status_code == 400
    configure(MODE={"input": "report"})
    client = client_of(alice)
    assert client.get(f"/private/?token={token}").status_code == 200
    twice = '{"title": "a", "title": "b", "body": "text"}'
    assert client.post("/articles/", twice, content_type="application/json").status_code == 201
    assert counted() == {
        ("GET", "input", "credential_in_query"): 1,
        ("POST", "input", "parse_error"): 1,
    }
    assert Client().get("/private/").status_code == 401


# -- what no mode opens ------------------------------------------------------------------------------------------------


def test_a_ban_holds_in_report_mode(configure: Configure, anonymous: Client) -> None:
    configure(MODE="report")
    assert anonymous.get("/public/").status_code == 200
    ListEntry.objects.create(value="127.0.0.1")
    assert anonymous.get("/public/").status_code == 403


def test_a_wrong_password_is_no_login_in_report_mode(configure: Configure, alice: User) -> None:
    configure(MODE="report")
    wrong = {"username": "alice", "password": "wrong"}
    assert Client().post("/api/token/", wrong, content_type="application/json").status_code == 401


# -- by view -----------------------------------------------------------------------------------------------------------


def test_a_view_has_a_mode_of_its_own(
    configure: Configure, anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views.EditorsOnly, "mode", "report", raising=False)
    registry.forget()
    assert anonymous.get("/editors/").status_code == 200
    assert anonymous.get("/private/").status_code == 401
    monkeypatch.setattr(views.EditorsOnly, "mode", {"policies": "enforce"})
    configure(MODE="report")
    assert anonymous.get("/editors/").status_code == 401
    assert anonymous.get("/private/").status_code == 200


def test_a_wrong_mode_of_a_view_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views.EditorsOnly, "mode", "loose", raising=False)
    registry.forget()
    with pytest.raises(ConfigurationError, match="EditorsOnly") as caught:
        registry.current().declared(views.EditorsOnly.as_view())  # type: ignore[union-attr]
    assert caught.value.id == "stockade.E216"


def test_a_name_has_a_mode_of_its_own(configure: Configure, anonymous: Client) -> None:
    configure(MODE={"views": {"private": "report"}})
    assert anonymous.get("/private/").status_code == 200
    assert anonymous.get("/private_async/").status_code == 401


# -- nothing is changed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/public/", "/undeclared/class/", "/nowhere/", "/broken/", "/private/"])
def test_where_nothing_is_refused_nothing_is_added(project: Any, configure: Configure, path: str) -> None:
    def ask() -> tuple[int, dict[str, str], bytes]:
        answer = Client(raise_request_exception=False).get(path)
        return answer.status_code, dict(answer.headers), answer.content

    configure(MODE="report")
    reported = ask()
    project.MIDDLEWARE = [one for one in project.MIDDLEWARE if not one.startswith("stockade")]
    assert ask() == reported


def test_a_state_that_is_away_refuses_nobody_then(
    configure: Configure, alice: User, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(MODE="report")
    client = client_of(alice)
    assert client.get("/private/").status_code == 200

    def away(*_: Any) -> Any:
        raise Unavailable(reason="state")

    gate = registry.current().engine.gate  # type: ignore[union-attr]
    monkeypatch.setattr(gate, "ask", away)
    assert client.get("/private/").status_code == 200
    assert Client().get("/public/").status_code == 200
    configure(MODE={"policies": "report"})  # limits are enforced, and nobody can count
    gate = registry.current().engine.gate  # type: ignore[union-attr]
    monkeypatch.setattr(gate, "ask", away)
    assert Client().get("/public/").status_code == 503


@pytest.mark.django_db(transaction=True)
async def test_it_is_the_same_under_asgi(configure: Configure, counted: Counted) -> None:
    configure(MODE="report")
    client = AsyncClient()
    assert (await client.get("/undeclared/async/")).status_code == 200
    assert (await client.get("/private_async/")).status_code == 200
    bad = await client.get("/private_async/", headers={"authorization": "Bearer x.y.z"})
    assert bad.status_code == 200
    assert counted()[("GET", "policies", "undeclared")] == 1


def test_a_check_names_views_without_a_policy_only_where_they_are_refused(configure: Configure) -> None:
    def refused() -> set[str]:
        found = {
            finding.message.split()[0] for finding in judged.view_findings() if finding.id == "stockade.W010"
        }
        return {name.rpartition(".")[2] for name in found}

    assert {"undeclared_function", "HalfDeclared"} <= refused()
    configure(UNDECLARED="legacy")
    assert refused() == {"HalfDeclared"}  # it has a policy, which leaves out an action
    configure(UNDECLARED="refuse", MODE={"policies": "report"})
    assert refused() == set()
