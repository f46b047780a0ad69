"""Django's system checks: what `pipeline.start` finds, as `manage.py check` shows it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Warning as CheckWarning, register

from stockade import conf
from stockade.pipeline.start import findings


@register("security")
def check(app_configs: Iterable[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Errors, and the views that nobody may call yet."""
    return [
        (Error if finding.stops else CheckWarning)(finding.message, hint=finding.hint, id=finding.id)
        for finding in findings()
    ]


@register("security", deploy=True)
def check_deploy(app_configs: Iterable[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Says so where nothing is protected yet."""
    if conf.configured():
        return []
    return [
        CheckWarning(
            "There is no STOCKADE setting: Stockade observes and refuses nothing.",
            hint='Write STOCKADE = {"STATE": "lmdb://"} when the report looks right.',
            id="stockade.W001",
        )
    ]
