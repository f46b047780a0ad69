"""The driver's threads: whatever they do, they write into one history, and none of them ends unseen."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Callable

from tests.faults.client import Client
from tests.faults.history import Answer, History
from tests.faults.world import Credential, Person

DOORS = ("open", "role")
PAUSE = 0.02  # seconds after a 503: a client that hammers would only measure itself
SAMPLE = 3  # connections at which a credential is tried
Work = Callable[[Client, random.Random], None]  # one round of what a thread does


class Crew:
    """The threads of one episode; one of them tries credentials that were met, mostly long after their end.

    Args:
        ports: see `Client`.
    """

    def __init__(self, history: History, ports: list[tuple[int, str]], chance: random.Random) -> None:
        self.history, self._ports = history, ports
        self._seeds = random.Random(chance.random())
        self._met: list[Credential] = []
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.add(self._read)

    def add(self, work: Work) -> None:
        """Have a thread do `work` over and over."""
        self._threads.append(threading.Thread(target=self._run, args=(work,), daemon=True))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            if thread.is_alive():
                self.history.notes.append("a thread of the driver hangs")

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def client(self) -> Client:
        return Client(self.history, self._ports, random.Random(self._seeds.random()))

    def _run(self, work: Work) -> None:
        chance = random.Random(self._seeds.random())
        client = self.client()
        try:
            while not self.stopped:
                work(client, chance)
        except Exception:  # noqa: BLE001 - a driver that breaks must not look like a quiet run
            self.history.notes.append(traceback.format_exc())
        finally:
            client.close()

    def _read(self, client: Client, chance: random.Random) -> None:
        if not self._met:
            time.sleep(PAUSE)  # nothing to do yet
            return
        pace(client.knock(chance.choice(self._met), chance.choice(DOORS)))

    def meet(self, client: Client, chance: random.Random, person: Person) -> None:
        """Have workers know a person."""
        for credential in person.credentials:
            for connection in chance.sample(client.connections, SAMPLE):
                pace(client.knock(credential, chance.choice(DOORS), connection))
        self._met.extend(person.credentials)

    @staticmethod
    def knock(client: Client, chance: random.Random, person: Person, doors: tuple[str, ...] = DOORS) -> None:
        """Try one right of a person at several connections."""
        credential, door = chance.choice(person.credentials), chance.choice(doors)
        for connection in chance.sample(client.connections, SAMPLE):
            client.knock(credential, door, connection)


def pace(answer: Answer) -> None:
    """Wait a little after what was no decision."""
    if answer.status in (0, 503):
        time.sleep(PAUSE)
