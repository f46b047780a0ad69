"""The signing keys: there, young enough, and wrapped with the key of today."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError

from stockade import conf, keyring
from stockade.cli.deployed.facts import Facts
from stockade.cli.deployed.faults import Fault, error, note, warning
from stockade.core import clock
from stockade.core.errors import ConfigurationError
from stockade.keyring.conf import KeyringSettings
from stockade.keyring.store import GONE, alias
from stockade.keyring.wrapping import configured_wrapper
from stockade.models import SigningKey
from stockade.vault import secret

_LATE = datetime.timedelta(days=7)  # a timer that was away for a holiday
_SLOW = datetime.timedelta(days=1)
State = SigningKey.State


def _rows(facts: Facts) -> list[SigningKey]:
    if isinstance(facts.database, str):
        return []
    try:
        return list(SigningKey.objects.using(alias()).exclude(state__in=GONE))
    except DatabaseError:  # no table: the check of migrations says so
        return []


def signs(facts: Facts) -> Iterator[Fault]:
    """A key signs, and is not old."""
    rows = _rows(facts)
    if not rows:
        yield note("There is no signing key yet; the first token makes one.")
        return
    rotation = datetime.timedelta(seconds=conf.load(KeyringSettings).rotation)
    for info in keyring.listing():
        age = clock.now_datetime() - (info.signs_from or info.created_at)
        if info.state == State.SIGNING and age > rotation + _LATE:
            yield warning(
                f"The key {info.kid[:8]}... has signed for {age.days} days; KEYRING['ROTATION'] is {rotation.days}.",
                "Who has copied it can use it for as long as it signs; and no timer runs that would end that.",
                "Run `stockade keyring rotate --if-due` by a timer: deploy/systemd/myproject-maintenance.timer.",
            )


def readable(facts: Facts) -> Iterator[Fault]:
    """Every key can be unwrapped on this host."""
    rows = _rows(facts)
    if not rows:
        return
    try:
        keyring.forget()
        keyring.ring()
    except ConfigurationError as found:
        yield error(
            f"{found.id}: {found.message}",
            "This host can neither sign nor verify: 500 to every request with a token.",
            found.hint,
        )


def wrapped(facts: Facts) -> Iterator[Fault]:
    """Every key is wrapped with the STOCKADE_KEY of today."""
    wrapper = configured_wrapper()
    older = [row.kid for row in _rows(facts) if not wrapper.is_current(bytes(row.wrapped))]
    if older:
        yield warning(
            f"Keys wrapped with an older STOCKADE_KEY or SECRET_KEY: {len(older)}.",
            "When the fallback is taken out, or is lost, nothing that they signed can be verified.",
            "Run `stockade keyring rewrap`; then take the fallbacks out.",
        )


def own_key(facts: Facts) -> Iterator[Fault]:
    """The signing keys have a wrapping key of their own."""
    if getattr(settings, "STOCKADE_KEY", None) or secret("STOCKADE_KEY", default=None) is not None:
        return
    yield warning(
        "STOCKADE_KEY is not set: the signing keys are wrapped with SECRET_KEY.",
        "Who changes SECRET_KEY, as one does after a leak, makes them unreadable on every host.",
        'Write STOCKADE_KEY = secret("STOCKADE_KEY"), the same on all hosts, then run `stockade keyring rewrap`.',
    )


def waits(facts: Facts) -> Iterator[Fault]:
    """A new key does not wait for days before it signs."""
    ring = conf.load(KeyringSettings)
    wait = datetime.timedelta(seconds=ring.jwks_max_age + ring.margin)
    if wait > _SLOW:
        yield warning(
            f"A new key waits {wait} before it signs.",
            "That is how long a key that you want to be rid of goes on, unless everybody's tokens are to break.",
            'Write "KEYRING": {"JWKS_MAX_AGE": "10m"}.',
        )
