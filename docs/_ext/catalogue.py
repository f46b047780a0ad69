"""Sphinx directives that write reference tables from the code itself, so that no table can be out of date."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import django
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_AUDIENCES = {"stockade.demo"}  # settings of the demo are its own


def table(header: Sequence[str], rows: Iterable[Sequence[str]], directive: SphinxDirective) -> nodes.table:
    """A table whose cells are Markdown."""
    group = nodes.tgroup(cols=len(header))
    group += [nodes.colspec(colwidth=1) for _ in header]
    head, body = nodes.thead(), nodes.tbody()
    for part, lines in ((head, [header]), (body, rows)):
        for line in lines:
            row = nodes.row()
            for cell in line:
                entry = nodes.entry()
                directive.state.nested_parse([cell], directive.content_offset, entry)  # type: ignore[arg-type]
                row += entry
            part.append(row)
    group += [head, body]
    return nodes.table("", group)


def sections() -> Iterator[type[Any]]:
    """Every class that declares settings, in the order of its module's name."""
    import stockade
    from stockade.conf import Section

    for module in pkgutil.walk_packages(stockade.__path__, "stockade."):
        if module.name.endswith(".conf") and not any(module.name.startswith(room) for room in _AUDIENCES):
            importlib.import_module(module.name)
    found = Section.__subclasses__()
    yield from sorted(found, key=lambda section: (section.NAME, section.__module__))


class Settings(SphinxDirective):
    """The settings of STOCKADE, by section."""

    def run(self) -> list[nodes.Node]:
        result: list[nodes.Node] = []
        for section in sections():
            declared = section.declared()
            if not declared:
                continue
            name = f'STOCKADE["{section.NAME}"]' if section.NAME else "STOCKADE"
            rows = [
                (
                    f"`{meta.name}`",
                    f"`{meta.default!r}`" if meta.default != "" else "empty",
                    meta.why,
                    f"`{meta.id}`",
                )
                for meta in declared
            ]
            summary = inspect.getdoc(section) or ""
            result.append(nodes.rubric("", f"{name} ({section.__module__.split('.')[1]})"))
            result.append(nodes.paragraph("", summary.splitlines()[0] if summary else ""))
            result.append(table(("name", "default", "why", "check"), rows, self))
        return result


class Events(SphinxDirective):
    """The catalogue of the security log."""

    def run(self) -> list[nodes.Node]:
        from stockade.events.catalogue import Event

        rows = [(f"`{e.tag}`", f"`{e.name}`", e.level.value, e.kind.value) for e in Event]
        return [table(("event", "in Python", "level", "kind"), rows, self)]


class Refusals(SphinxDirective):
    """The tree of refusals: status, code, when."""

    def run(self) -> list[nodes.Node]:
        from stockade.core import errors

        def tree(refusal: type[errors.Refusal]) -> Iterator[type[errors.Refusal]]:
            for child in refusal.__subclasses__():
                yield child
                yield from tree(child)

        rows = []
        for refusal in sorted(tree(errors.Refusal), key=lambda r: (r.status, r.__name__)):
            meaning = " ".join((inspect.getdoc(refusal) or "").split("\n\n")[0].split())
            rows.append((str(refusal.status), f"`{refusal.default_code}`", f"`{refusal.__name__}`", meaning))
        return [table(("status", "code", "in Python", "when"), rows, self)]


class Command(SphinxDirective):
    """What `--help` of the command says, as it says it."""

    option_spec = {"path": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        from typer.testing import CliRunner

        from stockade.cli.root import app

        words = self.options.get("path", "").split()
        done = CliRunner().invoke(
            app,
            [*words, "--help"],
            prog_name="stockade",
            env={"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"},
        )
        return [nodes.literal_block("", done.output.strip(), language="text")]


class DeployChecks(SphinxDirective):
    """The checks behind `stockade check --deploy`: id, and what each looks at."""

    def run(self) -> list[nodes.Node]:
        from stockade.cli.deployed import CHECKS

        rows = [(f"`{check.id}`", (inspect.getdoc(check.look) or "").split("\n\n")[0]) for check in CHECKS]
        return [table(("id", "what should be"), rows, self)]


def setup(app: Sphinx) -> dict[str, Any]:
    django.setup()
    app.add_directive("stockade-settings", Settings)
    app.add_directive("stockade-events", Events)
    app.add_directive("stockade-refusals", Refusals)
    app.add_directive("stockade-help", Command)
    app.add_directive("stockade-deploy-checks", DeployChecks)
    return {"parallel_read_safe": True}
