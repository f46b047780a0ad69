"""A process that forks workers and kills them: run as a program by `test_kills.py`.

Usage: ``python -m tests.truth.nursery DIRECTORY MODE [SEED ROUNDS]``, with the database of the test. It forks before it
has a connection or a state open, so each worker opens its own, as those of a server do.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

PER_ROUND = 40  # sessions, and as many users, that a worker works through
BOUND = 60  # seconds for anything that must come


def fork(work: Callable[[], object]) -> int:
    """Run `work` in a child; its result is not waited for."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - a child never returns into its parent's code
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def asked(work: Callable[[], Any]) -> Any:
    """The result of `work` in a child that is left to end."""
    reader, writer = os.pipe()
    pid = fork(lambda: os.write(writer, json.dumps(work()).encode()))
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError(f"a child failed: {status}")
    return json.loads(text)


def wait_dead(pid: int) -> int:
    """The signal that ended a child; bounded, as is everything here."""
    deadline = time.monotonic() + BOUND
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        time.sleep(0.001)  # the kernel decides when
    os.kill(pid, signal.SIGKILL)
    raise RuntimeError("a child hangs")


# -- in children -----------------------------------------------------------------------------------------------------


def prepare(count: int) -> dict[str, list[Any]]:
    """Users and sessions to end, committed."""
    from django.contrib.auth.models import User

    from tests.truth.conftest import make_session

    users = [User.objects.create(username=f"u{number}") for number in range(count)]
    owner = User.objects.create(username="owner")
    return {
        "users": [user.pk for user in users],
        "sessions": [str(make_session(owner).pk) for _ in range(count)],
    }


def revoke(answers: int, users: list[int], sessions: list[str]) -> None:
    """Revoke one after the other, and answer each when it is done: as a view does that returns 204."""
    from django.contrib.auth.models import User
    from django.db import transaction

    from stockade import truth
    from stockade.gate.registry import get_gate

    get_gate().ask((), ())
    User.objects.exists()
    os.write(answers, b"ready\n")
    for number, (pk, session) in enumerate(zip(users, sessions, strict=True)):
        truth.end_sessions(ids=[session])
        os.write(answers, f"t{session}\n".encode())
        user = User.objects.get(pk=pk)
        user.is_active = False
        if number % 2:
            user.save()
        else:
            with transaction.atomic():
                user.save()
        os.write(answers, f"s{pk}\n".encode())


def admitted(answered: list[str]) -> list[str]:
    """Of what was answered as revoked, what a worker with a warm memory (everything at epoch 0) would still admit."""
    from stockade.gate.registry import get_gate

    keys = tuple(key.encode() for key in answered)
    return [key for key, epoch in zip(answered, get_gate().ask(keys, ()).epochs, strict=True) if epoch == 0]


def settled(world: dict[str, list[Any]]) -> dict[str, list[str]]:
    """After the repair: what SQL and the state say, where they disagree."""
    from django.contrib.auth.models import User

    from stockade import truth
    from stockade.gate.protocol import DIRTY
    from stockade.gate.registry import get_gate
    from stockade.models import Session

    truth.reconcile()
    ended = {f"t{pk}" for pk in Session.objects.exclude(ended_at=None).values_list("pk", flat=True)}
    inactive = {f"s{pk}" for pk in User.objects.filter(is_active=False).values_list("pk", flat=True)}
    keys = [f"t{pk}" for pk in world["sessions"]] + [f"s{pk}" for pk in world["users"]]
    revoked = (ended | inactive) & set(keys)
    epochs = dict(zip(keys, get_gate().ask(tuple(key.encode() for key in keys), ()).epochs, strict=True))
    return {
        "dirty": [key for key, epoch in epochs.items() if epoch == DIRTY],
        "lost": [key for key in revoked if epochs[key] == 0],
        "invented": [key for key, epoch in epochs.items() if key[0] == "t" and epoch and key not in ended],
        "revoked": sorted(revoked),
    }


def stop_at(where: str) -> None:
    """Have this process killed by SIGKILL at one point of its next change."""
    from django.db import connection

    from stockade.gate.registry import get_gate

    def kill(*_: Any, **__: Any) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    gate: Any = get_gate()
    real = gate.mark
    if where == "before-mark":
        gate.mark = kill
    elif where == "before-commit":
        gate.mark = lambda *args: (real(*args), kill())
    elif where == "before-publish":
        gate.publish = kill
    elif where == "in-commit":  # the database has been told, and its answer is never heard
        connection.ensure_connection()
        commit = connection._commit

        def after_commit() -> None:
            commit()
            kill()

        connection._commit = after_commit  # type: ignore[method-assign]
    else:
        raise ValueError(where)


# -- what the nursery does --------------------------------------------------------------------------------------------


def at_points() -> dict[str, Any]:
    """Kill at each point that matters, for sessions and for users, and tell what readers saw before the repair."""
    found: dict[str, Any] = {}
    for where in ("before-mark", "before-commit", "in-commit", "before-publish"):
        for what in ("session", "user-atomic", "user"):
            if what == "user" and where in ("before-mark", "in-commit"):
                continue  # nothing has happened yet; and a plain save commits by itself
            found[f"{where} {what}"] = one_point(where, what)
    return found


def one_point(where: str, what: str) -> dict[str, Any]:
    world = asked(lambda: made(f"{where} {what}"))

    def work() -> None:
        from django.contrib.auth.models import User
        from django.db import transaction

        from stockade import truth

        stop_at(where)
        if what == "session":
            truth.end_sessions(ids=world["sessions"])
            return
        user = User.objects.get(pk=world["users"][0])
        user.is_active = False
        if what == "user":
            user.save()
        else:
            with transaction.atomic():
                user.save()

    pid = fork(work)
    ended_by = wait_dead(pid)
    key = f"t{world['sessions'][0]}" if what == "session" else f"s{world['users'][0]}"
    before = asked(lambda: epoch_of(key))
    return {
        "signal": ended_by,
        "before": before,
        "key": key,
        **asked(lambda: settled(world)),
        "after": asked(lambda: epoch_of(key)),
    }


def made(name: str) -> dict[str, list[Any]]:
    from django.contrib.auth.models import User

    from tests.truth.conftest import make_session

    user = User.objects.create(username=name)
    return {"users": [user.pk], "sessions": [str(make_session(user).pk)]}


def epoch_of(key: str) -> int:
    from stockade.gate.registry import get_gate

    return get_gate().ask((key.encode(),), ()).epochs[0]


def at_random(seed: int, rounds: int) -> dict[str, Any]:
    """Kill workers at any moment; after each death look at everything that was ever answered."""
    chance = random.Random(seed)
    world = asked(lambda: prepare(rounds * PER_ROUND))
    answered: list[str] = []
    problems: list[str] = []
    killed = 0
    for number in range(rounds):
        part = slice(number * PER_ROUND, (number + 1) * PER_ROUND)
        reader, writer = os.pipe()
        pid = fork(lambda: revoke(writer, world["users"][part], world["sessions"][part]))  # noqa: B023 - forked at once
        os.close(writer)
        lines = b""
        with os.fdopen(reader, "rb", buffering=0) as pipe:
            enough = 1 + chance.randrange(
                8
            )  # "ready", and so many answers: by number, for a busy machine is slow
            while lines.count(b"\n") < enough and select.select([pipe], [], [], BOUND)[0]:
                lines += pipe.read(65536) or b"ended\n" * enough
            time.sleep(chance.uniform(0, 0.01))  # real processes: the moment of death is what is tried
            os.kill(pid, signal.SIGKILL)
            killed += wait_dead(pid) == signal.SIGKILL
            lines += pipe.read()
        answered += lines.decode().split("\n")[1:-1]  # the last piece is empty, or half an answer
        problems += asked(partial(admitted, answered))
        if number % 5 == 4:
            problems += asked(lambda: settled(world))["lost"]
            problems += asked(partial(admitted, answered))
    end = asked(lambda: settled(world))
    return {"killed": killed, "answered": answered, "problems": problems, **end}


def main() -> None:
    import django
    from django.conf import settings

    directory, mode, *rest = sys.argv[1:]
    django.setup()
    from django.db import connection

    from stockade import conf
    from tests.truth.conftest import configuration

    connection.settings_dict["NAME"] = os.environ["STOCKADE_TEST_DATABASE_NAME"]
    settings.STOCKADE = configuration(Path(directory))
    conf.forget()
    asked(begin)
    print(json.dumps(at_points() if mode == "points" else at_random(*map(int, rest))))


def begin() -> None:
    """The state is loaded once, by a process that ends."""
    from stockade import truth
    from stockade.gate.registry import get_gate

    truth.ensure_loaded(get_gate(), b"")


if __name__ == "__main__":
    main()
