"""The driver's threads: lives that are ended step by step, and readers who try what was ended before."""

from __future__ import annotations

import contextlib
import queue
import random
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial

from tests.faults.client import Client
from tests.faults.history import Answer, History, Right
from tests.faults.world import Credential, Person

DOORS = ("open", "role")
PAUSE = 0.02  # seconds after a 503: a client that hammers would only measure itself
SAMPLE = 3  # connections at which a credential is tried
Order = tuple[str, str, str, object]  # method, path, access token and body


class Traffic:
    """All threads of one episode.

    Args:
        people: those whose lives are lived, and ended.
        standing: as many as there are `lives`: each loses a right and gets it back, over and over.
        ports: see `Client`.
        readers: how many threads only read.
    """

    def __init__(
        self,
        history: History,
        people: list[Person],
        standing: list[Person],
        ports: list[tuple[int, str]],
        chance: random.Random,
        readers: int = 1,
    ) -> None:
        self.history, self._ports = history, ports
        self.retired: set[str] = set()  # kids: who was signed by one is not asked to do anything any more
        self._seeds = random.Random(chance.random())
        self._people: queue.SimpleQueue[Person] = queue.SimpleQueue()
        for person in people:
            self._people.put(person)
        self._met: list[Credential] = []
        self._stop = threading.Event()
        works = [partial(self._live, person) for person in standing] + [self._read] * readers
        self._threads = [threading.Thread(target=self._run, args=(work,), daemon=True) for work in works]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            if thread.is_alive():
                self.history.notes.append("a thread of the driver hangs")

    def client(self) -> Client:
        return Client(self.history, self._ports, random.Random(self._seeds.random()))

    def _run(self, work: Callable[[Client, random.Random], None]) -> None:
        chance = random.Random(self._seeds.random())
        client = self.client()
        try:
            while not self._stop.is_set():
                work(client, chance)
        except Exception:  # noqa: BLE001 - a driver that breaks must not look like a quiet run
            self.history.notes.append(traceback.format_exc())
        finally:
            client.close()

    def _read(self, client: Client, chance: random.Random) -> None:
        """Try somebody who was met, mostly long after the end of it."""
        if not self._met:
            time.sleep(PAUSE)  # nothing to do yet
            return
        pace(client.knock(chance.choice(self._met), chance.choice(DOORS)))

    def _live(self, standing: Person, client: Client, chance: random.Random) -> None:
        """All that happens to one person, while there are any; and what happens to the standing one."""
        with contextlib.suppress(queue.Empty):
            person = self._people.get_nowait()
            if person.kid not in self.retired:
                self._meet(client, chance, person)
                for kind, rights, request in steps(person, chance):
                    self._take(client, chance, person, kind, rights, request)
        if not self._met or chance.random() < 0.02:
            self._meet(client, chance, standing)
        doors, what, flag = chance.choice(((("role",), "role", "member"), (DOORS, "deactivate", "active")))
        rights = [(credential.name, door) for credential in standing.credentials for door in doors]
        for grants in (False, True):
            request = order(what, standing, chance, **{flag: grants})
            self._take(client, chance, standing, what, rights, request, grants)

    def _meet(self, client: Client, chance: random.Random, person: Person) -> None:
        """Have workers know a person."""
        for credential in person.credentials:
            for connection in chance.sample(client.connections, SAMPLE):
                pace(client.knock(credential, chance.choice(DOORS), connection))
        self._met.extend(person.credentials)

    def _take(
        self,
        client: Client,
        chance: random.Random,
        person: Person,
        kind: str,
        rights: list[Right],
        request: Order,
        grants: bool = False,
    ) -> None:
        """Take rights away, or give them, again and again until that is answered with success; then try them."""
        method, path, token, body = request
        tried = 0
        while not self._stop.is_set() and person.kid not in self.retired:
            answer = client.change(kind, rights, method, path, token=token, body=body, grants=grants)
            tried += 1
            if 200 <= answer.status < 300:
                break
            if answer.status not in (0, 503):
                # A repetition may find that the first attempt had done it; the first has no such excuse.
                if tried == 1 and person.kid not in self.retired and answer.status < 500:
                    self.history.notes.append(f"{kind} of {person.name} was answered {answer}")
                return
            pace(answer)
        by_name = {credential.name: credential for credential in person.credentials}
        for name, door in chance.sample(rights, 1):
            for connection in chance.sample(client.connections, SAMPLE):
                client.knock(by_name[name], door, connection)


def steps(person: Person, chance: random.Random) -> list[tuple[str, list[Right], Order]]:
    """What happens to a person, in this order: in the end nothing is left."""
    own, one, two, *others = person.credentials
    found: list[tuple[str, list[Right], Order]] = [
        ("end one", both(one), ("DELETE", f"/api/sessions/{one.session}/", own.access, None)),
        ("revoke", both(two), ("POST", "/api/token/revoke/", "", {"refresh": two.refresh})),
        ("lose the role", [(c.name, "role") for c in person.credentials], order("role", person, chance)),
    ]
    chance.shuffle(found)
    found.append(("end others", both(one, two, *others), ("DELETE", "/api/sessions/", own.access, None)))
    what = chance.choice(("deactivate", "password", "end_all"))
    found.append((what, both(*person.credentials), order(what, person, chance)))
    return found


def both(*credentials: Credential) -> list[Right]:
    """Every right of some credentials."""
    return [(credential.name, door) for credential in credentials for door in DOORS]


def order(what: str, person: Person, chance: random.Random, **more: object) -> Order:
    """A change that an operator's own code makes, in a transaction or without one."""
    body = {"what": what, "pk": person.pk, "atomic": chance.random() < 0.5, **more}
    return ("POST", "/change/", "", body)


def pace(answer: Answer) -> None:
    """Wait a little after what was no decision."""
    if answer.status in (0, 503):
        time.sleep(PAUSE)
