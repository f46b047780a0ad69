"""`stockade report`: what it tells, in both formats, how it exits, and that it needs neither setting nor database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import clear_url_caches, path
from django.views.decorators.csrf import csrf_exempt
from typer.testing import CliRunner, Result

from stockade import conf, observe
from stockade.cli.root import app
from stockade.core import clock
from stockade.core.errors import ConfigurationError, Unavailable
from stockade.drf.survey import KINDS
from tests.drf.survey.asking import at, routed
from tests.drf.survey.common import Docs
from tests.drf.survey.test_access import both_ways
from tests.drf.survey.test_objects import ByHand
from tests.servers import ROOT

MARK = "\x1b[31mred"


@pytest.fixture(autouse=True)
def project(settings: Any) -> Iterator[Any]:
    """A project that has just begun, with two views."""
    show(settings, [*routed(Docs), *at(ByHand, "by-hand/<int:pk>/"), path("form/", csrf_exempt(both_ways))])
    observe.clear()
    yield settings
    observe.clear()
    clock.unshift()
    conf.forget()


def show(settings: Any, patterns: list[Any]) -> None:
    urls = ModuleType("tests.cli.report_urls")
    urls.__dict__["urlpatterns"] = patterns
    settings.ROOT_URLCONF = urls
    clear_url_caches()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", *arguments])


def document(*arguments: str) -> dict[str, Any]:
    result = run("--format", "json", *arguments)
    assert result.exit_code == 1, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_project_without_a_setting_is_surveyed_and_told_what_to_write() -> None:
    result = run()
    assert result.exit_code == 1
    assert "views       3 judged" in result.stdout
    assert "undeclared  3 views" in result.stdout
    assert "object-by-hand: An object is fetched by a part of the URL" in result.stdout
    assert "tests/drf/survey/test_objects.py:" in result.stdout
    assert 'MIDDLEWARE = ["stockade.web.Middleware", *MIDDLEWARE]' in result.stdout
    assert '"UNDECLARED": "legacy"' in result.stdout


def test_the_summary_comes_first_and_fits_on_a_screen() -> None:
    for number in range(60):
        observe.note(f"shop.views.View{number}", "GET", "policies", "undeclared")
    lines = run().stdout.splitlines()
    summary = lines[: lines.index("")]
    assert len(summary) <= 24
    assert "            and 45 more by view and reason: --format json" in summary
    assert all(len(line) <= 100 for line in lines)


def test_nothing_found_is_exit_status_0(project: Any) -> None:
    show(project, [])
    result = run()
    assert result.exit_code == 0, result.output
    assert "facts       none" in result.stdout


def test_refusals_alone_are_findings(project: Any) -> None:
    show(project, [])
    observe.note("shop.views.Orders", "GET", "limits", "limit:anon")
    assert run().exit_code == 1


# --- refusals ---


def test_what_would_have_been_refused_is_told_by_view_and_reason() -> None:
    for _ in range(3):
        observe.note("shop.views.Orders", "POST", "policies", "undeclared")
    observe.note("shop.views.Orders", "GET", "limits", "limit:anon")
    text = run().stdout
    assert (
        "4 would be made, once there is a STOCKADE setting (all that is kept); a request may meet several"
        in " ".join(text.split())
    )
    assert "      3  policies: undeclared  POST shop.views.Orders" in text
    assert "      1  limits: limit:anon  GET shop.views.Orders" in text
    rows = document()["refused"]
    assert [(row["count"], row["view"], row["kind"], row["reason"]) for row in rows] == [
        (3, "shop.views.Orders", "policies", "undeclared"),
        (1, "shop.views.Orders", "limits", "limit:anon"),
    ]
    assert rows[0]["first"] <= rows[0]["last"]


def test_a_credential_in_a_query_string_is_a_fact_of_its_view() -> None:
    observe.note("shop.views.Invoice", "GET", "input", "credential_in_query")
    observe.note("shop.views.Invoice", "GET", "input", "credential_in_query")
    observe.note("shop.views.Invoice", "POST", "input", "bad_json")
    assert (
        "in query    2 requests with a credential in the query string, 2 of them would be refused"
        in run().stdout
    )
    found = document()
    assert found["credentials_in_query"] == 2
    (fact,) = [fact for fact in found["facts"] if fact["kind"] == "credential-in-query"]
    assert (fact["view"], fact["where"], fact["methods"]) == ("shop.views.Invoice", "traffic", ["GET"])


def test_what_enforcing_would_not_refuse_is_told_and_not_counted_as_refused(project: Any) -> None:
    show(project, [])
    observe.note("shop.views.Invoice", "GET", "input", "foreign_credential_in_query")
    observe.note("shop.views.Invoice", "GET", "input", "foreign_credential_in_query")
    observe.note("shop.views.Invoice", "GET", "input", "credential_in_query")
    text = run().stdout
    assert "refusals    1 would be made" in text
    assert "in query    3 requests with a credential in the query string, 1 of them would be refused" in text
    found = document()
    assert [row["reason"] for row in found["refused"]] == ["credential_in_query"]
    assert [(row["reason"], row["count"]) for row in found["seen"]] == [("foreign_credential_in_query", 2)]
    assert found["credentials_in_query"] == 3
    (fact,) = found["facts"]
    assert fact["meaning"] == (
        "1 request carried a credential of Stockade's in the query string; enforced, it gets 400. 2 requests carried "
        "what has the shape of another package's; enforced, they get 400 only where an authenticator in SCHEMES takes "
        "it from there."
    )


def test_since_leaves_out_what_is_older() -> None:
    observe.note("shop.views.Old", "GET", "policies", "undeclared")
    clock.shift(7200)
    observe.note("shop.views.New", "GET", "policies", "undeclared")
    assert [row["view"] for row in document("--since", "1h")["refused"]] == ["shop.views.New"]
    assert len(document("--since", "3h")["refused"]) == 2
    assert "(the last 1h)" in run("--since", "1h").stdout


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConfigurationError("stockade.E022", "There is no place.", "Write a path."), "There is no place."),
        (Unavailable(reason="state: busy"), "state: busy"),
    ],
)
def test_counts_that_cannot_be_read_are_said_and_keep_no_fact_back(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(since: float | None = None) -> Any:
        raise error

    monkeypatch.setattr(observe, "read", read)
    text = run().stdout
    assert "refusals    cannot be read: " in text
    assert said in text
    assert "object-by-hand" in text
    assert said in document()["unread"]


# --- what is printed ---


def test_json_is_as_the_reference_says() -> None:
    found = document()
    assert list(found) == [
        "version", "configured", "views", "kinds", "refused", "seen", "unread", "credentials_in_query", "untold",
        "facts", "accepted", "expired", "unmatched", "next",
    ]  # fmt: skip
    assert (found["version"], found["configured"]) == (1, False)
    assert found["views"] == {"judged": 3, "undeclared": 3, "other_routes": {}}
    assert all(
        list(fact) == ["kind", "view", "where", "meaning", "write", "methods"] for fact in found["facts"]
    )
    assert sum(found["kinds"].values()) == len(found["facts"])
    order = list(KINDS)
    assert found["facts"] == sorted(
        found["facts"], key=lambda fact: (order.index(fact["kind"]), fact["view"], fact["where"])
    )
    assert found == document(), "twice the same"


def test_every_kind_is_in_the_reference_and_the_reference_has_no_other() -> None:
    text = (ROOT / "docs" / "reference" / "report.md").read_text()
    headings = {
        line.removeprefix("### ").strip("` ") for line in text.splitlines() if line.startswith("### ")
    }
    assert headings == set(KINDS)


def test_nothing_that_is_counted_can_command_a_terminal() -> None:
    observe.note(f"shop.views.{MARK}", "GET", "policies", MARK)
    assert "\x1b" not in run().stdout
    assert "\x1b" not in run("--format", "json").stdout


def test_wrong_use_is_told_apart() -> None:
    assert run("--since", "yesterday").exit_code == 2
    assert run("--format", "xml").exit_code == 2
    assert run("--nonsense").exit_code == 2


def test_manage_py_has_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("stockade", "report", "--format", "json")
    assert json.loads(capsys.readouterr().out)["views"]["judged"] == 3


# --- where a project stands ---


def test_with_a_setting_the_next_step_is_another(project: Any) -> None:
    project.STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}}
    project.MIDDLEWARE = ["stockade.web.Middleware", *project.MIDDLEWARE]
    conf.forget()
    found = document()
    assert (found["configured"], found["next"]) == (True, "")
    project.STOCKADE = {**project.STOCKADE, "UNDECLARED": "legacy"}
    conf.forget()
    assert '"UNDECLARED": "refuse"' in document()["next"]


def test_the_ten_lines_name_only_what_there_is(project: Any) -> None:
    del project.REST_FRAMEWORK
    show(project, [])
    lines = json.loads(run("--format", "json").stdout)["next"]
    names: dict[str, Any] = {"MIDDLEWARE": ["other"]}
    exec(lines, names)
    assert names["MIDDLEWARE"] == ["stockade.web.Middleware", "other"]
    assert set(names["STOCKADE"]) == {"MODE", "UNDECLARED", "STATE", "ERRORS"}
    assert names["STOCKADE"]["MODE"]["limits"] == "report", "there are none to take over"
    assert "DEFAULT_PERMISSION_CLASSES" in names["REST_FRAMEWORK"]


def test_what_is_exempt_is_not_judged(project: Any) -> None:
    project.STOCKADE = {
        "STATE": "memory://",
        "EXEMPT": ["thing-list", "thing-detail"],
        "EVENTS": {"SINKS": ["null"]},
    }
    conf.forget()
    assert "tests.drf.survey.common.Docs" not in {fact["view"] for fact in document()["facts"]}


def test_a_typo_in_exempt_is_a_fact_of_the_settings(project: Any) -> None:
    project.STOCKADE = {"STATE": "memory://", "EXEMPT": ["thing-lists"], "EVENTS": {"SINKS": ["null"]}}
    conf.forget()
    (fact,) = [fact for fact in document()["facts"] if fact["kind"] == "names-nothing"]
    assert (fact["view"], fact["where"]) == ("settings", 'STOCKADE["EXEMPT"]')
    assert fact["write"] == '# Did you mean "thing-list"?'


def test_a_wrong_setting_keeps_no_fact_back(project: Any) -> None:
    project.STOCKADE = {"STATE": "carrier-pigeon://", "UNDECLARED": "legacy"}
    conf.forget()
    assert "object-by-hand" in document()["kinds"]


# --- in a process of its own ---

SETTINGS = """
from config.settings import *
from config.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "stockade"]
DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}
"""


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "stockade", "report"],
        ["manage.py", "stockade", "report", "--settings", "surveyed", "--pythonpath=."],  # as any of Django's
        ["-m", "stockade", "report"],
    ],
)
def test_it_needs_no_database_no_table_and_no_setting(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "surveyed.py").write_text(SETTINGS)
    project = ROOT / "tests" / "adopt" / "shop"
    with tempfile.TemporaryDirectory(prefix="stockade-report-", dir="/var/tmp") as state:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=project,
            env={
                **{key: value for key, value in os.environ.items() if not key.startswith("STOCKADE")},
                "DJANGO_SETTINGS_MODULE": "nowhere" if "--settings" in command else "surveyed",
                "PYTHONPATH": os.pathsep.join([str(project), str(tmp_path)]),
                "PYTHONDONTWRITEBYTECODE": "1",
                "XDG_STATE_HOME": state,
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert (done.returncode, done.stderr) == (1, "")
    assert "refusals    0 would be made" in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines())
    assert "at orders/views.py:" in done.stdout
    assert '"EXEMPT": ["admin", "api-root", "spectacular"],' in done.stdout
    assert '"login": "5/min",' in done.stdout
