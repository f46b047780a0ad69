"""What one session promises, as if its calls came one after the other: the sequential specification.

Written from the architecture's decision 6 and from docs/, not from the code. A token is a text and nothing more, so a
second lineage cannot hide behind equal numbers; only the id of the key that made it is read from it, since rotation
speaks of that.

    refresh   the current token gives a new one, made by the key that signs, and becomes the previous one;
              the previous one gives the current one again, within the leeway; after it, and any older one at any time:
              theft, refused, and the session has ended
    check     says whether refresh would succeed, and changes nothing
    revoke    any token of the session ends it; 204 also when it is over already
    access    an access token is admitted until the session has ended
    end       by its owner, from the list of sessions: 204 once, 404 when it is over
    others    by its owner, from another session: 204, and it has ended
    listed    whether the list of sessions has it: until it has ended
    rotate    from now on another key signs
    retire    the secrets of a key are deleted, if it does not sign and the session holds no token that it made;
              else it is still needed, and nothing happens
    compromised  another key signs; what this one made is refused from now on, refresh and access tokens, as if it were
              noise; and if it made the current refresh token, the session has ended

Time enters with the leeway. A call happens at some moment between its beginning and its end, so an age is known to lie
between two bounds. Where both lie on one side of the leeway there is one right answer; where it lies between them both
answers are right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from tests.linear.history import Operation


class Kind(Enum):
    """What was called."""

    LOGIN = "login"
    REFRESH = "refresh"
    CHECK = "check"
    REVOKE = "revoke"
    ACCESS = "access"
    END = "end"
    OTHERS = "others"
    LISTED = "listed"
    ROTATE = "rotate"
    RETIRE = "retire"
    COMPROMISED = "compromised"

    def __repr__(self) -> str:
        return self.value


class Token(NamedTuple):
    """A token: its text, or a digest of it, and the id of the key that made it."""

    text: str
    kid: str

    def __repr__(self) -> str:
        return f"{self.text}@{self.kid[:8]}"


class Call(NamedTuple):
    """One call: `about` is the token that was shown; for retire, the key."""

    kind: Kind
    about: Token | str | None = None

    def __repr__(self) -> str:
        about = self.about if isinstance(self.about, Token) else (self.about or "")[:8]
        return f"{self.kind.value} {about}".strip()


REFUSED = "refused"  # 401
DONE = "done"  # 2xx
GONE = "gone"  # 404
NEEDED = "needed"  # may not be retired
# The answer of login and refresh is the new refresh token; that of listed True or False; that of rotate the new key.

READS = frozenset({Kind.CHECK, Kind.ACCESS, Kind.LISTED})


def reads(call: Call) -> bool:
    """Whether a call changes nothing, whatever the state."""
    return call.kind in READS


class State(NamedTuple):
    """A session at one moment.

    Args:
        line: its refresh tokens from the first to the current one; a current one that nobody has seen yet is Token("?",
            the key that signed then). Empty before the login.
        made: between which moments the current one was made.
        ended: whether it is over.
        signer: the key that signs; None while that is not known.
        silent: keys that sign no more.
        revoked: keys of which nothing is believed any more.
    """

    line: tuple[Token, ...] = ()
    made: tuple[int, int] = (0, 0)
    ended: bool = False
    signer: str | None = None
    silent: frozenset[str] = frozenset()
    revoked: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """What a person needs to follow a history: keys are as short as in tokens."""
        over = "over" if self.ended else "live"
        made = " to ".join(f"{moment / 1e6:.3f}" for moment in self.made)
        gone = ", ".join(sorted(kid[:8] for kid in self.revoked)) or "none"
        return f"{over}, {list(self.line)} (the last made {made}), {(self.signer or '?')[:8]} signs, revoked: {gone}"


START = State()
UNSEEN = "?"


@dataclass(frozen=True, slots=True)
class Specification:
    """The specification under one setting of the leeway.

    Args:
        leeway: in nanoseconds.
        slack: nanoseconds by which the wall clock, which the leeway goes by, may run otherwise than the clock of the
            history while a session lives.
    """

    leeway: int
    slack: int = 2_000_000

    def step(self, state: State, operation: Operation[Call]) -> Iterator[State]:
        """What the session may be after an operation; nothing if that answer is wrong."""
        kind, about = operation.call
        answer = operation.answer
        if kind is Kind.LOGIN:
            return self._login(state, operation)
        if kind is Kind.REFRESH:
            return self._refresh(state, operation)
        if kind is Kind.CHECK:
            return self._check(state, operation)
        if kind is Kind.REVOKE:
            return _revoke(state, operation)
        if kind is Kind.ACCESS:
            admitted = state.line != () and not state.ended and about.kid not in state.revoked  # type: ignore[union-attr]
            return _if(answer == (DONE if admitted else REFUSED), state)
        if kind is Kind.END:
            over = state.ended or not state.line
            return _if(
                answer in (None, GONE if over else DONE), state if over else state._replace(ended=True)
            )
        if kind is Kind.OTHERS:
            return _if(answer in (None, DONE), state._replace(ended=True) if state.line else state)
        if kind is Kind.LISTED:
            return _if(answer == (state.line != () and not state.ended), state)
        if kind is Kind.ROTATE:
            return _rotate(state, answer)
        if kind is Kind.RETIRE:
            return _retire(state, str(about), answer)
        return _compromised(state, str(about))

    def _login(self, state: State, operation: Operation[Call]) -> Iterator[State]:
        if state.line:
            return
        for token, signer in _new(state, operation.answer):
            yield state._replace(line=(token,), made=(operation.began, operation.ended), signer=signer)

    def _refresh(self, state: State, operation: Operation[Call]) -> Iterator[State]:
        shown, answer = operation.call.about, operation.answer
        assert isinstance(shown, Token)
        if shown.kid in state.revoked or state.ended or shown not in state.line:
            yield from _if(answer in (None, REFUSED), state)
            return
        if shown == state.line[-1]:
            for token, signer in _new(state, answer):
                yield state._replace(
                    line=(*state.line, token), made=(operation.began, operation.ended), signer=signer
                )
            return
        early, late = self._ages(state, operation)
        if state.line[-2] == shown and early:
            yield from _again(state, operation)
        if (state.line[-2] != shown or late) and answer in (None, REFUSED):
            yield state._replace(ended=True)

    def _check(self, state: State, operation: Operation[Call]) -> Iterator[State]:
        shown, answer = operation.call.about, operation.answer
        assert isinstance(shown, Token)
        good, bad = False, True
        if shown.kid not in state.revoked and not state.ended and shown in state.line:
            if shown == state.line[-1]:
                good, bad = True, False
            elif shown == state.line[-2]:
                good, bad = self._ages(state, operation)
        yield from _if((good and answer == DONE) or (bad and answer == REFUSED), state)

    def _ages(self, state: State, operation: Operation[Call]) -> tuple[bool, bool]:
        """Whether the current token may be younger than the leeway at the moment of this call; whether older."""
        first, last = state.made
        youngest = max(0, operation.began - last)
        oldest = operation.ended - first
        return youngest < self.leeway + self.slack, oldest >= self.leeway - self.slack


def _if(holds: bool, state: State) -> Iterator[State]:
    if holds:
        yield state


def _new(state: State, answer: object) -> Iterator[tuple[Token, str | None]]:
    """The token that is made now and the key that signs, as far as the answer tells them."""
    if answer is None:
        yield Token(UNSEEN, state.signer or UNSEEN), state.signer
    elif isinstance(answer, Token) and answer not in state.line and _may_sign(state, answer.kid):
        yield answer, answer.kid


def _again(state: State, operation: Operation[Call]) -> Iterator[State]:
    """Within the leeway the previous token gives the current one; if that was never seen, it is seen now."""
    current, answer = state.line[-1], operation.answer
    if answer is None or answer == current:
        yield state
    elif current.text == UNSEEN and isinstance(answer, Token) and current.kid in (UNSEEN, answer.kid):
        made = state.made[0], min(state.made[1], operation.ended)  # the call that made it was never answered
        yield from _if(answer not in state.line, state._replace(line=(*state.line[:-1], answer), made=made))


def _may_sign(state: State, kid: str) -> bool:
    return kid == state.signer if state.signer is not None else kid not in state.silent


def _revoke(state: State, operation: Operation[Call]) -> Iterator[State]:
    shown, answer = operation.call.about, operation.answer
    assert isinstance(shown, Token)
    if shown.kid in state.revoked:
        yield from _if(answer in (None, REFUSED), state)
    elif answer in (None, DONE):
        yield state._replace(ended=True)


def _rotate(state: State, answer: object) -> Iterator[State]:
    """Without an answer the new key is not known."""
    signer = None if answer is None else str(answer)
    silent = state.silent if state.signer is None else state.silent | {state.signer}
    yield state._replace(signer=signer, silent=silent)


def _retire(state: State, kid: str, answer: object) -> Iterator[State]:
    """Without an answer it may have been done or not, and there is always one where it may."""
    held = not state.ended and any(token.kid in (kid, UNSEEN) for token in state.line)
    if answer in (None, NEEDED):
        yield state
    elif not held and kid != state.signer:
        yield state._replace(silent=state.silent | {kid}, revoked=state.revoked | {kid})


def _compromised(state: State, kid: str) -> Iterator[State]:
    """If it was the one that signs another takes its place, which is not told."""
    after = state._replace(
        signer=None if kid == state.signer else state.signer,
        silent=state.silent | {kid},
        revoked=state.revoked | {kid},
    )
    made = state.line[-1].kid if state.line else None
    if made in (kid, UNSEEN):
        yield after._replace(ended=True)
    if made != kid:
        yield after
