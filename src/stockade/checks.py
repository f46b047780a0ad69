"""Django's system checks: what `pipeline.start` finds, as `manage.py check` shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Warning as CheckWarning, register

from stockade import conf
from stockade.pipeline import registry as registries
from stockade.pipeline.finding import Finding
from stockade.pipeline.mixes import mix_findings
from stockade.pipeline.start import findings
from stockade.pipeline.weak import weak_findings
from stockade.schemes.conf import SchemeSettings

if TYPE_CHECKING:
    from stockade.drf.survey.facts import Fact
    from stockade.drf.survey.views import View


@register("security")
def check(app_configs: Iterable[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Errors, and the views that nobody may call yet."""
    return [
        (Error if finding.stops else CheckWarning)(finding.message, hint=finding.hint, id=finding.id)
        for finding in findings()
    ]


@register("security", deploy=True)
def check_deploy(app_configs: Iterable[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Says so where nothing is protected yet, and which settings are weaker than they need be where clients come."""
    if conf.configured():
        # What is wrong with a setting is said without `--deploy`; with one that cannot be read nothing can be judged.
        if any(finding.stops for finding in findings()):
            return []
        return [
            CheckWarning(one.message, hint=one.hint, id=one.id)
            for one in [
                *weak_findings(),
                *mix_findings(),
                *_csrf_exempt(),
                *_becomes_code(),
                *_altered(),
                *_authenticators(),
            ]
        ]
    return [
        CheckWarning(
            "There is no STOCKADE setting: Stockade observes and refuses nothing.",
            hint='Write STOCKADE = {"STATE": "lmdb://"} when the report looks right.',
            id="stockade.W001",
        )
    ]


def _csrf_exempt() -> list[Finding]:
    """Plain views that Django's CSRF protection passes over, as `stockade report` finds them.

    Not those whose policy asks for a credential that no browser sends by itself.
    """
    from stockade.drf.survey import access

    registry = registries.current()
    cookies = registry is not None and registry.engine.others.by_cookie

    def look(view: View) -> Iterable[Fact]:
        guarded = not cookies and all(view.declared(handler) for handler in view.handlers)
        return () if guarded else access.csrf_exempt(view)

    return [
        Finding(
            "stockade.W172",
            f"{fact.view} ({fact.where}) is marked csrf_exempt and takes {', '.join(fact.methods)}: another site's "
            "page may send it in the name of whoever is logged in.",
            "Take @csrf_exempt away. Where a machine calls, give it a policy, and have it show a token in a header.",
            stops=False,
        )
        for fact in _not_accepted(look)
    ]


def _becomes_code() -> list[Finding]:
    """Text of a client's that can become part of a query, or script in a page."""
    from stockade.drf.survey import sinks

    return [
        Finding(id, f"{fact.view} ({fact.where}): {fact.meaning}", hint, stops=False)
        for id, look, hint in (
            (
                "stockade.W173",
                sinks.raw_sql,
                "Write constant SQL with its values apart, raw(sql, [value]), and annotate() in place of .extra().",
            ),
            (
                "stockade.W174",
                sinks.raw_html,
                'Write format_html("<b>{}</b>", name) with a constant pattern.',
            ),
        )
        for fact in _not_accepted(look)
    ]


def _not_accepted(look: Callable[[View], Iterable[Fact]]) -> list[Fact]:
    """What one look of the report finds, but for what pyproject.toml accepts with a reason."""
    from stockade.cli.report.acceptance import WrongAcceptance, find, read
    from stockade.drf.survey import facts_of

    try:
        accepted = read(find())
    except WrongAcceptance:  # the report says what is wrong with it
        accepted = []
    return [fact for fact in facts_of(look) if not any(one.stands() and one.covers(fact) for one in accepted)]


def _altered() -> list[Finding]:
    """Fields that change a password before it is hashed, or take no long one."""
    from stockade.drf.survey import facts_of, passwords

    return [
        Finding(
            "stockade.W248",
            f"{fact.view} ({fact.where}): {fact.meaning} A password is what was typed, and may have 64 "
            "characters (ASVS 5.0, 6.2.8 and 6.2.9).",
            "Write trim_whitespace=False (strip=False in a form) and no max_length below 64.",
            stops=False,
        )
        for fact in facts_of(passwords.altered)
    ]


def _authenticators() -> list[Finding]:
    """What the DRF authenticators in SCHEMES do."""
    if not any("." in name for name in conf.load(SchemeSettings).schemes):
        return []
    from stockade.drf.survey.mixes import authenticator_findings

    return list(authenticator_findings())
