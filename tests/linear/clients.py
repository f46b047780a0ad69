"""One of the processes that refresh, revoke, end, read and rotate at random, and what it records of that."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import OperationalError, connections
from django.test import override_settings

from stockade import keyring
from stockade.core.errors import Unavailable
from tests.linear.board import Board, Known
from tests.linear.history import FOREVER, Operation
from tests.linear.model import DONE, GONE, NEEDED, REFUSED, Call, Kind, Token
from tests.linear.served import LEEWAY, project
from tests.linear.web import TIMEOUT, UNSENT, Answer, Client

SECOND = 1_000_000_000
PASSWORD = "correct horse battery staple"
EVERY = 0.3  # seconds from one login to the next
LIFE = 1.8  # seconds that clients take an interest in a session
KEYS = 0.006  # share of the steps that change the keys
LOSSES = 0.03  # share of the requests whose answer is not waited for
FATES = ("none", "theft", "late", "revoke", "end", "others", "compromised", "mixed")


@dataclass(frozen=True, slots=True)
class Plan:
    """What every client is told.

    Args:
        base_url: of the workers.
        state: the URL of the shared state, for the client that changes keys.
        board: the file of what all know.
        seed: of the whole run.
        until: seconds that it takes.
        processes: how many clients there are.
        users: login names of the owners.
    """

    base_url: str
    state: str
    board: Path
    seed: int
    until: float
    processes: int
    users: tuple[str, ...]


@dataclass(slots=True)
class Recorded:
    """What one client saw.

    Args:
        sessions: by the session's number, the calls about it.
        owners: by the session's number, that of the user, where this client logged in.
        keys: calls about keys; they concern every session.
        workers: which workers answered, how often.
        odd: answers that no call may get.
    """

    sessions: dict[int, list[Operation[Call]]]
    owners: dict[int, int]
    keys: list[Operation[Call]]
    workers: Counter[str]
    odd: list[str]


def run(index: int, plan: Plan) -> Recorded:
    """Be the client `index`; the processes start it together."""
    with override_settings(STOCKADE=project(plan.state)):
        client = _Client(index, plan)
        try:
            return client.run()
        finally:
            client.close()
            connections.close_all()


def name_of(token: str) -> Token:
    """A token as histories have it: what is readable of it, and a digest of the whole."""
    digest = hashlib.sha256(token.encode()).hexdigest()[:10]
    if token.startswith("ey"):
        head = token.partition(".")[0]
        kid = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
        return Token(f"access-{digest}", kid)
    _, _, generation, kid, _ = token.split(".")
    return Token(f"{generation}-{digest}", kid)


def others_of(user: int) -> int:
    """The number under which calls stand that concern every session of a user."""
    return -1 - user


class _Client:
    def __init__(self, index: int, plan: Plan) -> None:
        self.index, self.plan = index, plan
        self.draw = random.Random(f"{plan.seed}:{index}")
        self.http = Client(plan.base_url, self.draw)
        self.board = Board(plan.board)
        self.recorded = Recorded({}, {}, [], Counter(), [])
        self.opened = 0
        self.owners: dict[int, str] = {}  # an access token of each user, to end and list sessions with

    def close(self) -> None:
        self.http.close()
        self.board.close()

    def run(self) -> Recorded:
        until = time.monotonic() + self.plan.until
        while time.monotonic() < until:
            self.board.read()
            now = time.monotonic_ns()
            newest = max((known.since for known in self.board.sessions.values()), default=0)
            if now - newest > EVERY * SECOND and self.draw.random() < 0.06:
                self.login(self.opened * self.plan.processes + self.index)
                self.opened += 1
            elif self.draw.random() < KEYS:
                self.change_keys()
            else:
                self.step(now)
        return self.recorded

    # -- what to do ------------------------------------------------------------------------------------------------

    def step(self, now: int) -> None:
        live = [
            (number, known)
            for number, known in self.board.sessions.items()
            if now - known.since < LIFE * SECOND
        ]
        if not live:
            time.sleep(0.002)  # another process is logging in
            return
        number, known = self.draw.choice(live)
        fate = random.Random(f"{self.plan.seed}:fate:{number}")
        doom, when = fate.choice(FATES), known.since + fate.uniform(0.4, 0.9) * LIFE * SECOND
        if now > when and doom != "none" and self.draw.random() < 0.25:
            self.end(number, known, doom)
        else:
            self.live(number, known, now - known.made)

    def live(self, number: int, known: Known, age: int) -> None:
        """What holders of good copies do: redeem together when a token is ripe, and read."""
        kind, leeway = self.draw.random(), LEEWAY * SECOND
        # When a token is ripe is the same for all, so they come together.
        ripe = random.Random(f"{self.plan.seed}:{number}:{len(known.refresh)}").uniform(0.05, 0.8) * leeway
        if kind < 0.45 and age > ripe:
            self.refresh(number, known.refresh[-1])
        elif kind < 0.2 and age < 0.6 * leeway:
            self.refresh(number, known.refresh[-2:][0])
        elif kind < 0.85:
            self.access(number, self.draw.choice(known.access[-20:]))
        elif kind < 0.95:
            self.check(number, self.draw.choice(known.refresh[-3:]))
        else:
            self.listed(known.user)

    def end(self, number: int, known: Known, doom: str) -> None:
        """What ends a session, or should."""
        if doom == "mixed":
            doom = self.draw.choice(FATES[1:-2])
        if doom == "theft":
            self.refresh(number, self.draw.choice(known.refresh[:-2] or known.refresh))
        elif doom == "late":
            age = time.monotonic_ns() - known.made
            if 0.9 * LEEWAY * SECOND < age < 1.5 * LEEWAY * SECOND:
                self.refresh(number, known.refresh[-2:][0])
            else:
                self.access(number, known.access[-1])  # and nobody redeems: the token is to grow old
        elif doom == "revoke":
            self.revoke(number, self.draw.choice(known.refresh))
        elif doom == "end":
            self.end_one(number, known)
        elif doom == "others":
            self.end_others(known.user)
        elif self.draw.random() < 0.05:
            self.retire(name_of(known.refresh[-1]).kid, compromised=True)

    # -- requests --------------------------------------------------------------------------------------------------

    def send(self, method: str, path: str, body: Any = None, token: str = "", lose: bool = True) -> Answer:
        hasty = lose and self.draw.random() < LOSSES
        found = self.http.send(
            method, path, body, token, self.draw.uniform(0.0005, 0.02) if hasty else TIMEOUT
        )
        if found.worker:
            self.recorded.workers[found.worker] += 1
        return found

    def record(self, number: int, kind: Kind, about: Token | None, answer: object, found: Answer) -> None:
        """Write a call down, unless it was never made; `answer` is None where the status told nothing."""
        if found.status == UNSENT:
            return
        ended = FOREVER if answer is None else found.ended
        operation = Operation(Call(kind, about), answer, found.began, ended, self.index)  # type: ignore[arg-type]
        self.recorded.sessions.setdefault(number, []).append(operation)

    def meaning(self, found: Answer, what: str, known: dict[int, object]) -> object:
        """What a status means; None if it may have happened or not."""
        if found.status in known:
            return known[found.status]
        if found.status not in (0, 503, UNSENT):
            self.recorded.odd.append(f"{what}: {found.status} {found.body}")
        return None

    def tell(self, number: int, found: Answer, **more: Any) -> None:
        self.board.add(number=number, refresh=found.body["refresh"], access=found.body["access"], **more)

    def login(self, number: int) -> None:
        user = self.draw.randrange(len(self.plan.users))
        body = {"username": self.plan.users[user], "password": PASSWORD}
        found = self.send("POST", "/api/token/", body, lose=False)
        if self.meaning(found, "login", {200: DONE}) is None:
            return
        token = name_of(found.body["refresh"])
        session = found.body["refresh"].split(".")[1]
        self.recorded.owners[number] = user
        self.record(number, Kind.LOGIN, None, token, found)
        self.tell(number, found, user=user, session=session, since=found.ended)

    def refresh(self, number: int, token: str) -> None:
        found = self.send("POST", "/api/token/refresh/", {"refresh": token})
        answer = self.meaning(found, "refresh", {200: DONE, 401: REFUSED})
        if answer == DONE:
            answer = name_of(found.body["refresh"])
        self.record(number, Kind.REFRESH, name_of(token), answer, found)
        if found.status == 200:
            self.tell(number, found)

    def check(self, number: int, token: str) -> None:
        found = self.send("POST", "/api/token/verify/", {"token": token})
        answer = self.meaning(found, "check", {200: DONE, 401: REFUSED})
        self.record(number, Kind.CHECK, name_of(token), answer, found)

    def revoke(self, number: int, token: str) -> None:
        found = self.send("POST", "/api/token/revoke/", {"refresh": token})
        answer = self.meaning(found, "revoke", {204: DONE, 401: REFUSED})
        self.record(number, Kind.REVOKE, name_of(token), answer, found)

    def access(self, number: int, token: str) -> None:
        found = self.send("GET", "/private/", token=token)
        answer = self.meaning(found, "access", {200: DONE, 401: REFUSED})
        self.record(number, Kind.ACCESS, name_of(token), answer, found)

    # -- the owner's -----------------------------------------------------------------------------------------------

    def owner(self, user: int) -> str:
        """An access token of a session of the user that no history is about."""
        if user not in self.owners:
            body = {"username": self.plan.users[user], "password": PASSWORD}
            found = self.send("POST", "/api/token/", body, lose=False)
            self.owners[user] = found.body["access"] if found.status == 200 else ""
        return self.owners[user]

    def as_owner(self, user: int, method: str, path: str) -> Answer:
        """A request by the owner. If it was refused nothing was done: his own session has ended, or his key."""
        found = self.send(method, path, token=self.owner(user))
        if found.status not in (200, 204, 404):
            self.owners.pop(user, None)
        return found

    def of_user(self, user: int) -> list[tuple[int, Known]]:
        return [(number, known) for number, known in self.board.sessions.items() if known.user == user]

    def end_one(self, number: int, known: Known) -> None:
        session = known.session
        path = (
            f"/api/sessions/{session[:8]}-{session[8:12]}-{session[12:16]}-{session[16:20]}-{session[20:]}/"
        )
        found = self.as_owner(known.user, "DELETE", path)
        if found.status != 401:
            answer = self.meaning(found, "end", {204: DONE, 404: GONE})
            self.record(number, Kind.END, None, answer, found)

    def end_others(self, user: int) -> None:
        found = self.as_owner(user, "DELETE", "/api/sessions/")
        if found.status != 401:
            answer = self.meaning(found, "others", {204: DONE})
            self.record(others_of(user), Kind.OTHERS, None, answer, found)

    def listed(self, user: int) -> None:
        now = time.monotonic_ns()
        found = self.as_owner(user, "GET", "/api/sessions/")
        if found.status == 401 or self.meaning(found, "list", {200: DONE}) is None or len(found.body) >= 100:
            return
        there = {row["id"].replace("-", "") for row in found.body}
        for number, known in self.of_user(user):
            if now - known.since < LIFE * SECOND:
                self.record(number, Kind.LISTED, None, known.session in there, found)

    # -- keys ------------------------------------------------------------------------------------------------------

    def change_keys(self) -> None:
        kind = self.draw.random()
        if kind < 0.6:
            self.rotate()
        else:
            # Half of them the key that signs, for that is the one that others are about to use.
            kid = self.board.kids[-1] if self.draw.random() < 0.5 else self.draw.choice(self.board.kids)
            self.retire(kid, compromised=self.draw.random() < 0.4)

    def rotate(self) -> None:
        kid = self.key_change(Call(Kind.ROTATE), lambda: keyring.rotate(now=True))
        if kid is not None:
            self.board.add(kid=kid)

    def retire(self, kid: str, *, compromised: bool) -> None:
        call = Call(Kind.COMPROMISED if compromised else Kind.RETIRE, kid)

        def change() -> str:
            try:
                keyring.retire(kid, compromised=compromised)
            except keyring.StillNeeded:
                return NEEDED
            return DONE

        self.key_change(call, change)

    def key_change(self, call: Call, change: Callable[[], str]) -> str | None:
        """As `stockade keyring` does it, in a process of its own beside the workers."""
        began = time.monotonic_ns()
        try:
            answer = change()
        except (Unavailable, OperationalError):
            answer = None
        ended = FOREVER if answer is None else time.monotonic_ns()
        self.recorded.keys.append(Operation(call, answer, began, ended, self.index))
        return answer
