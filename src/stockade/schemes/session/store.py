"""The SESSION_ENGINE: Django's sessions, of which the database has digests and ciphertext, and every login a row.

The rule that the rest leans on: a key is one login's for its whole life, and one that was nobody's stays nobody's.
Who logs in, and whoever proves anew who he is, gets another key; so what an attacker knew or planted before is worth
nothing after, and what a worker remembers of a key never changes but for its end.
"""

from __future__ import annotations

import copy
import datetime
from collections.abc import Callable, Iterable
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from stockade import truth
from stockade.core import clock, methods
from stockade.models import Session, SessionData
from stockade.schemes.session import keys, rows
from stockade.schemes.session.rows import Proof
from stockade.schemes.session.sealing import seal, unseal

_ROTATED, _LOGOUT = "rotated", "logout"
# Under which attributes a session has its key, and what is known of it; the first is Django's.
_OF_KEY = ("_SessionBase__session_key", "_login", "_whose", "_former", "_fresh", "_proof")
Identity = tuple[str, str, str]


class SessionStore(SessionBase):
    """As Django's own; `SESSION_ENGINE = "stockade.schemes.session"`."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._login: Session | None = None  # of the key at hand
        self._whose: Identity | None = None  # who was logged in by it when it was last read or written
        self._former: Session | None = None  # the login that goes on under the next key
        self._fresh = False  # whether this request has made the key, so that nobody else can have it yet
        self._proof: Proof | None = None  # what this request has proven

    # -- what Django asks --------------------------------------------------------------------------------------

    @sensitive_variables()
    def exists(self, session_key: str) -> bool:
        """Whether there is a session of this key that is not over."""
        return rows.find(session_key) is not None

    @sensitive_variables()
    def load(self) -> dict[str, Any]:
        """Read the session; without one of that key an empty one, which gets another key."""
        key = self.session_key
        row = rows.find(key) if key else None
        text = unseal(key, row.sealed) if row is not None and key else None
        if row is None or text is None:
            self._take(None, fresh=False)
            return {}
        found: dict[str, Any] = self.decode(text)
        self._login, self._whose = row.login, _identity(found)
        if row.login is not None:
            rows.used(row.login.pk, row.login.rotated_at)
        return found

    @sensitive_variables()
    def create(self) -> None:
        """Write the session under a key that is new."""
        self._take(keys.new_key(), fresh=True)
        self.save(must_create=True)
        self.modified = True

    @sensitive_variables()
    def save(self, must_create: bool = False) -> None:
        """Write the session; under another key, if another than before is logged in by it.

        Raises:
            CreateError: `must_create`, and there is one of that key. UpdateError: there is none any more: it has
                ended meanwhile, or its user is gone.
        """
        if self.session_key is None:
            self.create()
            return
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        if not must_create and self._needs_another_key(_identity(data)):
            self.cycle_key()
            return
        try:
            self._atomically(lambda: self._write(data, must_create))
        except (IntegrityError, ValidationError):
            raise (CreateError if must_create else UpdateError) from None
        self._proof = None

    @sensitive_variables()
    def delete(self, session_key: str | None = None) -> None:
        """End the session of a key, by default this one's."""
        key = session_key or self.session_key
        if key and keys.is_ours(key):
            self._atomically(lambda: self._end(key, _LOGOUT))
        if key == self.session_key:
            self._take(key, fresh=False)
            self._proof = None  # of him whose session it was, not of the next who logs in

    @sensitive_variables()
    def cycle_key(self) -> None:
        """Go on under another key; the one at hand is worth nothing from now on.

        Raises:
            SessionInterrupted: whoever is logged in by it was logged out meanwhile.
        """
        data, key, login = self._session, self.session_key, self._login  # type: ignore[attr-defined]
        whose, proof = _identity(data), self._proof
        same = whose is not None and self._whose is not None and whose[0] == self._whose[0]

        def change() -> None:
            if key:  # first, as whoever writes the session does: else the two would wait for each other
                self._lock(key)
            if login is not None and not rows.hold(login):
                raise SessionInterrupted("The session was ended before the request was completed.")
            self._former, self._proof = (login if same else None), proof
            self.create()
            if key:
                self._end(key, _ROTATED)

        self._atomically(change)
        self._session_cache, self._former = data, None

    async def acycle_key(self) -> None:
        """As `cycle_key`."""
        await sync_to_async(self.cycle_key)()

    @classmethod
    def clear_expired(cls) -> None:
        """Delete the data of sessions that are over; `stockade sessions prune` deletes what is told of their logins."""
        now = clock.now_datetime()
        found = SessionData.objects.using(rows.database())
        for over in (found.filter(expires_at__lt=now), found.filter(login__ended_at__isnull=False)):
            # In steps: visitors leave as many as they like, and a statement takes only so many ids.
            while some := list(over.values_list("pk", flat=True)[: rows.STEP]):
                rows.clear(some)

    def get_expiry_date(self, **kwargs: Any) -> datetime.datetime:
        """As Django's, by the clock that tests move, and aware also where USE_TZ is off."""
        kwargs.setdefault("modification", clock.now_datetime())
        found: datetime.datetime = super().get_expiry_date(**kwargs)
        return found if timezone.is_aware(found) else timezone.make_aware(found)

    # -- what is ours ------------------------------------------------------------------------------------------

    def prove(self, amr: Iterable[str] = (), acr: str = "", auth_time: float | None = None) -> None:
        """Note that the user has just proven who he is; the session gets another key when it is saved.

        Args:
            amr, acr, auth_time: as of `stockade.issue`.

        Raises:
            ValueError: one of them is nothing that a session can keep.
        """
        now = clock.now_datetime()
        at = now if auth_time is None else datetime.datetime.fromtimestamp(auth_time, datetime.UTC)
        self._proof = Proof(min(at, now), methods.methods(amr), methods.context(acr))
        self.modified = True

    def restart(self) -> Callable[[], None]:
        """How to make the session again what it is now.

        For whoever changes it in a transaction that may be begun anew: what was rolled back with the first has then
        never been, neither a key that no row has nor an end that no row tells of.
        """
        kept = self._copied(self.__dict__)

        def back() -> None:
            self.__dict__.clear()
            self.__dict__.update(self._copied(kept))

        return back

    @property
    def proven(self) -> bool:
        """Whether this request has said what was proven."""
        return self._proof is not None

    @property
    def login_id(self) -> str:
        """The id of the login, as in the list of sessions; "" for a visitor, and before it was saved."""
        return str(self._login.pk) if self._login is not None else ""

    # -- inside ------------------------------------------------------------------------------------------------

    @staticmethod
    def _copied(state: dict[str, Any]) -> dict[str, Any]:
        found = dict(state)
        if "_session_cache" in found:
            found["_session_cache"] = copy.deepcopy(found["_session_cache"])
        return found

    def _atomically(self, work: Callable[[], None]) -> None:
        """Run `work` in a transaction; what it says of the key at hand is not believed if that is rolled back."""
        kept = {name: self.__dict__[name] for name in _OF_KEY}

        def once() -> None:
            self.__dict__.update(kept)
            work()

        try:
            rows.atomically(once)
        except BaseException:
            self.__dict__.update(kept)
            raise

    def _take(self, key: str | None, *, fresh: bool) -> None:
        """Go on with a key of which nothing is known yet."""
        self._session_key, self._fresh = key, fresh
        self._login, self._whose = None, None

    def _needs_another_key(self, whose: Identity | None) -> bool:
        """Whether a session whose login is another than it was may not go on under its key."""
        if whose == self._whose and self._proof is None:
            return False
        # One that nobody else has yet may get its login, or the same user's new hash.
        same = self._whose is None or (whose is not None and whose[0] == self._whose[0])
        return not (self._fresh and same)

    def _write(self, data: dict[str, Any], new: bool) -> None:
        using, key = rows.database(), str(self.session_key)
        table = SessionData.objects.using(using)
        digests = rows.digests(key)
        sealed, expires = seal(key, self.encode(data)), self.get_expiry_date()
        if not new:
            # The lock first: begun with a read, it would fail on SQLite. Who ends the session has it, or waits for it.
            live = table.filter(digest__in=digests, expires_at__gt=clock.now_datetime()).update(sealed=sealed)
            if not live or (self._login is not None and not rows.hold(self._login)):
                raise UpdateError
        login = self._bind(_identity(data))
        if login is not None:
            expires = rows.until(login, expires)
            Session.objects.using(using).filter(pk=login.pk).update(expires_at=expires)
        if new:
            table.create(digest=digests[0], login=login, sealed=sealed, expires_at=expires)
        else:
            table.filter(digest__in=digests).update(login=login, expires_at=expires)
        self._login, self._whose = login, _identity(data)

    def _bind(self, whose: Identity | None) -> Session | None:
        """The login of the key at hand, written down or brought up to date."""
        if whose is None or (whose == self._whose and self._proof is None):
            return self._login if whose is not None else None
        if self._login is None:
            return rows.open_login(*whose, self._former, self._proof)
        rows.renew_login(self._login, *whose[1:], self._proof)
        return self._login

    @staticmethod
    def _lock(key: str) -> QuerySet[SessionData]:
        """The row of a key that is to end in this transaction; begun with a read, it would fail on SQLite."""
        found = SessionData.objects.using(rows.database()).filter(digest__in=rows.digests(key))
        found.update(sealed="")
        return found

    @staticmethod
    def _end(key: str, reason: str) -> None:
        found = SessionStore._lock(key)
        logins = list(found.filter(login__isnull=False).values_list("login", flat=True))
        if logins:
            truth.end_sessions(ids=logins, reason=reason)
        rows.clear(list(found.values_list("pk", flat=True)))


def _identity(data: dict[str, Any]) -> Identity | None:
    """Who is logged in by a session's data, under which hash of his, and by which backend."""
    user = data.get(SESSION_KEY)
    if user is None:
        return None
    return (str(user), str(data.get(HASH_SESSION_KEY, "")), str(data.get(BACKEND_SESSION_KEY, "")))
