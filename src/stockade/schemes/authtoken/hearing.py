"""Hears of tokens that the project's own code deletes from the package's table: log-outs, new ones for old ones."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models.signals import post_delete, pre_delete

from stockade.conf import configured, load
from stockade.core import clock, tenant
from stockade.events import Event, Record, off, on
from stockade.models import OpaqueToken
from stockade.schemes.authtoken import table
from stockade.schemes.conf import SchemeSettings
from stockade.schemes.opaque.conf import TokenSettings
from stockade.schemes.opaque.rows import database
from stockade.truth.pending import begin, finish
from stockade.truth.tokens import end_tokens, of_row, on_end, tell, token_key


def connect() -> None:
    """Connect to the package's models, where its app is installed; and have it hear of what ends here."""
    if not table.installed():
        return
    on_end(table.forget)
    off(_password_changed)
    on(Event.PASSWORD_CHANGE)(_password_changed)
    for model in apps.get_models():
        if issubclass(model, table.model()):
            for signal, receiver in ((pre_delete, _deletes), (post_delete, _deleted)):
                signal.connect(
                    receiver, sender=model, dispatch_uid=f"stockade.authtoken.{receiver.__name__}", weak=False
                )


def _password_changed(record: Record) -> None:
    """End what a new password ends, also in the package's table.

    Else old code would go on giving the user his old token (`get_or_create`), which is good no more.
    """
    if _counts() and load(TokenSettings).ends_with_password:
        rows = table.ours().filter(user_id=tenant.pk_of(record.subject), linked=True, ended_at=None)
        ids = list(rows.values_list("pk", flat=True))
        if ids:
            end_tokens(ids=ids, reason="password_changed")


def _counts() -> bool:
    """Whether imported tokens are taken here."""
    return configured() and table.NAME in load(SchemeSettings).schemes


def _deletes(instance: Any, using: str, **_: Any) -> None:
    if not _counts() or not instance.key:
        return
    for id, live in table.known([instance.key]).values():
        if live:
            begin(instance, [token_key(id)], using, partial(_end, id, using))


def _deleted(instance: Any, **_: Any) -> None:
    finish(instance)


def _end(id: Any, using: str) -> None:
    """End our row, in the transaction that deletes theirs; where that is of another database, once it is committed."""
    if using == database():
        _end_now(id)
    else:
        transaction.on_commit(partial(_end_now, id), using=using)


def _end_now(id: Any) -> None:
    rows = OpaqueToken.objects.using(database()).filter(pk=id, linked=True, ended_at=None)
    ended = [of_row(row) for row in rows]
    if rows.update(ended_at=clock.now_datetime(), end_reason="authtoken_deleted"):
        tell(ended, "authtoken_deleted", database())
