"""Executes the Python blocks of one page under its settings; reads the job from standard input."""

from __future__ import annotations

import importlib
import json
import os
import sys
import types
from typing import Any


def compiled(page: str, line: int, text: str) -> types.CodeType:
    """Code whose tracebacks name the page and its lines."""
    return compile("\n" * (line - 1) + text, page, "exec", dont_inherit=True)


def start_django(page: str, settings: tuple[int, str] | None) -> None:
    # A block that touches INSTALLED_APPS tells how to adopt: it starts from a project without Stockade.
    plain = settings is not None and "INSTALLED_APPS" in settings[1]
    base = importlib.import_module("project.plain" if plain else "project.settings")
    module = types.ModuleType("page_settings")
    vars(module).update({name: value for name, value in vars(base).items() if name.isupper()})
    sys.modules[module.__name__] = module
    if settings is not None:
        exec(compiled(page, *settings), vars(module))
    os.environ["DJANGO_SETTINGS_MODULE"] = module.__name__

    import django
    from django.core.checks import ERROR, run_checks
    from django.core.management import call_command
    from django.test.utils import setup_test_environment

    django.setup()
    wrong = [str(message) for message in run_checks() if message.level >= ERROR]
    if wrong:
        raise SystemExit("Django's checks refuse these settings:\n" + "\n".join(wrong))
    setup_test_environment()  # allows the host "testserver", and keeps mail in memory
    call_command("migrate", run_syncdb=True, verbosity=0)  # the articles have no migrations


def main() -> None:
    job: dict[str, Any] = json.load(sys.stdin)
    start_django(job["page"], job["settings"] and tuple(job["settings"]))
    # Inside an app, so that a model which a page defines belongs to one.
    module = types.ModuleType("articles.page")
    sys.modules[module.__name__] = module
    for line, text in job["blocks"]:
        exec(compiled(job["page"], line, text), vars(module))


if __name__ == "__main__":
    main()
