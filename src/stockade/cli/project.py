"""Sets up the project that a command is about."""

from __future__ import annotations

import os
from typing import Any

import typer

from stockade.cli.output import WRONG_USE, fail


def load_project(*, judge: bool = True) -> None:
    """Make Django ready, once.

    Exits with 2 where no settings are named or they cannot be imported.

    Args:
        judge: also exit with 2 where STOCKADE or its keys are wrong.
    """
    import django
    from django.apps import apps
    from django.core.exceptions import ImproperlyConfigured

    if apps.ready:
        return
    module = os.environ.get("DJANGO_SETTINGS_MODULE")
    if not module:
        fail("No project: add --settings MODULE, or set DJANGO_SETTINGS_MODULE.", WRONG_USE)
    try:
        django.setup()
    except ImportError as error:
        fail(f"The settings {module!r} cannot be imported: {error}.", WRONG_USE)
    except ImproperlyConfigured as error:
        fail(f"The project does not start: {error}", WRONG_USE)
    if not apps.is_installed("stockade"):
        fail('"stockade" is not in INSTALLED_APPS of this project.', WRONG_USE)
    if not judge:
        return
    from stockade.pipeline.configured import key_findings, settings_findings

    wrong = [str(finding) for finding in (*settings_findings(), *key_findings())]
    if wrong:
        fail("\n".join(wrong), WRONG_USE)


def find_user(name: str) -> Any:
    """The user called `name`, or with that primary key.

    Exits with 1 where there is none.
    """
    from django.contrib.auth import get_user_model
    from django.core.exceptions import ValidationError
    from django.db import router

    model = get_user_model()
    users = model._default_manager.using(router.db_for_write(model))  # noqa: SLF001
    found = users.filter(**{model.USERNAME_FIELD: name}).first()
    if found is None:
        try:
            found = users.filter(pk=name).first()
        except (ValueError, ValidationError):
            found = None
    if found is None:
        fail(f"There is no user {name!r}.")
    return found


def say_when() -> None:
    """With ``memory://`` this process's state is not the one that serves: do not let an operator believe it is."""
    from stockade import conf
    from stockade.gate.registry import get_gate
    from stockade.pipeline.conf import PipelineSettings

    if get_gate().url == "memory://":
        seconds = conf.load(PipelineSettings).principal_max_age
        typer.echo(f'"STATE" is "memory://": the process that serves notices within {seconds:g} s.', err=True)
