"""Logging in with a password: limited before it is verified, the same answer and time whatever is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth import authenticate
from django.contrib.auth.hashers import check_password
from django.db import connections
from django.views.decorators.debug import sensitive_variables

from stockade.conf import load
from stockade.core import methods, tenant
from stockade.core.credential import Credential
from stockade.core.errors import LoginFailed
from stockade.database import write_database
from stockade.events import emit
from stockade.events.catalogue import Event
from stockade.gate.lists import Hit
from stockade.schemes import accounts, attempts, banned, client, devices
from stockade.schemes.conf import LoginSettings
from stockade.schemes.evening import counted, evener
from stockade.schemes.hiding import hide
from stockade.schemes.jwt import Pair, issue
from stockade.schemes.jwt.lineage import database, persist
from stockade.schemes.jwt.sessions import restamp

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

_counted: ContextVar[bool] = ContextVar("stockade_login_counted", default=False)


class Attempt:
    """One try at one account, with its places taken. End it by `succeeded`, `failed` or `cancelled`.

    ban: of the account's user, once it is known; the client is not told, neither of it nor whether the password was
        right.
    """

    __slots__ = ("_place", "account", "ban", "known")

    def __init__(self, account: str, known: str, place: attempts.Reservation) -> None:
        self.account, self.known, self._place = account, known, place
        self.ban: Hit | None = None

    def succeeded(self) -> None:
        """The password was right: nothing is charged."""
        self._place.refund()

    cancelled = succeeded  # it was not verified after all: the state or the hashing was busy

    def failed(self, subject: str = "") -> None:
        """It was wrong: the places stay taken. Says so in the log, and once more if that was the last place.

        Args:
            subject: the user's primary key as text, if the account exists.
        """
        emit(
            Event.LOGIN_FAIL, reason="no_active_account" if self.ban is None else "banned", status=401,
            account=self.account, subject=subject, details=None if self.ban is None else {"entry": self.ban.entry},
        )  # fmt: skip
        for limit in self._place.exhausted():
            emit(
                Event.LOGIN_LOCK, reason=f"limit:{limit}", account=self.account, subject=subject,
                details={"known": self.known or "stranger", "seconds": self._place.reset(limit)},
            )  # fmt: skip


def begin(name: str, request: HttpRequest | None) -> Attempt:
    """Take the places of one attempt, before anything is verified.

    Args:
        name: of the account, as typed; unknown ones are counted like known ones.
        request: tells the client's address and whether the device is known.

    Raises:
        Banned: the address is.
        TooMany: the account or the address has failed too often.
        Unavailable: the state is away.
    """
    where = client.of(request)
    secure = request is not None and request.is_secure()
    standing = devices.standing(name, where.address, devices.cookies_of(request), secure)
    return Attempt(name, standing.known, attempts.reserve(standing.whom, where.address))


def in_progress() -> bool:
    """Whether an attempt of this thread or task is counted already."""
    return _counted.get()


@contextmanager
def _counting() -> Iterator[None]:
    token = _counted.set(True)
    try:
        yield
    finally:
        _counted.reset(token)


@sensitive_variables()
def verify(name: object, password: object, request: HttpRequest | None = None) -> AbstractBaseUser:
    """The active user with this name and password, as Django's AUTHENTICATION_BACKENDS say.

    Args:
        name: of USERNAME_FIELD.
        password: as typed.
        request: handed to the backends; tells the address and the device.

    Raises:
        LoginFailed: unknown user, wrong password, inactive account; which one is told to nobody.
        BadRequest: one of them is nothing that could be a name or a password.
        TooMany: too many failures; the password was not looked at.
        Unavailable: the state is away, or more logins hash at once than the machine can.
        RuntimeError: called within `transaction.atomic`: hashing would hold its locks for the time it takes.
    """
    name, password = accounts.check(name, password, load(LoginSettings).password_max_length)
    _outside_transactions()
    # Not on a replica: it may hold the old password, and a hasher's upgrade would write that back.
    with write_database():
        return _verify(name, password, request)


@sensitive_variables()
def _verify(name: str, password: str, request: HttpRequest | None) -> AbstractBaseUser:
    attempt = begin(name, request)
    try:
        evener().prepare()
        existing = accounts.find(name)
        before = str(getattr(existing, "password", "") or "")
        with _counting(), counted() as spent:
            user: Any = authenticate(request, **{accounts.username_field(): name, "password": password})
        attempt.ban = banned.of_user(user if user is not None else existing)
    except BaseException as error:
        attempt.cancelled()
        hide(error)  # its frames held the credential
        raise
    if user is not None and user.is_active and attempt.ban is None:
        attempt.succeeded()
        _keep_sessions(user, existing, before, password)
        return user  # type: ignore[no-any-return]
    try:
        evener().even_out(password, before, spent)
    finally:  # charged also if hashing is too busy for this: else a flood would make guessing free
        attempt.failed(tenant.subject(existing.pk) if existing is not None else "")
    refusal = LoginFailed()
    refusal.recorded = True
    raise refusal


@sensitive_variables()
def _keep_sessions(user: Any, existing: Any, before: str, password: str) -> None:
    """A hash that was only renewed at this login (another hasher, new parameters) is no changed password.

    The password is verified against the old hash once more: between reading it and verifying it might have been
    changed, and then the sessions of the old one must end.
    """
    after = str(getattr(user, "password", "") or "")
    if existing is None or existing.pk != user.pk or after == before:
        return
    if check_password(password, before):
        restamp(user.pk, before, after)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login that succeeded.

    Args:
        name: as typed; for `devices.set_cookie`.
    """

    user: Any
    pair: Pair
    name: str


@sensitive_variables()
def obtain(
    name: object, password: object, request: HttpRequest | None = None, *, binding: str = ""
) -> LoggedIn:
    """Verify a password and open a session.

    Args:
        name, password, request: as for `verify`.
        binding: as for `issue`.

    Raises: as `verify`.
    """
    user = verify(name, password, request)
    typed = str(name).strip()

    subject = tenant.subject(user.pk)

    def open_session() -> Pair:
        pair = issue(user, request, binding=binding, amr=[methods.PASSWORD])
        emit(
            Event.LOGIN_SUCCESS, account=typed, subject=subject, session=pair.session,
            credential=Credential("jwt", "", subject, pair.session), using=database(),
        )  # fmt: skip
        devices.remember(typed, client.of(request).address)
        return pair

    return LoggedIn(user, persist(open_session), typed)


def _outside_transactions() -> None:
    for connection in connections.all(initialized_only=True):
        blocks = connection.atomic_blocks
        # Django's TestCase wraps every test in a transaction; `durable` makes the same exception.
        if blocks and not all(getattr(block, "_from_testcase", False) for block in blocks):
            raise RuntimeError("Passwords are verified outside of transaction.atomic: hashing takes long.")


__all__ = ["Attempt", "LoggedIn", "begin", "in_progress", "obtain", "verify"]
