"""One episode: people whose rights end while parts go away and come back; its history, checked."""

from __future__ import annotations

import random
import time

from tests.faults.checker import GRACE, Report, check
from tests.faults.client import Client, Connection
from tests.faults.faults import Fault, complete, wait_for
from tests.faults.history import Fault as Entry, History, now
from tests.faults.lives import Lives, both
from tests.faults.stage import Stage
from tests.faults.world import Person, populate

PER_SECOND = 2  # people for each second of an episode; when none is left the standing ones go on
ASLEEP = 2  # people who end before each fault, and are tried during it
LIVES = 4  # threads that change things
KIDS = 4  # keys that sign for the people of an episode; all but the last are retired as compromised
SESSIONS = 5


def episode(stage: Stage, table: dict[str, Fault], seconds: float, seed: int) -> tuple[History, Report]:
    """Traffic for some seconds while every fault of `table` comes at least once, in random order."""
    chance = random.Random(seed)
    history = History(seed)
    people = crowd(int(seconds * PER_SECOND))
    traffic = Lives(history, stage.ports, chance, people, populate(LIVES, 1))
    client = traffic.client()
    sleepers = populate(ASLEEP * (len(table) + int(seconds / 2)), 2)
    await_service(stage, history)
    began = time.monotonic()
    traffic.start()
    try:
        rounds = list(table)
        chance.shuffle(rounds)
        kids = list({person.kid: None for person in people})[:-1]
        every = max(1, len(rounds) // (len(kids) + 1))
        number = 0
        while number < len(rounds) or time.monotonic() - began < seconds:
            name = rounds[number] if number < len(rounds) else chance.choice(rounds)
            number += 1
            time.sleep(chance.uniform(0.05, 0.2))
            wait_for(lambda: table[name].ready(stage), f"the moment for {name}")  # noqa: B023 - called at once
            traffic.lay_down(client, chance, [sleepers.pop() for _ in range(min(ASLEEP, len(sleepers)))])
            moment = now()
            table[name].take(stage, chance)
            history.faults.append(Entry(name, moment, now()))
            await_service(stage, history)
            traffic.asleep = []
            if kids and number % every == 0:
                retire(traffic, client, people, kids.pop())
    finally:
        traffic.stop()
        client.close()
    return history, check(history)


def crowd(count: int) -> list[Person]:
    """People for an episode, whose tokens several keys have signed; one after the other, as they live."""
    from stockade import keyring

    groups = []
    for _ in range(KIDS):
        keyring.rotate(now=True)
        groups.append(populate(max(1, count // KIDS), SESSIONS))
    return [person for group in zip(*groups, strict=True) for person in group]


def retire(traffic: Lives, client: Client, people: list[Person], kid: str) -> None:
    """A key is compromised: all that it has signed ends."""
    rights = [right for person in people if person.kid == kid for right in both(*person.credentials)]
    traffic.retired.add(kid)
    for _ in range(50):
        body = {"what": "retire", "kid": kid}
        answer = client.change("retire a key", rights, method="POST", path="/change/", body=body)
        if answer.good:
            break
        time.sleep(0.05)  # it is repeated until it is answered, as an operator would


def await_service(stage: Stage, history: History) -> None:
    """Wait until every server is ready several times in a row; five seconds after a part's return it must be."""
    if not history.faults:
        wait_for(lambda: complete(stage), "every worker")
        stage.controls.begin()
        stage.mortals()
    deadline, well = now() + GRACE, 0
    while well < 4:
        for port, _ in stage.ports:
            connection = Connection(port)
            well = well + 1 if connection.ask("GET", "/readyz").status == 200 else 0
            connection.close()
        if now() > deadline:
            last = history.faults[-1].name if history.faults else "the start"
            history.notes.append(f"no full service within 5 s after {last}")
            return
        if not well:
            time.sleep(0.02)  # the workers decide when
