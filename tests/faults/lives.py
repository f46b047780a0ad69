"""What happens to people while parts die: everything that they have is taken from them, step by step."""

from __future__ import annotations

import contextlib
import queue
import random
import time
from functools import partial
from typing import Any

from tests.faults.client import Client
from tests.faults.crew import DOORS, PAUSE, SAMPLE, Crew, pace
from tests.faults.history import History, Right
from tests.faults.world import Credential, Person

Order = dict[str, Any]  # how a change is asked for, as `Client.change` takes it
# What is taken from a standing person and given back: the doors that it shuts, the change, and what gives it back.
TOGGLES = ((("role",), "role", "member"), (DOORS, "deactivate", "active"), (DOORS, "ban", "lifted"))


class Lives(Crew):
    """Each thread ends a person's rights, one after the other, and takes and gives those of a standing one.

    Args:
        people: those whose lives are lived, and ended.
        standing: one for each thread.

    Attributes:
        asleep: credentials that workers know, and that ended before the fault of now without anyone trying them since:
            a state that forgot would admit them.
    """

    def __init__(
        self,
        history: History,
        ports: list[tuple[int, str]],
        chance: random.Random,
        people: list[Person],
        standing: list[Person],
    ) -> None:
        super().__init__(history, ports, chance)
        self.retired: set[str] = set()  # kids: who was signed by one is not asked to do anything any more
        self._people: queue.SimpleQueue[Person] = queue.SimpleQueue()
        for person in people:
            self._people.put(person)
        self.asleep: list[Credential] = []
        self.add(self._wake)
        for person in standing:
            self.add(partial(self._live, person))

    def _live(self, standing: Person, client: Client, chance: random.Random) -> None:
        with contextlib.suppress(queue.Empty):
            person = self._people.get_nowait()
            if person.kid not in self.retired:
                self.meet(client, chance, person)
                for kind, rights, asked in steps(person, chance):
                    self._take(client, chance, person, kind, rights, asked)
        if not self._met or chance.random() < 0.02:
            self.meet(client, chance, standing)
        doors, what, flag = chance.choice(TOGGLES)
        rights = [(credential.name, door) for credential in standing.credentials for door in doors]
        for grants in (False, True):
            asked = {**order(what, standing, chance, **{flag: grants}), "grants": grants}
            self._take(client, chance, standing, what, rights, asked)

    def lay_down(self, client: Client, chance: random.Random, people: list[Person]) -> None:
        """Have every worker know some people, and end all that they have; let them be tried from now on."""
        credentials = [credential for person in people for credential in person.credentials]
        for credential in credentials:
            for connection in client.connections:
                client.knock(credential, "open", connection)
        for person in people:
            what = chance.choice(("end_all", "deactivate"))
            self._repeat(client, person, what, both(*person.credentials), order(what, person, chance))
        self.asleep = credentials

    def _wake(self, client: Client, chance: random.Random) -> None:
        listed = self.asleep
        if not listed or client.knock(chance.choice(listed), "open").status in (0, 503):
            time.sleep(PAUSE / 4)  # to be there when it comes back

    def _take(
        self,
        client: Client,
        chance: random.Random,
        person: Person,
        kind: str,
        rights: list[Right],
        asked: Order,
    ) -> None:
        """Take rights away, or give them, until that is answered with success; then try them."""
        if not self._repeat(client, person, kind, rights, asked):
            return
        by_name = {credential.name: credential for credential in person.credentials}
        name, door = chance.choice(rights)
        for connection in chance.sample(client.connections, SAMPLE):
            client.knock(by_name[name], door, connection)

    def _repeat(self, client: Client, person: Person, kind: str, rights: list[Right], asked: Order) -> bool:
        """Ask for a change again and again; whether it was answered with success."""
        tried = 0
        while not self.stopped and person.kid not in self.retired:
            answer = client.change(kind, rights, **asked)
            tried += 1
            if answer.good:
                return True
            if answer.status not in (0, 503):
                # A repetition may find that the first attempt had done it; the first has no such excuse.
                if tried == 1 and person.kid not in self.retired and answer.status < 500:
                    self.history.notes.append(f"{kind} of {person.name} was answered {answer}")
                return False
            pace(answer)
        return False


def steps(person: Person, chance: random.Random) -> list[tuple[str, list[Right], Order]]:
    """What happens to a person, in this order: in the end nothing is left."""
    own, one, two, *others = person.credentials
    by_token: Order = {"method": "DELETE", "token": own.access}
    revoke: Order = {"method": "POST", "path": "/api/token/revoke/", "body": {"refresh": two.refresh}}
    found: list[tuple[str, list[Right], Order]] = [
        ("end one", both(one), {**by_token, "path": f"/api/sessions/{one.session}/"}),
        ("revoke", both(two), revoke),
        ("lose the role", [(c.name, "role") for c in person.credentials], order("role", person, chance)),
    ]
    chance.shuffle(found)
    found.append(("end others", both(one, two, *others), {**by_token, "path": "/api/sessions/"}))
    what = chance.choice(("deactivate", "password", "end_all"))
    found.append((what, both(*person.credentials), order(what, person, chance)))
    return found


def both(*credentials: Credential) -> list[Right]:
    """Every right of some credentials."""
    return [(credential.name, door) for credential in credentials for door in DOORS]


def order(what: str, person: Person, chance: random.Random, **more: object) -> Order:
    """A change that an operator's own code makes, in a transaction or without one."""
    body = {"what": what, "pk": person.pk, "atomic": chance.random() < 0.5, **more}
    return {"method": "POST", "path": "/change/", "body": body}
