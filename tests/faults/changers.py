"""Everything that changes who may do what, each way in a thread of its own, over and over, while all are used."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from tests.faults.client import Client
from tests.faults.crew import DOORS, PAUSE, Crew
from tests.faults.history import History
from tests.faults.lives import Order, both, order
from tests.faults.world import PASSWORD, Credential, Person

BURST = 5  # rotations of keys in a row
SLACK = 0.25  # seconds beyond PRINCIPAL_MAX_AGE for which what sends no signal is watched
Way = Callable[[Person, bool, random.Random], Order]


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to change a user.

    Args:
        ask: for the request that takes (False) or gives (True).
        late: whether it sends no signal, and must bite within PRINCIPAL_MAX_AGE only.
        doors: those that it shuts.
        ends: whether it cannot be undone.
    """

    ask: Way
    late: bool = False
    doors: tuple[str, ...] = DOORS
    ends: bool = False


def by_view(what: str, flag: str = "active", **more: Any) -> Way:
    """Through the project's own code."""

    def ask(person: Person, grants: bool, chance: random.Random) -> Order:
        return order(what, person, chance, **{flag: grants}, **more)

    return ask


def by_admin(off: str, on: str, cookies: str, csrf: str) -> Way:
    """Through a bulk action of the admin."""

    def ask(person: Person, grants: bool, chance: random.Random) -> Order:
        form = {"action": on if grants else off, "_selected_action": person.pk, "post": "yes"}
        body = urlencode({**form, "csrfmiddlewaretoken": csrf})
        return {"method": "POST", "path": "/admin/auth/user/", "body": body, "cookies": cookies}

    return ask


def kinds(cookies: str, csrf: str) -> dict[str, Kind]:
    """All ways, by name; `cookies` and `csrf` are an administrator's."""
    return {
        "role": Kind(by_view("role", "member"), doors=("role",)),
        "deactivate": Kind(by_view("deactivate")),
        "update, invalidated": Kind(by_view("update", invalidate=True)),
        "raw SQL, invalidated": Kind(by_view("raw", invalidate=True)),
        "update": Kind(by_view("update"), late=True),
        "raw SQL": Kind(by_view("raw"), late=True),
        "bulk_update": Kind(by_view("bulk_update"), late=True),
        "ban": Kind(by_view("ban", "lifted")),
        "loaddata": Kind(by_view("loaddata")),
        "admin action": Kind(by_admin("switch_off", "switch_on", cookies, csrf)),
        "admin action, invalidated": Kind(by_admin("update_off", "update_on", cookies, csrf)),
        "admin delete": Kind(by_admin("delete_selected", "", cookies, csrf), ends=True),
    }


class Changers(Crew):
    """One thread for each kind, one that rotates keys and logs in, and one that only reads.

    Args:
        table: the kinds.
        people: one for each kind, and one who logs in.
        spare: those that are deleted.
        max_age: PRINCIPAL_MAX_AGE in seconds.
    """

    def __init__(
        self,
        history: History,
        ports: list[tuple[int, str]],
        chance: random.Random,
        table: dict[str, Kind],
        people: list[Person],
        spare: list[Person],
        max_age: float,
    ) -> None:
        super().__init__(history, ports, chance)
        self._max_age, self._spare = max_age, spare
        *own, visitor = people
        for (name, kind), person in zip(table.items(), own, strict=True):
            self.add(partial(self._change, name, kind, person))
        self._logins, self._rotations = itertools.count(1), itertools.count(1)
        self.add(partial(self._rotate, visitor))

    def _change(self, name: str, kind: Kind, person: Person, client: Client, chance: random.Random) -> None:
        if kind.ends:
            if not self._spare:
                time.sleep(PAUSE)  # nobody is left to delete
                return
            person = self._spare.pop()
        self.meet(client, chance, person)
        rights = [right for right in both(*person.credentials) if right[1] in kind.doors]
        late = self._max_age if kind.late else 0
        for grants in (False,) if kind.ends else (False, True):
            asked = kind.ask(person, grants, chance)
            answer = client.change(name, rights, grants=grants, holds_after=late, **asked)
            if not answer.good:
                self.history.notes.append(f"{name} was answered {answer}")
                return
            until = time.monotonic() + (late + SLACK if late else 0)
            while time.monotonic() < until and not self.stopped:
                self.knock(client, chance, person, kind.doors)
                time.sleep(PAUSE)  # the promise is one of time
            self.knock(client, chance, person, kind.doors)

    def _rotate(self, visitor: Person, client: Client, chance: random.Random) -> None:
        """A new key signs; who logs in then is known at once to every worker, and so is everybody else."""
        answer = client.change("rotate", [], method="POST", path="/change/", body={"what": "rotate"})
        connection = client.any()
        told = connection.ask("POST", "/api/token/", body={"username": visitor.name, "password": PASSWORD})
        if not (answer.good and told.good):
            self.history.notes.append(f"rotating was answered {answer}, the login {told}")
            return
        pair = json.loads(connection.content)
        fresh = Credential(f"{visitor.name}/login {next(self._logins)}", "", pair["access"], pair["refresh"])
        self.meet(client, chance, dataclasses.replace(visitor, credentials=(fresh,)))
        if next(self._rotations) % BURST == 0:
            # Each new key has every worker read everybody again; what sends no signal must do without that for a while.
            time.sleep(3 * self._max_age)
