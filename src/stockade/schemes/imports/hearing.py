"""Hears of what the project's own code deletes or changes in a package's table: log-outs, revocations, new times."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models.signals import ModelSignal, post_delete, post_save, pre_delete, pre_save

from stockade.conf import configured, load
from stockade.core import clock, tenant
from stockade.events import Event, Record, off, on
from stockade.models import OpaqueToken
from stockade.schemes.conf import SchemeSettings
from stockade.schemes.imports.packages import SOURCES
from stockade.schemes.imports.source import Held, Source
from stockade.schemes.opaque.conf import TokenSettings
from stockade.schemes.opaque.rows import database
from stockade.truth.pending import begin, finish
from stockade.truth.tokens import end_tokens, of_row, on_end, on_overlap, tell, token_key


def connect() -> None:
    """Connect to the models of the packages whose apps are installed; and have them hear of what ends here."""
    off(_password_changed)
    for source in SOURCES:
        if source.installed():
            _connect(source)
            on(Event.PASSWORD_CHANGE)(_password_changed)


def _connect(source: Source) -> None:
    on_end(source.forget)
    on_overlap(source.follow_overlap)
    pairs: list[tuple[ModelSignal, Callable[..., None]]] = [
        (pre_delete, partial(_deletes, source)),
        (post_delete, _changed),
    ]
    if source.changes:
        pairs += [(pre_save, partial(_saves, source)), (post_save, _changed)]
    for model in apps.get_models():
        if issubclass(model, source.model()):
            for number, (signal, receiver) in enumerate(pairs):
                uid = f"stockade.{source.name}.{number}"
                signal.connect(receiver, sender=model, dispatch_uid=uid, weak=False)


def _password_changed(record: Record) -> None:
    """End what a new password ends, also in the package's table.

    Else old code would go on giving the user his old token (`get_or_create`), which is good no more.
    """
    if not load(TokenSettings).ends_with_password:
        return
    for source in SOURCES:
        if source.installed() and _counts(source) and source.shape().by_password:
            rows = source.ours().filter(user_id=tenant.pk_of(record.subject), linked=True, ended_at=None)
            ids = list(rows.values_list("pk", flat=True))
            if ids:
                end_tokens(ids=ids, reason="password_changed")


def _counts(source: Source) -> bool:
    """Whether what was imported is taken here."""
    return configured() and source.name in load(SchemeSettings).schemes


def _deletes(source: Source, instance: Any, using: str, **_: Any) -> None:
    id = _of(source, instance)
    if id is not None:
        begin(instance, [token_key(id)], using, partial(_end, source, id, using))


def _saves(source: Source, instance: Any, using: str, raw: bool = False, **_: Any) -> None:
    id = None if raw or instance._state.adding else _of(source, instance)  # noqa: SLF001
    if id is not None:
        begin(instance, [token_key(id)], using, partial(_end_if_revoked, source, instance, id, using))


def _of(source: Source, instance: Any) -> Any:
    """The id of our row of an instance; None where there is none that is good."""
    if not instance.pk or not _counts(source):
        return None
    held: Held = source.of(instance)
    return next((id for id, live in source.known([held]).values() if live), None)


def _changed(instance: Any, **_: Any) -> None:
    finish(instance)


def _end_if_revoked(source: Source, instance: Any, id: Any, using: str) -> None:
    if not source.of(instance).live:
        _end(source, id, using)


def _end(source: Source, id: Any, using: str) -> None:
    """End our row, in the transaction that ends theirs; where that is of another database, once it is committed."""
    if using == database():
        _end_now(source, id)
    else:
        transaction.on_commit(partial(_end_now, source, id), using=using)


def _end_now(source: Source, id: Any) -> None:
    rows = OpaqueToken.objects.using(database()).filter(pk=id, linked=True, ended_at=None)
    ended = [of_row(row) for row in rows]
    if rows.update(ended_at=clock.now_datetime(), end_reason=source.reason):
        tell(ended, source.reason, database())
