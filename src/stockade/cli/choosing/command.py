"""The command: asks on a terminal what no option answers, and prints settings."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from stockade.cli.choosing.answers import CALLERS, QUESTIONS, Answers, WrongAnswer
from stockade.cli.choosing.chosen import choose as chosen_by
from stockade.cli.choosing.writing import python
from stockade.cli.output import WRONG_USE, as_json, fail

Answer = bool | None
Text = str | None


def choose(
    pages: Annotated[Answer, typer.Option("--pages/--no-pages", help=QUESTIONS["pages"])] = None,
    apps: Annotated[Answer, typer.Option("--apps/--no-apps", help=QUESTIONS["apps"])] = None,
    scripts: Annotated[Answer, typer.Option("--scripts/--no-scripts", help=QUESTIONS["scripts"])] = None,
    servers: Annotated[Answer, typer.Option("--servers/--no-servers", help=QUESTIONS["servers"])] = None,
    services: Annotated[Answer, typer.Option("--services/--no-services", help=QUESTIONS["services"])] = None,
    third_party: Annotated[
        Answer, typer.Option("--third-party/--no-third-party", help=QUESTIONS["third_party"])
    ] = None,
    issuer: Annotated[
        Text, typer.Option("--issuer", metavar="URL", help="Whose tokens are taken, too.")
    ] = None,
    audience: Annotated[Text, typer.Option("--audience", metavar="NAME", help=QUESTIONS["audience"])] = None,
    domain: Annotated[Text, typer.Option("--domain", metavar="NAME", help=QUESTIONS["domain"])] = None,
    many_hosts: Annotated[
        Answer, typer.Option("--many-hosts/--one-host", help=QUESTIONS["many_hosts"])
    ] = None,
    proxy: Annotated[Text, typer.Option("--proxy", metavar="CIDR", help="The proxy in front.")] = None,
    existing: Annotated[Answer, typer.Option("--existing/--new", help=QUESTIONS["existing"])] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Answers, schemes, settings and what is left, as JSON.")
    ] = False,
) -> None:
    """Which ways to prove identity, for whom: asks the guide's questions and prints settings. It writes no file.

    What no option answers is asked on a terminal; elsewhere the answer is no.
    """
    given = {
        "pages": pages, "apps": apps, "scripts": scripts, "servers": servers, "services": services,
        "third_party": third_party, "issuer": issuer, "audience": audience, "domain": domain,
        "many_hosts": many_hosts, "proxy": proxy, "existing": existing,
    }  # fmt: skip
    if sys.stdin.isatty() and not json:
        _ask(given)
    try:
        answers = Answers(**{name: value for name, value in given.items() if value is not None}).checked()  # type: ignore[arg-type]
    except WrongAnswer as error:
        fail(str(error), WRONG_USE)
    found = chosen_by(answers)
    text = python(answers, found)
    if json:
        told: dict[str, Any] = {
            "answers": asdict(answers), "schemes": found.schemes, "profile": found.profile, "python": text,
            "left": found.left,
        }  # fmt: skip
        typer.echo(as_json(told))
        return
    typer.echo(text, nl=False)
    typer.echo("\nThen:", err=True)
    for one in found.left:
        typer.echo(f"- {one}", err=True)


def _ask(given: dict[str, Any]) -> None:
    """Ask what was not answered; questions on standard error, so that the settings can go elsewhere."""
    defaults = Answers()
    for name, question in QUESTIONS.items():
        if given[name] is not None or (name == "audience" and not given["issuer"]):
            continue
        default = getattr(defaults, name)
        if name in CALLERS or isinstance(default, bool):
            given[name] = typer.confirm(question, default=default, err=True)
        else:
            given[name] = typer.prompt(question, default=default, show_default=bool(default), err=True)
