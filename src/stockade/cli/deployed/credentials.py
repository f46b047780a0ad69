"""Stored credentials and password hashes: what leaks of them gives more away than it need."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.db import DatabaseError, router
from django.db.models import Q

from stockade import conf
from stockade.cli.deployed.facts import Facts
from stockade.cli.deployed.faults import Fault, note, warning
from stockade.core import clock
from stockade.models import OpaqueToken
from stockade.pipeline.mixes import asked_scopes
from stockade.schemes.conf import SchemeSettings

_IDLE = datetime.timedelta(days=90)
_WEAK = ("md5$", "sha1$", "unsalted")


def _live() -> Any:
    """Keys and tokens that have not ended, of every tenant, where they are written."""
    now = clock.now_datetime()
    rows = OpaqueToken.objects.using(router.db_for_write(OpaqueToken))
    return rows.filter(Q(expires_at=None) | Q(expires_at__gt=now), ended_at=None)


def _keys(facts: Facts) -> Any:
    """Live API keys, where they are taken; None where they are not, or the database does not answer."""
    if isinstance(facts.database, str) or "api_key" not in conf.load(SchemeSettings).schemes:
        return None
    try:
        rows = _live().filter(kind=OpaqueToken.Kind.API_KEY)
        rows.exists()
    except DatabaseError:  # said by D120 and D122
        return None
    return rows


def bounded(facts: Facts) -> Iterator[Fault]:
    """Every API key is bounded by scopes."""
    rows = _keys(facts)
    count = 0 if rows is None else rows.filter(scopes=None).count()
    if count:
        yield warning(
            f"API keys without scopes: {count}.",
            "Each opens all that its owner may; one that leaks does, too.",
            "Make one with `stockade apikeys create --scope ...`, then `stockade apikeys revoke ID`.",
        )


def scopes_known(facts: Facts) -> Iterator[Fault]:
    """Every scope of an API key is one that a policy asks for."""
    rows = _keys(facts)
    if rows is None:
        return
    held = {
        scope for text in rows.exclude(scopes=None).values_list("scopes", flat=True) for scope in text.split()
    }
    unused = sorted(held - asked_scopes())
    if unused:
        yield note(
            f"Scopes of API keys that no policy asks for: {', '.join(unused[:5])}{' ...' if len(unused) > 5 else ''}.",
            "A typing error in a policy looks like this, and the view is bounded by nothing.",
            "Write them into policies: Scope(...); or make keys without them.",
        )


def used(facts: Facts) -> Iterator[Fault]:
    """Every API key was used within 90 days."""
    rows = _keys(facts)
    before = clock.now_datetime() - _IDLE
    idle = Q(last_used_at__lt=before) | Q(last_used_at=None, created_at__lt=before)
    count = 0 if rows is None else rows.filter(idle).count()
    if count:
        yield warning(
            f"API keys that nobody has used for {_IDLE.days} days: {count}.",
            "Whoever finds one is not noticed beside its owner.",
            "See `stockade apikeys list`, and `stockade apikeys revoke ID`.",
        )


def old_hashes(facts: Facts) -> Iterator[Fault]:
    """No password is stored as MD5 or SHA-1 alone."""
    model = get_user_model()
    if isinstance(facts.database, str) or not any(
        field.name == "password" for field in model._meta.get_fields()
    ):
        return
    weak = Q(password__regex=r"^[0-9a-f]{32}$")  # noqa: S106 - a pattern of Django's first hashes
    for start in _WEAK:
        weak |= Q(password__startswith=start)
    try:
        count = model._base_manager.using(router.db_for_write(model)).filter(weak).count()  # noqa: SLF001
    except DatabaseError:
        return
    if count:
        yield warning(
            f"Passwords that are stored as MD5 or SHA-1: {count}.",
            "Whoever reads the table, or a backup of it, has nearly all of them within hours.",
            "See `stockade passwords check`, then run `stockade passwords wrap`: nobody need reset one.",
        )
