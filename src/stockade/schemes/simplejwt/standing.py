"""What SQL says of simplejwt's tokens: whether an import is open, and whose tokens it takes."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import router, transaction
from django.utils.module_loading import import_string

from stockade.core import clock, tenant
from stockade.database import write_database
from stockade.models import ImportedUser, TokenImport
from stockade.schemes import stamp
from stockade.schemes.jwt.compact import refuse
from stockade.schemes.shape import UserState, shape_of
from stockade.schemes.simplejwt.conf import APP, config
from stockade.schemes.simplejwt.tokens import ACCESS, Shown

SOURCE = "simplejwt"


class Holder(NamedTuple):
    """The user of a token that may be taken.

    Args:
        pk: the primary key.
        state: as the database has it.
        roles: names of the groups.
    """

    pk: Any
    state: UserState
    roles: frozenset[str]


def database() -> str:
    """The alias of the database that holds the import."""
    return router.db_for_write(TokenImport)


def opened(kind: str) -> TokenImport:
    """The import, where it takes tokens of this kind now.

    Raises:
        InvalidCredential: there was none, it was undone, or its bound is over.
    """
    found = TokenImport.objects.using(database()).filter(pk=SOURCE).first()
    if found is None or found.undone_at is not None:
        refuse("not_imported")
    until = found.access_until if kind == ACCESS else found.refresh_until
    if until is None or until <= clock.now_datetime():
        refuse("import_over")
    return found


def user_pk(value: str) -> Any:
    """The primary key that the user's claim means, without SQL.

    Raises:
        InvalidCredential: it is none.
    """
    try:
        return get_user_model()._meta.pk.to_python(value)  # noqa: SLF001
    except ValidationError:
        refuse("claim_user_id")


def find_pk(value: str) -> Any:
    """The primary key of the user whom the claim names by USER_ID_FIELD.

    Raises:
        InvalidCredential: it is nobody.
    """
    settings = config()
    if settings.by_pk:
        return user_pk(value)
    model = get_user_model()
    users = model._default_manager.using(router.db_for_write(model))  # noqa: SLF001
    try:
        found = list(users.filter(**{settings.user_field: value}).order_by().values_list("pk", flat=True)[:2])
    except (ValueError, TypeError, OverflowError, ValidationError):
        refuse("claim_user_id")
    if len(found) != 1:
        refuse("gone")
    return found[0]


def holder(pk: Any, shown: Shown) -> Holder:
    """The user of a token, if the import takes his tokens; one query, and one more for a rule of the project's.

    Raises:
        InvalidCredential: the user is unknown to the import or inactive, the password changed, or his sessions ended.
    """
    model = get_user_model()
    shape = shape_of(model, "user__")
    rows = list(
        ImportedUser.objects.using(database())
        .filter(user_id=pk, tenant=tenant.now())
        .order_by()
        .values_list("ended_at", "stamp", *shape.columns, *shape.group)
    )
    if not rows:
        refuse("not_imported")
    ended_at, kept, *columns = rows[0]
    if ended_at is not None:
        refuse("ended")
    state = shape.read(columns, pk)
    if not state.active:
        refuse("inactive")
    if not stamp.matches(kept, tenant.subject(pk), state.password):
        refuse("password_changed")
    claim = config().password_claim
    if claim:
        made = hashlib.md5(state.password.encode(), usedforsecurity=False).hexdigest().upper()
        if not hmac.compare_digest(made.encode(), str(shown.claims.get(claim, "")).encode()):
            refuse("password_changed")
    roles = frozenset(row[-1] for row in rows if row[-1]) if shape.group else frozenset()
    return Holder(pk, state, roles)


def obey_rule(pk: Any) -> None:
    """Ask USER_AUTHENTICATION_RULE, where the project has one of its own; simplejwt asks it at a refresh.

    Raises:
        InvalidCredential: it says no.
    """
    rule = config().rule
    if not rule:
        return
    model = get_user_model()
    with write_database():
        user = model._default_manager.using(router.db_for_write(model)).filter(pk=pk).first()  # noqa: SLF001
        if user is None or not import_string(rule)(user):
            refuse("inactive")


class Listed(NamedTuple):
    """What simplejwt's own tables say of a refresh token.

    Args:
        outstanding: whether it was issued, and the row's key.
        blacklisted: whether it was taken back.
    """

    outstanding: Any
    blacklisted: bool


def has_tables() -> bool:
    """Whether simplejwt's app of tables is installed in this project."""
    return apps.is_installed(APP)


def tables() -> tuple[Any, Any]:
    """The models of simplejwt's tables: outstanding and blacklisted tokens."""
    models = apps.get_app_config(APP.rpartition(".")[2])
    return models.get_model("OutstandingToken"), models.get_model("BlacklistedToken")


def listed(jti: str, pk: Any) -> Listed:
    """Look a token up in simplejwt's tables, which old processes may still be writing; nothing without them.

    Args:
        jti: its id.
        pk: the primary key of the user that it names: one that was issued to somebody else is not outstanding.
    """
    if not has_tables():
        return Listed(None, False)
    outstanding, _ = tables()
    alias = router.db_for_write(outstanding)
    rows = outstanding.objects.using(alias).filter(jti=jti)
    row = rows.values_list("pk", "user_id", "blacklistedtoken__pk").first()
    if row is None:
        return Listed(None, False)
    key, user, blacklisted = row
    return Listed(key if user == pk else None, blacklisted is not None)


def blacklist(row: Any) -> None:
    """Tell processes that still run simplejwt that a token was used; in the transaction at hand, or after it."""
    _, blacklisted = tables()
    alias = router.db_for_write(blacklisted)

    def tell() -> None:
        blacklisted.objects.using(alias).get_or_create(token_id=row)

    if alias == database():
        tell()
    else:
        transaction.on_commit(tell, using=database())
