"""`stockade report` and what a project has accepted in pyproject.toml: with a reason, and no more than was meant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from typer.testing import CliRunner, Result

from stockade import conf, observe
from stockade.cli.report import acceptance
from stockade.cli.root import app
from stockade.core import clock
from tests.cli.test_report import show
from tests.documents import blocks
from tests.drf.survey.common import Rest
from tests.servers import ROOT

HERE = __name__
ALL = """
[[tool.stockade.accept]]
fact = "anyone-writes"
view = "{view}"
methods = ["POST"]
reason = "Whoever comes by may leave a note."

[[tool.stockade.accept]]
fact = "anyone-reads"
view = "{view}"
reason = "The notes are public."

[[tool.stockade.accept]]
fact = "undeclared"
view = "{view}"
reason = "It goes next month."
until = 2031-03-01
"""


class Notes(Rest):
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        return Response()

    def post(self, request: Request) -> Response:
        return Response()


class Others(Notes):
    pass


@pytest.fixture(autouse=True)
def project(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A project with one open view, in a repository of its own."""
    show(settings, [path("notes/", Notes.as_view())])
    monkeypatch.chdir(tmp_path)
    observe.clear()
    yield settings
    observe.clear()
    clock.unshift()
    conf.forget()


VIEW = f"{HERE}.Notes"


def accept(text: str, file: str = "pyproject.toml") -> None:
    Path(file).write_text(text.format(view=VIEW))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", *arguments])


def document(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("--format", "json", *arguments).stdout)
    return found


def kinds(*arguments: str) -> set[str]:
    return set(document(*arguments)["kinds"])


def test_without_acceptance_all_three_are_told_and_the_last_lines_say_how_to_accept() -> None:
    result = run()
    assert (result.exit_code, kinds()) == (1, {"anyone-writes", "anyone-reads", "undeclared"})
    block = result.stdout[result.stdout.index("[[tool.stockade.accept]]") :]
    lines = [line.strip() for line in block.splitlines()]
    assert lines[:3] == ["[[tool.stockade.accept]]", 'fact = "anyone-writes"', f'view = "{VIEW}"']


def test_where_everything_is_accepted_the_command_succeeds_and_tells_each_with_its_reason() -> None:
    accept(ALL)
    result = run()
    assert result.exit_code == 0, result.output
    assert "facts       none" in result.stdout
    assert "accepted    3 facts" in result.stdout
    assert "Whoever comes by may leave a note." in result.stdout
    assert "until 2031-03-01" in result.stdout
    found = document()
    assert (found["facts"], found["kinds"], found["unmatched"]) == ([], {}, [])
    assert [(one["fact"]["kind"], one["reason"], one["until"]) for one in found["accepted"]] == [
        ("anyone-writes", "Whoever comes by may leave a note.", None),
        ("anyone-reads", "The notes are public.", None),
        ("undeclared", "It goes next month.", "2031-03-01"),
    ]


def test_one_that_is_not_accepted_fails_the_command() -> None:
    accept(ALL.replace('"anyone-reads"', '"csrf-exempt"'))
    assert (run().exit_code, kinds()) == (1, {"anyone-reads"})


def test_it_is_found_from_a_folder_below(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    accept(ALL)
    (tmp_path / "src" / "site").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "src" / "site")
    assert run().exit_code == 0


def test_another_file_may_be_named(tmp_path: Path) -> None:
    accept(ALL, "security.toml")
    assert run().exit_code == 1
    assert run("--config", "security.toml").exit_code == 0
    assert run("--config", "nowhere.toml").exit_code == 2


# -- no more than was meant -------------------------------------------------------------------------------------------


def test_a_method_that_comes_later_is_not_accepted_with_those_that_were() -> None:
    """Whoever accepted that anybody may POST has not accepted that anybody may DELETE."""
    accept(ALL.replace('["POST"]', '["PUT"]'))
    assert (run().exit_code, kinds()) == (1, {"anyone-writes"})
    (left,) = document()["unmatched"]
    assert left["fact"] == "anyone-writes"


@pytest.mark.parametrize("view", [f"{HERE}.Note", f"{HERE}.*", "*", HERE, "Notes"])
def test_a_view_is_accepted_by_its_whole_name_and_no_pattern(view: str) -> None:
    accept(ALL.replace("{view}", view))
    assert run().exit_code == 1
    assert len(document()["facts"]) == 3


def test_the_same_fact_of_another_view_is_told(project: Any) -> None:
    accept(ALL)
    show(project, [path("notes/", Notes.as_view()), path("other/", Others.as_view())])
    result = run()
    assert result.exit_code == 1
    assert {fact["view"] for fact in document()["facts"]} == {f"{HERE}.Others"}


def test_an_acceptance_ends_with_its_last_day() -> None:
    accept(ALL)
    clock.shift(_seconds_to("2031-03-01T23:59:00+00:00"))
    assert run().exit_code == 0
    clock.shift(120)
    result = run()
    assert (result.exit_code, kinds()) == (1, {"undeclared"})
    assert "was accepted until 2031-03-01: It goes next month." in " ".join(result.stdout.split())
    (expired,) = document()["expired"]
    assert (expired["fact"], expired["until"]) == ("undeclared", "2031-03-01")


def _seconds_to(moment: str) -> float:
    import datetime

    return datetime.datetime.fromisoformat(moment).timestamp() - clock.now()


# -- what matches nothing ---------------------------------------------------------------------------------------------


def test_an_acceptance_of_nothing_is_told_and_fails_the_command(project: Any) -> None:
    """Left in place it would accept the same fact when it comes back."""
    accept(ALL)
    show(project, [])
    result = run()
    assert result.exit_code == 1
    assert "3 acceptances match nothing" in result.stdout
    assert [one["fact"] for one in document()["unmatched"]] == ["anyone-writes", "anyone-reads", "undeclared"]


WRONG: dict[str, tuple[str, str]] = {
    "no TOML": ("[[tool.stockade.accept]", "pyproject.toml"),
    "a table": ('[tool.stockade.accept]\nfact = "undeclared"', "[[tool.stockade.accept]]"),
    "no reason": ('[[tool.stockade.accept]]\nfact = "undeclared"\nview = "a.b"', "reason"),
    "a blank reason": ('[[tool.stockade.accept]]\nfact = "undeclared"\nview = "a.b"\nreason = "  "', "reason"),
    "no view": ('[[tool.stockade.accept]]\nfact = "undeclared"\nreason = "x"', "view"),
    "no fact": ('[[tool.stockade.accept]]\nview = "a.b"\nreason = "x"', "fact"),
    "both": ('[[tool.stockade.accept]]\nfact = "undeclared"\nrefusal = "undeclared"\nview = "a"\nreason = "x"', "fact"),
    "an unknown kind": ('[[tool.stockade.accept]]\nfact = "anyone-write"\nview = "a"\nreason = "x"', "anyone-writes"),
    "an unknown key": (
        '[[tool.stockade.accept]]\nfact = "undeclared"\nview = "a"\nreason = "x"\nuntill = 2031-01-01', "until",
    ),
    "a date that is text": (
        '[[tool.stockade.accept]]\nfact = "undeclared"\nview = "a"\nreason = "x"\nuntil = "soon"', "2031-12-31",
    ),
    "a time": (
        '[[tool.stockade.accept]]\nfact = "undeclared"\nview = "a"\nreason = "x"\nuntil = 2031-01-01T00:00:00',
        "2031-12-31",
    ),
    "methods as text": (
        '[[tool.stockade.accept]]\nfact = "undeclared"\nview = "a"\nreason = "x"\nmethods = "GET"', "methods",
    ),
    "no methods": ('[[tool.stockade.accept]]\nfact = "undeclared"\nview = "a"\nreason = "x"\nmethods = []', "methods"),
    "a word in the place of the tool": ("[tool]\nstockade = 7", "[[tool.stockade.accept]]"),
    "an unknown table": ("[tool.stockade.acept]\nx = 1", "accept"),
    "the same twice": (
        '[[tool.stockade.accept]]\nfact = "undeclared"\nview = "a"\nreason = "x"\n' * 2, "twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_written_wrong_is_wrong_use_and_says_what_to_write(name: str) -> None:
    text, said = WRONG[name]
    Path("pyproject.toml").write_text(text)
    result = run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.mark.parametrize("text", ["", "[tool.ruff]\nline-length = 100", "[project]\nname = 'x'"])
def test_a_pyproject_that_says_nothing_of_us_accepts_nothing(text: str) -> None:
    Path("pyproject.toml").write_text(text)
    assert (run().exit_code, len(document()["facts"])) == (1, 3)


def test_the_example_of_the_reference_is_read(tmp_path: Path) -> None:
    page = ROOT / "docs" / "reference" / "report.md"
    (block,) = [block for block in blocks.read(page) if block.kind == "toml"]
    (tmp_path / "example.toml").write_text(block.text)
    read = acceptance.read(tmp_path / "example.toml")
    assert [one.fact or one.refusal for one in read] == ["anyone-reads", "token-forever", "limit:anon"]


def test_a_reason_can_command_no_terminal() -> None:
    accept(ALL.replace("It goes next month.", "\\u001b[31mred"))
    assert "\x1b" not in run().stdout
    assert "\x1b" not in run("--format", "json").stdout


# -- refusals ---------------------------------------------------------------------------------------------------------

REFUSAL = """
[[tool.stockade.accept]]
refusal = "limit:anon"
view = "{view}"
reason = "A crawler that we know."
"""


def test_refusals_are_accepted_by_view_and_reason() -> None:
    accept(ALL + REFUSAL)
    observe.note(VIEW, "GET", "limits", "limit:anon")
    result = run()
    assert result.exit_code == 0, result.output
    assert "accepted    3 facts, 1 refused request" in result.stdout
    assert document()["accepted"][-1]["refusal"]["count"] == 1
    observe.note(VIEW, "GET", "limits", "limit:user")
    assert run().exit_code == 1
    assert [row["reason"] for row in document()["refused"]] == ["limit:user"]


def test_what_an_accepted_fact_leads_to_is_accepted_with_it() -> None:
    """The requests that an undeclared view would refuse are not another thing."""
    accept(ALL)
    observe.note(VIEW, "GET", "policies", "undeclared")
    assert run().exit_code == 0
    observe.note("shop.views.other", "GET", "policies", "undeclared")
    assert run().exit_code == 1


def test_an_accepted_refusal_that_has_not_come_is_told_and_fails_nothing() -> None:
    """Traffic comes and goes: with `--since 1h` it may be quiet."""
    accept(ALL + REFUSAL)
    result = run()
    assert result.exit_code == 0
    assert "1 acceptance matches nothing" in result.stdout


def test_credentials_in_query_strings_are_accepted_as_the_fact() -> None:
    accept(
        ALL
        + ALL.split("\n\n")[0]
        .replace("anyone-writes", "credential-in-query")
        .replace('methods = ["POST"]\n', "")
    )
    assert run().exit_code == 0
    observe.note(VIEW, "GET", "input", "credential_in_query")
    result = run()
    assert result.exit_code == 0, result.output
    assert document()["credentials_in_query"] == 0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "cannot be read: No such file"),
        (lambda path: path.write_bytes(b"[tool"), "is no TOML"),
    ],
    ids=["absent", "broken"],
)
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, make: Any, said: str) -> None:
    make(tmp_path / "x.toml")
    with pytest.raises(acceptance.WrongAcceptance, match=said):
        acceptance.read(tmp_path / "x.toml")
