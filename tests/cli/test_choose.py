"""`stockade choose`: whatever is answered, what it prints starts, passes the checks of a deployment and serves."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stockade.cli.choosing.answers import CALLERS, QUESTIONS, Answers, WrongAnswer
from stockade.cli.choosing.chosen import OAUTH2, choose
from stockade.cli.choosing.writing import python
from stockade.cli.root import app
from tests.servers import ROOT
from tests.state_servers import redis_server

ISSUER = {"issuer": "https://id.example.com/", "audience": "https://api.example.org"}


def run(*options: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["choose", *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


# What each answer may be, as far as it changes what is printed.
AXES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    **{name: ({name: False}, {name: True}) for name in CALLERS},
    "issuer": ({}, ISSUER),
    "existing": ({"existing": False}, {"existing": True}),
    "many_hosts": ({"many_hosts": False}, {"many_hosts": True}),
    "proxy": ({"proxy": ""}, {"proxy": "10.0.0.0/28"}),
}
_CALLING = len(CALLERS) + 1  # the first of them, one of which must be


def everything() -> list[tuple[bool, ...]]:
    """Every combination of answers that is one: somebody calls."""
    return [row for row in itertools.product((False, True), repeat=len(AXES)) if any(row[:_CALLING])]


def of_three(row: tuple[bool, ...]) -> set[tuple[tuple[int, bool], ...]]:
    """Each three answers of a combination."""
    return set(itertools.combinations(enumerate(row), 3))


def covering() -> list[tuple[bool, ...]]:
    """Few combinations in which any three answers meet in every way that they can; and each caller alone."""
    rows = everything()
    meets = {row: of_three(row) for row in rows}
    left = set().union(*meets.values())
    found = [row for row in rows if sum(row[:_CALLING]) == 1 and not any(row[_CALLING + 1 :])]
    for row in found:
        left -= meets[row]
    while left:
        best = max(rows, key=lambda row: len(meets[row] & left))
        left -= meets[best]
        found.append(best)
    return found


def answers_of(row: tuple[bool, ...]) -> dict[str, Any]:
    """The answers of a combination."""
    found: dict[str, Any] = {}
    for choices, chosen in zip(AXES.values(), row, strict=True):
        found |= choices[chosen]
    return found


def tried(rows: list[tuple[bool, ...]], folder: Path) -> dict[str, Any]:
    """What is wrong with which answers: each is printed, started, checked and asked in a process of its own."""
    with redis_server(
        folder=folder, options={"maxmemory": "64mb", "maxmemory-policy": "noeviction"}
    ) as server:
        done = subprocess.run(
            [sys.executable, "-m", "tests.cli.choices"],
            cwd=ROOT,
            env={
                **os.environ,
                "CHOICES_DATABASE": str(folder / "choices.sqlite3"),
                "XDG_STATE_HOME": str(folder / "state"),
                "STATE_URL": f"redis://127.0.0.1:{server.port}/0",
            },
            input=json.dumps([answers_of(row) for row in rows]), capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_answers_start_and_pass_the_checks_however_three_of_them_meet(tmp_path: Path) -> None:
    rows = covering()
    assert set().union(*map(of_three, rows)) == set().union(*map(of_three, everything()))
    assert len(rows) < 60
    assert tried(rows, tmp_path) == {}


@pytest.mark.soak
@pytest.mark.parametrize("part", range(8))
def test_every_combination_of_answers_starts_and_passes_the_checks(part: int, tmp_path: Path) -> None:
    rows = everything()
    assert len(rows) == 127 * 8
    assert tried(rows[part::8], tmp_path) == {}


@pytest.mark.parametrize(
    ("caller", "scheme"),
    [
        ("pages", "session"), ("apps", "jwt"), ("scripts", "token"), ("servers", "api_key"), ("services", "jwt"),
        ("third_party", OAUTH2),
    ],
)  # fmt: skip
def test_each_caller_gets_what_the_guide_recommends(caller: str, scheme: str) -> None:
    found = choose(Answers(**{caller: True}))  # type: ignore[arg-type]
    assert list(found.schemes) == found.stockade["SCHEMES"] == [scheme]


def test_services_alone_get_the_profile_of_a_network_of_their_own() -> None:
    assert choose(Answers(services=True)).profile == "internal"
    assert choose(Answers(services=True, apps=True)).profile == "api"
    assert choose(Answers(services=True, pages=True)).profile == "browser"


def test_machines_that_an_issuer_knows_are_thought_of() -> None:
    """Guide section 15 has client credentials beside API keys: without SERVICES their tokens are refused."""
    said = [any("SERVICES" in one for one in choose(Answers(apps=True, servers=servers, **ISSUER)).left)  # type: ignore[arg-type]
            for servers in (False, True)]  # fmt: skip
    assert said == [False, True]
    assert not any("SERVICES" in one for one in choose(Answers(servers=True)).left)


def test_what_is_printed_is_python_and_nothing_else() -> None:
    status, out, err = run("--apps", "--proxy", "10.0.0.11", "--domain", "api.example.com")
    assert status == 0
    compile(out, "chosen", "exec")
    assert 'ALLOWED_HOSTS=["api.example.com"]' in out
    assert "check --deploy" in err
    answers = Answers(apps=True, proxy="10.0.0.11", domain="api.example.com")
    assert out == python(answers, choose(answers))


def test_json_has_answers_schemes_and_the_same_python() -> None:
    status, out, err = run("--apps", "--servers", "--json")
    told = json.loads(out)
    assert (status, err) == (0, "")
    assert set(told["schemes"]) == {"jwt", "api_key"}
    assert told["answers"]["apps"] is True
    assert told["answers"]["pages"] is False
    assert told["python"] == run("--apps", "--servers")[1]


def test_every_question_is_an_option() -> None:
    shown = (
        CliRunner()
        .invoke(app, ["choose", "--help"], env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"})
        .output
    )
    for name in QUESTIONS:
        assert f"--{name.replace('_', '-')}" in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--pages"),
        (["--apps", "--issuer", "https://id.example.com/"], "--audience"),
        (["--apps", "--issuer", "http://id.example.com/", "--audience", "x"], "https://id.example.com/"),
        (
            ["--apps", "--issuer", "https://user@id.example.com/", "--audience", "x"],
            "https://id.example.com/",
        ),
        (["--apps", "--issuer", "https://id.example.com/?", "--audience", "x"], "https://id.example.com/."),
        (["--apps", "--issuer", "https://api.example.org", "--audience", "x"], "this API itself"),
        (["--apps", "--issuer", "https://id.example.com/", "--audience", "two words"], "without spaces"),
        (["--apps", "--domain", "https://api.example.org"], "api.example.org"),
        (["--apps", "--domain", 'x"], DEBUG=True, y=["'], "host name"),
        (["--apps", "--proxy", "proxy.internal"], "CIDR"),
        (["--apps", "--proxy", "0.0.0.0/0"], "everybody"),
        (["--apps", "--proxy", "10.0.0.0/7"], "everybody"),
        (["--apps", "--proxy", "2001::/16"], "everybody"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_refused_with_what_to_write(options: list[str], said: str) -> None:
    status, out, err = run(*options)
    assert (status, out) == (2, "")
    assert said in err


@pytest.mark.parametrize("text", ['"], DEBUG=True, x=["', "a\nDEBUG = True", "\\", '"""'])
@pytest.mark.parametrize("name", ["domain", "proxy", "issuer", "audience"])
def test_no_answer_becomes_code(name: str, text: str) -> None:
    """What is printed is pasted into settings.py."""
    given = {"apps": True, **ISSUER, name: text}
    try:
        answers = Answers(**given).checked()
    except WrongAnswer:
        return
    space: dict[str, Any] = {"INSTALLED_APPS": [], "MIDDLEWARE": []}
    exec(compile(python(answers, choose(answers)), "chosen", "exec"), space)
    assert space["DEBUG"] is False
    assert space["STOCKADE"]["ISSUERS"]["corporate"][name.upper()] == text


def test_it_asks_on_a_terminal_what_no_option_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    from stockade.cli.choosing import command

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(command.sys, "stdin", Terminal())
    asked: list[str] = []
    monkeypatch.setattr(
        command.typer, "confirm", lambda question, **_: asked.append(question) or "own network" in question
    )
    monkeypatch.setattr(
        command.typer, "prompt", lambda question, default, **_: asked.append(question) or default
    )
    given: dict[str, Any] = dict.fromkeys(QUESTIONS)
    given["apps"] = True
    command._ask(given)
    assert given["services"] is True
    assert given["pages"] is False
    assert QUESTIONS["apps"] not in asked
    assert QUESTIONS["audience"] not in asked
    assert len(asked) == len(QUESTIONS) - 2
    assert not any(question.endswith(":") for question in asked), "the prompt writes one itself"


def test_it_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run("--apps")
    assert list(tmp_path.iterdir()) == []
