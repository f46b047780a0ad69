"""Whether a message has come before, in all workers: three limits of the shared state, charged in one atomic step.

`busy` is taken while a message is worked on, and given back if that fails; if the worker dies, it runs out. `done` has
many places: one is taken with `busy`, and all that are left when the view has succeeded. So what was begun and never
finished is taken again, and nobody is told that it was done. `tried` is charged alike and never refuses by itself; it
tells the attempts apart: the same one twice is a replay where a time is signed, another one where none is.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Final

from stockade.core.errors import AlreadyDone, InProgress, Refusal, Replayed, Unavailable
from stockade.gate.keys import join, limit_key
from stockade.gate.protocol import EXACT, Charge, Gate, Limit, Verdict
from stockade.gate.registry import get_gate
from stockade.webhooks.conf import Source
from stockade.webhooks.message import Message

HANDLING: Final = 300  # seconds that a view may work on a message before another worker may begin with it
BEGINNINGS: Final = EXACT  # of a message that nobody has finished: the most of which each is kept by itself
CHARGES: Final = 3  # of each content: busy, done, tried
APART: Final = 60  # seconds that the clocks of our own hosts may differ
WAIT: Final = 10  # seconds after which to send again what is being worked on
_SECOND: Final = 1_000_000


@lru_cache(maxsize=1000)
def _limits(remember: float, attempts: float) -> tuple[Limit, Limit, Limit]:
    return (
        Limit("webhook.busy", 1, HANDLING * _SECOND),
        Limit("webhook.done", BEGINNINGS, round(max(remember, HANDLING + 1) * _SECOND)),
        Limit("webhook.tried", BEGINNINGS, round(max(attempts, HANDLING + 1) * _SECOND)),
    )


class Turn:
    """That a message is worked on now. `close` says what has become of it."""

    __slots__ = ("_at", "_charges", "_gate")

    def __init__(self, gate: Gate | None, charges: tuple[Charge, ...], at: int) -> None:
        self._gate, self._charges, self._at = gate, charges, at

    def answered(self, status: int) -> None:
        """`close` by the status of the answer: 2xx alone is success. After a redirect too a sender sends again."""
        self.close(200 <= status < 300)

    def close(self, done: bool) -> None:
        """Remember the message, or forget it so that it can be sent again; once, however often it is called.

        A state that is away meanwhile changes nothing about what was done: it is remembered by its first place, or
        comes free with `busy`.
        """
        gate, self._gate = self._gate, None
        if gate is None:
            return
        with suppress(Unavailable):
            if not done:
                gate.refund(self._charges, self._at)
                return
            for limit, key, _ in self._charges[1::CHARGES]:
                for cost in range(
                    limit.count - 1, 0, -1
                ):  # what is left of its places, after earlier beginnings
                    if gate.ask((), (Charge(limit, key, cost),)).refused < 0:
                        break


def begin(source: Source, message: Message) -> Turn:
    """Take the turn to work on a message.

    Raises:
        AlreadyDone: it was done before, and its source tries again. Replayed: it has come before, and its source would
            not send it like this. InProgress: somebody works on it. Unavailable: the state is away.
    """
    if source.once == "off":
        return Turn(None, (), 0)
    # A time that is ahead by the tolerance is taken for twice as long. Until then a copy must be known; an attempt that
    # is older is refused by its time, and to remember it for longer would be room lost.
    taken = 0.0 if message.time is None else 2 * source.tolerance + APART
    busy, done, tried = _limits(max(source.remember, taken), taken or source.remember)
    charges: list[Charge] = []
    for content in message.contents:
        what = join(source.name, content)
        which = join(source.name, content, message.attempt)
        charges += (
            Charge(busy, limit_key(busy, what)),
            Charge(done, limit_key(done, what)),
            Charge(tried, limit_key(tried, which)),
        )
    gate = get_gate()
    verdict = gate.ask((), tuple(charges))
    if verdict.refused < 0:
        return Turn(gate, tuple(charges), verdict.at)
    raise _refusal(message, verdict)


def _refusal(message: Message, verdict: Verdict) -> Refusal:
    left = verdict.remaining
    if all(left[1::CHARGES]):
        return InProgress(message.source, message.label, {"Retry-After": str(WAIT)})
    same = min(left[2::CHARGES]) < BEGINNINGS
    # Where a time is signed its source gives every try another one. Where none is, it sends the same again.
    kind = Replayed if same == (message.time is not None) else AlreadyDone
    return kind(message.source, message.label)
