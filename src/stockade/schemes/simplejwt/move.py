"""The import from simplejwt: records whose tokens are taken and until when; in steps, so that it may be interrupted."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db import router, transaction

from stockade.core import clock, tenant
from stockade.core.errors import ConfigurationError
from stockade.models import ImportedToken, ImportedUser, TokenImport
from stockade.schemes import stamp
from stockade.schemes.moving import Import, Progress, silent, steps
from stockade.schemes.shape import shape_of
from stockade.schemes.simplejwt.conf import APP, config
from stockade.schemes.simplejwt.standing import SOURCE, database, has_tables, tables
from stockade.schemes.simplejwt.tokens import digest

Judge = TokenImport.Judge


@dataclass(slots=True)
class Counts:
    """What an import finds, or would.

    Args:
        judged_by: what says which refresh tokens are good, of `TokenImport.Judge`.
        users: active users whose tokens are taken, `new_users` of them for the first time.
        inactive: users whose tokens are not, because they are inactive.
        tokens: refresh tokens that can be exchanged, `new_tokens` of them for the first time.
        used: refresh tokens that were exchanged or revoked here already.
        blacklisted, expired, nobodys: refresh tokens that are not taken: of the blacklist, over, of no active user.
        access_until, refresh_until: the bounds.
    """

    judged_by: str = Judge.SIGNATURES.value
    users: int = 0
    new_users: int = 0
    inactive: int = 0
    tokens: int = 0
    new_tokens: int = 0
    used: int = 0
    blacklisted: int = 0
    expired: int = 0
    nobodys: int = 0
    access_until: datetime.datetime | None = None
    refresh_until: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """What taking an import back leaves.

    Args:
        tokens: refresh tokens that could still have been exchanged, and cannot any more.
        used: refresh tokens that were exchanged or revoked; kept, so that another import does not revive them.
    """

    tokens: int
    used: int


def run(*, dry: bool = False, unlisted: bool = False, progress: Progress | None = None) -> Counts:
    """Import: from now on until the bounds, simplejwt's tokens are taken where SCHEMES names `simplejwt`.

    It may be interrupted and run again at any time: what is there stays, what was issued meanwhile is added. Nothing is
    taken before it has gone through once.

    Args:
        dry: only count.
        unlisted: take refresh tokens, too, of which simplejwt's tables know nothing. Before 5.5 it kept no rows of
            those that it gave at a refresh (its pull request 866).
        progress: called with what is gone through, how many are done, and how many there are.

    Raises:
        ConfigurationError: SIMPLE_JWT is such that its tokens cannot be taken, or simplejwt's tables are gone since
            the import before.
        Unavailable: the state is away.
    """
    settings = config()
    now = clock.now_datetime()
    judge = (Judge.BLACKLIST if unlisted else Judge.TABLES) if has_tables() else Judge.SIGNATURES
    found = Counts(judged_by=judge.value)
    known = _import().rows().first()
    if known is not None and known.judged_by != Judge.SIGNATURES and judge == Judge.SIGNATURES:
        # By their signatures alone, tokens that the blacklist has taken back would be good again.
        raise ConfigurationError(
            "stockade.E106",
            f"An earlier import read the tables of {APP}, which is not in INSTALLED_APPS any more.",
            "That import needs them no longer; to run it again, install the app again.",
        )
    found.access_until = now + datetime.timedelta(seconds=settings.access_lifetime)
    found.refresh_until = now + datetime.timedelta(seconds=settings.refresh_lifetime)
    tell = progress or silent
    for states in _users(tell):
        _keep_users(states, found, dry)
    if judge != Judge.SIGNATURES:
        for rows in _outstanding(tell):
            # Simplejwt still serves: what it issues today lives for its lifetime, or longer by a setting of before.
            found.refresh_until = max([found.refresh_until, *_keep_tokens(rows, found, now, dry)])
    if not dry:
        _open(found, now)
    return found


def undo() -> Undone | None:
    """Take the import back: nothing of simplejwt's is taken any more; None where there is no import.

    Sessions that tokens were exchanged for go on, as any other. Who was recorded stays recorded, so that another import
    revives neither what was exchanged nor what was ended; once no token can be left of it, all of it goes.

    Raises:
        Unavailable: the state is away.
    """
    return _import().undo(_take_back)


def _take_back(found: TokenImport) -> Undone:
    now, kept = clock.now_datetime(), ImportedToken.objects.using(database())
    unused = kept.filter(used_at=None)
    left = unused.filter(expires_at__gt=now).count() if found.undone_at is None else 0
    unused.delete()
    used = kept.count()
    if all(until is None or until <= now for until in (found.refresh_until, found.access_until)):
        kept.all().delete()
        ImportedUser.objects.using(database()).all().delete()
        found.delete()
    return Undone(left, used)


def _import() -> Import:
    return Import(SOURCE, SOURCE, database())


# -- users -----------------------------------------------------------------------------------------------------------


def _users(tell: Progress) -> Iterator[list[tuple[Any, bool, str]]]:
    """Every user: primary key, whether active, the password hash."""
    model = get_user_model()
    shape = shape_of(model)
    users = model._default_manager.using(router.db_for_write(model))  # noqa: SLF001
    for rows in steps(users.values_list("pk", *shape.columns), tell, "users"):
        states = [(row[0], shape.read(row[1:], row[0])) for row in rows]
        yield [(pk, state.active, state.password) for pk, state in states]


def _keep_users(states: list[tuple[Any, bool, str]], found: Counts, dry: bool) -> None:
    active = {
        pk: stamp.stamp(tenant.subject(pk), password) for pk, is_active, password in states if is_active
    }
    rows = ImportedUser.objects.using(database())
    whose = tenant.now()
    known = set(rows.filter(user_id__in=list(active), tenant=whose).values_list("user_id", flat=True))
    new = [
        ImportedUser(user_id=pk, tenant=whose, stamp=made) for pk, made in active.items() if pk not in known
    ]
    if not dry and new:
        rows.bulk_create(new, ignore_conflicts=True)
    found.users += len(active)
    found.new_users += len(new)
    found.inactive += len(states) - len(active)


# -- refresh tokens ----------------------------------------------------------------------------------------------------


def _outstanding(tell: Progress) -> Iterator[list[tuple[Any, ...]]]:
    """Every row of simplejwt's: key, id of the token, user, end, and the key of its row in the blacklist."""
    model, _ = tables()
    rows = model.objects.using(router.db_for_write(model))
    wanted = rows.values_list("pk", "jti", "user_id", "expires_at", "blacklistedtoken__pk")
    yield from steps(wanted, tell, "refresh tokens")


def _keep_tokens(
    rows: list[tuple[Any, ...]], found: Counts, now: datetime.datetime, dry: bool
) -> Iterable[datetime.datetime]:
    """Record what of these can be exchanged; gives the ends of those."""
    kept = ImportedToken.objects.using(database())
    active = _active({user for _, _, user, _, _ in rows if user is not None})
    good: dict[str, datetime.datetime] = {}
    dead: dict[str, datetime.datetime] = {}
    for _, jti, user, expires, blacklisted in rows:
        if expires <= now:
            found.expired += 1
        elif blacklisted is not None:
            found.blacklisted += 1
            dead[digest(jti, user)] = expires
        elif user not in active:
            found.nobodys += 1
        else:
            good[digest(jti, user)] = expires
    known = dict(kept.filter(pk__in=list(good)).values_list("pk", "used_at"))
    new = [ImportedToken(digest=key, expires_at=end) for key, end in good.items() if key not in known]
    if not dry:
        with transaction.atomic(using=database()):
            _bury(dead, found.judged_by, now)
            kept.bulk_create(new, ignore_conflicts=True)
    used = sum(1 for used_at in known.values() if used_at is not None)
    found.used += used
    found.tokens += len(good) - used
    found.new_tokens += len(new)
    return good.values()


def _bury(dead: dict[str, datetime.datetime], judge: str, now: datetime.datetime) -> None:
    """Take back what the blacklist has, also for when simplejwt's tables are gone."""
    kept = ImportedToken.objects.using(database())
    if judge == Judge.TABLES:  # what has no row is refused
        kept.filter(pk__in=list(dead), used_at=None).delete()
        return
    rows = [ImportedToken(digest=key, expires_at=end, used_at=now) for key, end in dead.items()]
    kept.bulk_create(rows, ignore_conflicts=True)
    kept.filter(pk__in=list(dead), used_at=None).update(used_at=now)


def _active(users: set[Any]) -> set[Any]:
    model = get_user_model()
    shape = shape_of(model)
    rows = model._default_manager.using(router.db_for_write(model)).filter(pk__in=list(users))  # noqa: SLF001
    found = rows.order_by().values_list("pk", *shape.columns)
    return {row[0] for row in found if shape.read(row[1:], row[0]).active}


def _open(found: Counts, now: datetime.datetime) -> None:
    """From here on it is open; a bound that an earlier run has set further away stays."""

    def decide(known: TokenImport | None) -> dict[str, Any]:
        access, refresh = found.access_until or now, found.refresh_until or now
        if known is not None and known.undone_at is None:
            access = max(access, known.access_until or access)
            refresh = max(refresh, known.refresh_until or refresh)
        found.access_until, found.refresh_until = access, refresh
        return {"judged_by": found.judged_by, "access_until": access, "refresh_until": refresh}

    told: dict[str, str | int] = {"judged_by": found.judged_by, "users": found.users, "count": found.tokens}
    _import().open(decide, lambda: told)
