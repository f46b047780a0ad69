"""Wraps the old hashes of all users, in steps; undone from sealed copies, or made final by erasing those."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import Argon2PasswordHasher, get_hashers
from django.db import connections, router, transaction

from stockade import truth
from stockade.core import clock, tenant
from stockade.core.errors import ConfigurationError
from stockade.database import again
from stockade.events import Event, emit
from stockade.gate import keys
from stockade.keyring.wrapping import configured_wrapper
from stockade.models import ImportedUser, OpaqueToken, Session, WrappedPassword
from stockade.schemes.jwt.sessions import restamp
from stockade.schemes.moving import Progress, silent, steps
from stockade.schemes.passwords import Wrapped
from stockade.schemes.wrapped import inner

CHUNK = 100  # users whose hashes are read, and made, at once: about two seconds of one core
_PURPOSE = "wrapped"


@dataclass(slots=True)
class Counts:
    """What was found, or would be.

    Args:
        users: that were looked at.
        wrapped: hashes that were put into Argon2, or would be.
        overtaken: users who logged in or changed their password meanwhile: theirs is newer, and was left.
        unknown: hashes of a kind that cannot be wrapped; those of today, and unusable ones, are not among them.
        long: hashes that would not fit into the column.
    """

    users: int = 0
    wrapped: int = 0
    overtaken: int = 0
    unknown: int = 0
    long: int = 0


@dataclass(slots=True)
class Undone:
    """What taking it back did.

    Args:
        restored: hashes that are as they were.
        kept: users who have logged in, or changed their password, since: theirs is newer, and was left.
    """

    restored: int = 0
    kept: int = 0


def run(*, dry: bool = False, jobs: int = 1, progress: Progress | None = None) -> Counts:
    """Wrap what is of an old kind. It may be interrupted and run again, and finds what came after it.

    A user who logs in or changes the password at the same moment has what that wrote: a row is only replaced while it
    holds the very hash that was wrapped.

    Args:
        dry: only count.
        jobs: how many hashes are made at once; each takes a core.
        progress: called with what is gone through, how many are done, and how many there are.

    Raises:
        ConfigurationError: E244, PASSWORD_HASHERS would not verify what is written.
        Unavailable: the state is away; what was done until then is whole.
    """
    hasher = _hasher()
    tell, found = progress or silent, Counts()
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        for rows in _chunks(tell):
            found.users += len(rows)
            old = [row for row in rows if inner.take_apart(row[1]) is not None]
            found.unknown += sum(_is_unknown(encoded) for _, encoded in rows)
            if dry:
                found.wrapped += len(old)
                continue
            holders = _holders([pk for pk, _ in old])
            for (pk, before), after in zip(old, pool.map(hasher.wrap, [one for _, one in old]), strict=True):
                if after is None or len(after) > _width():
                    found.long += 1
                elif _swap(pk, before, after, keep=True, stamped=pk in holders):
                    found.wrapped += 1
                else:
                    found.overtaken += 1
    if found.wrapped and not dry:
        _tell("passwords_wrapped", found.wrapped)
    return found


def undo(*, progress: Progress | None = None) -> Undone | None:
    """Put the old hashes back, of whoever has not logged in since; None where there is nothing to go back to.

    Raises:
        ConfigurationError: E243, the copies were sealed by a key that is not configured any more.
        Unavailable: the state is away; what was done until then is whole.
    """
    hasher, tell, found = Wrapped(), progress or silent, Undone()
    total, done = _kept().count(), 0
    if not total:
        return None
    while rows := list(_kept().order_by("pk")[:CHUNK]):
        holders = _holders([row.user_id for row in rows])
        for row in rows:
            before = _unseal(row)
            now = _users().filter(pk=row.user_id).values_list("password", flat=True).first() or ""
            same = now.startswith(f"{hasher.algorithm}$") and hasher.holds(before, now)
            if same and _swap(row.user_id, now, before, keep=False, stamped=row.user_id in holders):
                found.restored += 1
            else:
                found.kept += 1
            row.delete()
        done += len(rows)
        tell("undone", done, max(total, done))
    _tell("passwords_unwrapped", found.restored)
    return found


def erase(*, progress: Progress | None = None) -> int:
    """Delete the sealed copies of old hashes: the last step, with no way back; returns how many there were."""
    tell, total, done = progress or silent, _kept().count(), 0
    alias = _kept().db
    if connections[alias].vendor == "sqlite":
        with connections[alias].cursor() as cursor:  # have it overwrite what it would else leave in the file
            cursor.execute("PRAGMA secure_delete = ON")
    while some := list(_kept().order_by("pk").values_list("pk", flat=True)[:500]):
        done += _kept().filter(pk__in=some).delete()[0]
        tell("erased", done, max(total, done))
    if done:
        _tell("password_copies_erased", done)
    return done


def left() -> int:
    """How many sealed copies of old hashes there are."""
    count: int = _kept().count()
    return count


def hashes(progress: Progress | None = None) -> Counter[str]:
    """Every stored hash but for its salt and digest, counted: what `stockade passwords check` tells of."""
    from stockade.schemes.wrapped.standing import described

    found: Counter[str] = Counter()
    for rows in _chunks(progress or silent):
        found.update(described(encoded) for _, encoded in rows)
    return found


# -- one user ----------------------------------------------------------------------------------------------------------


def _swap(pk: Any, before: str, after: str, *, keep: bool, stamped: bool) -> bool:
    """Write `after` where `before` still stands, and let the user's sessions and tokens go on. False if it does not.

    Args:
        keep: seal a copy of `before`.
        stamped: whether the user has sessions or tokens, which know the hash by a digest.
    """
    subject, alias = tenant.subject(pk), _users().db

    def once() -> bool | None:
        with ExitStack() as stack:
            if stamped:  # the user's epoch first, as whoever saves a user does
                stack.enter_context(truth.changing([keys.subject_key(subject)], using=_kept().db))
            for one in {alias, _kept().db}:
                stack.enter_context(transaction.atomic(using=one))
            if not _users().filter(pk=pk, password=before).update(password=after):
                return False
            if not stamped and _holders([pk]):  # since we looked
                transaction.set_rollback(True, using=alias)
                return None
            if keep:
                WrappedPassword.objects.using(_kept().db).update_or_create(
                    user_id=pk,
                    tenant=tenant.now(),
                    defaults={"sealed": _seal(pk, before), "wrapped_at": clock.now_datetime()},
                )
            if stamped:
                restamp(pk, before, after)
        return True

    done = again(once, alias)
    return _swap(pk, before, after, keep=keep, stamped=True) if done is None else done


def _holders(pks: list[Any]) -> set[Any]:
    """Of these users, those with sessions or tokens that have not ended."""
    found: set[Any] = set()
    for model in (Session, OpaqueToken, ImportedUser):
        rows = model._default_manager.using(_kept().db).filter(  # noqa: SLF001 - Django's own name for it
            user_id__in=pks, tenant=tenant.now(), ended_at=None
        )
        found.update(rows.values_list("user_id", flat=True))
    return found


def _bound(pk: Any) -> str:
    return f"password:{tenant.subject(pk)}"


def _seal(pk: Any, encoded: str) -> bytes:
    return configured_wrapper().wrap(encoded.encode(), _bound(pk), _PURPOSE)


def _unseal(row: WrappedPassword) -> str:
    try:
        return configured_wrapper().unwrap(bytes(row.sealed), _bound(row.user_id), _PURPOSE).decode()
    except ConfigurationError:
        raise ConfigurationError(
            "stockade.E243",
            f"The copy of the old hash of user {row.user_id} cannot be read: it was sealed with another STOCKADE_KEY "
            "or SECRET_KEY than is set now, or was changed.",
            "Put the previous value into STOCKADE_KEY_FALLBACKS or SECRET_KEY_FALLBACKS; or give the copies up: "
            "`stockade passwords wrap --erase`.",
        ) from None


# -- all of them -------------------------------------------------------------------------------------------------------


def _users() -> Any:
    """The users where they are written: a replica may hold an old hash."""
    model = get_user_model()
    return model._base_manager.using(router.db_for_write(model))  # noqa: SLF001 - also those that a manager hides


def _kept() -> Any:
    rows = WrappedPassword.objects.using(router.db_for_write(WrappedPassword))
    return rows.filter(tenant=tenant.now())


def _chunks(tell: Progress) -> Iterator[list[tuple[Any, str]]]:
    """All users and their hashes."""
    for some in steps(_users().values_list("pk", "password"), tell, "users", CHUNK):
        yield [(pk, encoded or "") for pk, encoded in some]


def _is_unknown(encoded: str) -> bool:
    from stockade.schemes.wrapped.standing import Standing, standing

    return inner.take_apart(encoded) is None and standing(encoded) is Standing.UNREADABLE


def _width() -> int:
    return int(get_user_model()._meta.get_field("password").max_length or 1 << 30)


def _hasher() -> Wrapped:
    listed = get_hashers()
    wrapped = next((one for one in listed if isinstance(one, Wrapped)), None)
    if wrapped is None or not isinstance(listed[0], Argon2PasswordHasher):
        raise ConfigurationError(
            "stockade.E244",
            "PASSWORD_HASHERS would not verify wrapped hashes, or not replace them by Argon2 at the next login.",
            'Write PASSWORD_HASHERS = ["stockade.schemes.passwords.Argon2", "stockade.schemes.passwords.Wrapped", '
            "*those you have], serve with it everywhere, and then wrap.",
        )
    return wrapped


def _tell(reason: str, count: int) -> None:
    emit(Event.AUTHZ_CHANGE, reason=reason, details={"count": count}, using=_kept().db)
