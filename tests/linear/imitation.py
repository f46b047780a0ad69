"""A second session in plain Python, with a clock of its own and faults to choose from: histories for the checker.

It shares nothing with the specification, so that a mistake in one is not repeated in the other. Eight imagined clients
overlap; each call happens at one moment within its time, except where the fault says otherwise.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.linear.history import FOREVER, Operation
from tests.linear.model import DONE, GONE, NEEDED, REFUSED, Call, Kind, Token

MS = 1_000_000
LEEWAY = 30 * MS

FAULTS = (
    "two lineages",  # each of several redemptions within the leeway gets a successor of its own
    "another successor after rotation",  # derived with the key that signs, not with the one that the row keeps
    "revoke lost",
    "revoke overwritten",  # a refresh that read before the revocation writes after it
    "stale access",  # a worker goes by what it remembers
    "stale list",
    "leeway too long",
    "leeway too short",
    "leeway after use",  # although the successor was used
    "theft unpunished",
    "theft punished by noise",  # a token of a revoked key ends the session
    "ended twice",
    "check promises too much",
    "check ends",
    "rotation unheard",
    "compromised key still verifies",
    "compromised key still signs in",
    "compromised key's session goes on",
    "retired although needed",
    "compromised key signs on",
)


@dataclass
class Session:
    """One row and one ring, as simple as can be."""

    fault: str
    draw: random.Random
    generation: int = 1
    made: int = 0
    over: int | None = None
    tokens: list[Token] = field(default_factory=list)
    keys: list[str] = field(default_factory=lambda: ["k0"])
    revoked: list[str] = field(default_factory=list)
    spare: int = 0

    def has(self, *faults: str) -> bool:
        return self.fault in faults and self.draw.random() < 0.5

    def make(self, kid: str) -> Token:
        self.spare += 1
        return Token(f"r{self.spare}", kid)

    def answer(self, call: Call, now: int) -> object:
        """Do it, at `now`."""
        return getattr(self, f"do_{call.kind.value}")(call.about, now)

    def do_login(self, about: None, now: int) -> object:
        self.made = now
        self.tokens.append(self.make(self.keys[-1]))
        return self.tokens[0]

    def place(self, token: Token) -> int:
        """Generations behind the current one."""
        return self.generation - 1 - self.tokens.index(token) if token in self.tokens else 99

    def dead(self, token: Token) -> bool:
        return token.kid in self.revoked and not self.has("compromised key still signs in")

    def forgiven(self, behind: int, now: int) -> bool:
        leeway = LEEWAY
        if self.fault == "leeway too long":
            leeway *= 2
        if self.fault == "leeway too short":
            leeway //= 2
        return (behind == 1 and now - self.made < leeway) or (behind == 2 and self.has("leeway after use"))

    def do_refresh(self, token: Token, now: int) -> object:
        if self.dead(token):
            if self.has("theft punished by noise"):
                self.over = now
            return REFUSED
        behind = self.place(token)
        if self.over is not None or behind == 99:
            if behind == 0 and now - (self.over or 0) < 3 * MS and self.has("revoke overwritten"):
                self.over = None
            else:
                return REFUSED
        if behind == 0:
            kid = self.keys[-2] if len(self.keys) > 1 and self.has("rotation unheard") else self.keys[-1]
            self.tokens.append(self.make(kid))
            self.generation, self.made = self.generation + 1, now
            return self.tokens[-1]
        if self.forgiven(behind, now):
            current = self.tokens[-1]
            if self.has("two lineages"):
                self.tokens[-1] = self.make(self.keys[-1])
                return self.tokens[-1]
            if self.fault == "another successor after rotation" and current.kid != self.keys[-1]:
                return Token(current.text, self.keys[-1])
            return current
        if not self.has("theft unpunished"):
            self.over = now
        return REFUSED

    def do_check(self, token: Token, now: int) -> object:
        if self.dead(token) or self.over is not None or token not in self.tokens:
            return REFUSED
        behind = self.place(token)
        if behind == 0 or self.forgiven(behind, now):
            return DONE
        if self.has("check ends"):
            self.over = now
        return DONE if self.has("check promises too much") else REFUSED

    def do_revoke(self, token: Token, now: int) -> object:
        if self.dead(token):
            return REFUSED
        if self.over is None and not self.has("revoke lost"):
            self.over = now
        return DONE

    def do_access(self, token: Token, now: int) -> object:
        if token.kid in self.revoked and not self.has("compromised key still verifies"):
            return REFUSED
        fresh = self.over is not None and now - self.over < 20 * MS and self.has("stale access")
        return DONE if self.over is None or fresh else REFUSED

    def do_end(self, about: None, now: int) -> object:
        if self.over is not None and not (now - self.over < 5 * MS and self.has("ended twice")):
            return GONE
        self.over = now
        return DONE

    def do_others(self, about: None, now: int) -> object:
        self.over = self.over or now
        return DONE

    def do_listed(self, about: None, now: int) -> object:
        return self.over is None or self.has("stale list")

    def do_rotate(self, about: None, now: int) -> object:
        self.keys.append(f"k{len(self.keys)}")
        return self.keys[-1]

    def do_retire(self, kid: str, now: int) -> object:
        held = self.over is None and any(token.kid == kid for token in self.tokens)
        if (held or kid == self.keys[-1]) and not self.has("retired although needed"):
            return NEEDED
        self.revoked.append(kid)
        return DONE

    def do_compromised(self, kid: str, now: int) -> object:
        self.revoked.append(kid)
        if self.tokens[-1].kid == kid and not self.has("compromised key's session goes on"):
            self.over = self.over or now
        if kid == self.keys[-1] and not self.has("compromised key signs on"):
            self.keys.append(f"k{len(self.keys)}")
        return DONE


def imagine(seed: int, fault: str = "", calls: int = 80, clients: int = 8) -> list[Operation[Call]]:
    """One history of a session by `clients` clients, of which one call in forty is not answered."""
    draw = random.Random(seed)
    session = Session(fault, draw)
    first = session.answer(Call(Kind.LOGIN), 0)
    history: list[Operation[Call]] = [Operation(Call(Kind.LOGIN), first, 0, 0)]
    assert isinstance(first, Token)
    known: list[Token] = [first]
    kids = [first.kid]
    style = draw.choice(["eager", "lazy", "rough", "keys"])
    order = 0
    queue: list[tuple[int, int, Callable[[int], None]]] = []

    def at(moment: int, work: Callable[[int], None]) -> None:
        nonlocal order
        order += 1
        heapq.heappush(queue, (moment, order, work))

    def begin(who: int) -> Callable[[int], None]:
        def work(now: int) -> None:
            call = choose(draw, known, kids, now - session.made, style)
            took, back = draw.randrange(1, 4 * MS), draw.randrange(1, 4 * MS)
            at(now + took, lambda when: happen(who, call, now, when, back))

        return work

    def happen(who: int, call: Call, began: int, now: int, back: int) -> None:
        lost = draw.random() < 0.025
        if lost and draw.random() < 0.5:
            answer: object = None  # it did not even arrive
        else:
            answer = session.answer(call, now)
        at(now + back, lambda when: end(who, call, began, when, None if lost else answer))

    def end(who: int, call: Call, began: int, now: int, answer: object) -> None:
        nonlocal calls
        ended = FOREVER if answer is None else now
        history.append(Operation(call, answer, began, ended, who))  # type: ignore[arg-type]
        if call.kind is Kind.REFRESH and isinstance(answer, Token) and answer not in known:
            known.append(answer)
        if call.kind is Kind.ROTATE and answer is not None:
            kids.append(str(answer))
        calls -= 1
        if calls > 0:
            at(now + draw.randrange(1, 10 * MS), begin(who))

    for who in range(clients):
        at(draw.randrange(1, 5 * MS), begin(who))
    while queue:
        moment, _, work = heapq.heappop(queue)
        work(moment)
    return history


def choose(draw: random.Random, known: list[Token], kids: list[str], age: int, style: str) -> Call:
    """What a client does next: mostly what honest ones do, with some thieves among them.

    Args:
        style: "lazy" clients redeem late, "rough" ones end sessions, "keys" change keys.
    """
    if draw.random() < (0.12 if style == "keys" else 0.02):
        kind = draw.choice([Kind.ROTATE, Kind.ROTATE, Kind.RETIRE, Kind.COMPROMISED])
        return Call(kind, None if kind is Kind.ROTATE else draw.choice(kids[-3:]))
    chance = draw.random()
    if chance < {"rough": 0.3, "keys": 0.005}.get(style, 0.05):
        ending = draw.choice([Kind.REVOKE, Kind.END, Kind.OTHERS])
        return Call(ending, draw.choice(known[-3:]) if ending is Kind.REVOKE else None)
    if chance < 0.6:
        # Many at once when a token has grown old enough; the previous one mostly while it is forgiven.
        ripe = age > 15 * MS and draw.random() < (0.01 if style == "lazy" else 0.4)
        if style == "keys" and age > 20 * MS:
            ripe = True  # no theft: these sessions are to outlive many keys
        return Call(Kind.REFRESH, known[-1] if ripe or len(known) == 1 else known[-2])
    if chance < (0.605 if style == "keys" else 0.62):
        return Call(Kind.REFRESH, draw.choice(known))
    if chance < 0.85:
        return Call(Kind.ACCESS, draw.choice(known))
    if chance < 0.95:
        return Call(Kind.CHECK, draw.choice(known))
    return Call(Kind.LISTED)
