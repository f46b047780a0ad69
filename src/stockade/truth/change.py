"""One change of what the state copies: row locked, copy marked dirty, change committed, copy moved, in this order.

The order is the whole point. The row is locked *before* the mark is set, and the mark is set *before* the commit:

- a reader that finds no mark and the old epoch came before the commit;
- a writer that dies anywhere leaves a mark behind, so readers ask SQL until it is repaired;
- who repairs must get the row lock first, so it cannot take away the mark of a change that may yet be committed.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import DatabaseError, InterfaceError, connections, transaction

from stockade.core.context import current
from stockade.core.errors import Unavailable
from stockade.database import again
from stockade.gate.protocol import Gate
from stockade.gate.registry import get_gate
from stockade.truth import epochs
from stockade.truth.epochs import Pair

_log = logging.getLogger("stockade.truth")
PATIENCE = 3.0  # seconds: a restart of the state, or most of a fail-over
_PAUSE = 0.05  # seconds between two tries
UNTOLD = "The change was made, but not every worker could be told of it yet. Send it again to make sure."


class Change:
    """A change under way.

    Args:
        keys: the epochs that it moves.
        using: the database in which the change happens.
        move: moves the epochs' own rows in that transaction, locking them, and returns what to publish.
        home: the database that `move` writes to.

    Attributes:
        settled: whether the commit publishes by itself; otherwise call `finish` after the change.
    """

    __slots__ = ("_gate", "_home", "_keys", "_move", "_token", "_untold", "_using", "settled")

    def __init__(
        self, keys: Iterable[bytes], using: str, move: Callable[[Iterable[bytes], str], list[Pair]], home: str
    ) -> None:
        self._keys = tuple(keys)
        self._using, self._move, self._home = using, move, home
        self._gate: Gate = get_gate()
        self._token = secrets.token_bytes(8)
        self._untold = False
        self.settled = False

    def begin(self) -> Change:
        """Call it before the change. From here until it is published, readers ask SQL.

        Raises:
            Unavailable: the state is away; the change must not happen then, or it might never be noticed.
        """
        if not in_transaction(self._using):
            # A plain `save()`: each statement commits by itself, so no row lock can outlast this one.
            self._gate.mark(self._keys, self._token)
        elif self._using == self._home:
            pairs = self._move(self._keys, self._using)
            self._gate.mark(self._keys, self._token)
            self._after_commit(lambda: self._publish(pairs))
        else:
            # The epochs' rows are in another database: they can only follow.
            self._gate.mark(self._keys, self._token)
            self._after_commit(self._move_and_publish)
        return self

    def finish(self) -> None:
        """Call it after a change that no transaction encloses, or after its commit; before that it does nothing.

        Raises:
            Unavailable: it is committed, and the state could not be told.
        """
        if not self.settled:
            self.settled = True
            self._move_and_publish()
        if self._untold:
            raise Unavailable(UNTOLD, reason="untold")

    def undone(self) -> None:
        """The change was rolled back, for certain: take the mark off. Where that fails the reconciler does."""
        with suppress(Unavailable):
            self._gate.publish([(key, 0) for key in self._keys], self._token)

    def _after_commit(self, publish: Callable[[], object]) -> None:
        self.settled = True
        if connections[self._using].get_autocommit() or connections[self._using].in_atomic_block:
            transaction.on_commit(publish, using=self._using, robust=True)
        # Else autocommit was switched off by hand and Django knows no commit: the mark stays for the reconciler.

    def _move_and_publish(self) -> None:
        def move() -> list[Pair]:
            with transaction.atomic(using=self._home):
                return self._move(self._keys, self._home)

        try:
            pairs = again(move, self._home)
        except (DatabaseError, InterfaceError) as error:
            self._leave(f"its epoch could not be moved: {type(error).__name__}")
        else:
            self._publish(pairs)

    def _publish(self, pairs: list[Pair]) -> None:
        """Tell the state."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._gate.publish(pairs, self._token)
            except Unavailable as error:
                if time.monotonic() < deadline:
                    time.sleep(_PAUSE)
                    continue
                self._leave(f"could not be published: {error.reason}")
            except Exception as error:  # noqa: BLE001 - after a commit Django would only log it, and it passed for done
                self._leave(f"could not be published: {type(error).__name__}")
            return

    def _leave(self, why: str) -> None:
        """It is committed, and nobody could be told.

        The mark stays, and readers ask SQL until it is repaired. But the state may have been lost and filled again
        between the mark and the commit: then nobody but this change knows, and it must not pass for done.
        """
        _log.warning("a change was committed and %s", why)
        self._untold = True
        context = current.get()
        if context is not None:
            context.untold = True


def in_transaction(using: str) -> bool:
    """Whether a commit is still to come. The atomic block around each test of Django's TestCase never commits."""
    connection = connections[using]
    if not connection.in_atomic_block:
        return not connection.get_autocommit()
    return not getattr(connection.atomic_blocks[0], "_from_testcase", False)


def of_epochs(keys: Iterable[bytes], using: str) -> Change:
    """A change of what subjects, or the world, are."""
    return Change(keys, using, epochs.bump, epochs.alias())


@contextmanager
def changing(keys: Iterable[bytes], *, using: str | None = None) -> Iterator[None]:
    """What is changed inside is read again by every worker on its next request, once it is committed.

    Outside of a transaction it opens one. Inside, the enclosing commit publishes.

    Args:
        keys: epoch keys of `stockade.gate.keys`, or `WORLD`.
        using: the database in which the change happens.

    Raises:
        Unavailable: the state is away; nothing was changed then, but for `UNTOLD`, which says so.
    """
    alias = using or epochs.alias()
    if in_transaction(alias):
        of_epochs(keys, alias).begin()
        yield
        return
    inside = True
    change: Change | None = None
    try:
        with ExitStack() as stack:
            # Again if it was overtaken, as under REPEATABLE READ; once the rows are locked nobody can.
            change = again(lambda: _enter(keys, alias, stack), alias)
            yield
            inside = False
    except BaseException:
        # If the commit itself failed nobody knows whether it happened: then the mark stays for the reconciler.
        if inside and change is not None:
            change.undone()
        raise
    change.finish()


def _enter(keys: Iterable[bytes], using: str, stack: ExitStack) -> Change:
    with ExitStack() as attempt:
        attempt.enter_context(transaction.atomic(using=using))
        change = of_epochs(keys, using).begin()
        stack.push(attempt.pop_all())
    return change


def invalidate(user_or_pk: object) -> None:
    """Have every worker read a user again on its next request: for what sends no signal (`QuerySet.update`, raw SQL).

    Args:
        user_or_pk: a user, or a user's primary key.

    Raises:
        ValueError: that is no primary key.
        Unavailable: the state is away.
    """
    pk = getattr(user_or_pk, "pk", user_or_pk)
    if pk is None:
        raise ValueError("A user without a primary key has not been saved yet.")
    try:
        pk = get_user_model()._meta.pk.to_python(pk)  # one spelling: a UUID may be written in several ways
    except ValidationError:
        raise ValueError(f"{pk!r} is no primary key of a user.") from None
    with changing([epochs.subject(pk)]):
        pass
