"""One row in a process of its own: a Django handler called in-process, driven over a socket.

Started as ``python -m bench.worker FD`` by `bench.driver`; sleeps in `recv` while another worker has the core.
"""

from __future__ import annotations

import gc
import io
import os
import pickle
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from bench import postgres_server, redis_server, registered, stacks
from bench.messages import Answer, Counts
from bench.rows import Place, Row
from bench.stacks import Issued
from bench.steps import PROBES, Probes, Step, served

# Untimed requests before each turn: another process has had the core, its caches and its branch predictors.
SETTLE = 10
# What a request takes on the wall, or of the processor: the latter is blind to waiting for a server, but hears less
# of what else the machine does.
CLOCKS = {"wall": time.perf_counter_ns, "cpu": time.thread_time_ns}


class Worker:
    """What the driver may ask of a row; every public method is one command."""

    def __init__(self, row: Row, place: Place) -> None:
        from django.conf import settings

        self.row, self.place, self.stack = row, place, registered.STACKS[row.stack]
        settings.configure(**registered.settings(row, place))
        import django
        from django.core.wsgi import get_wsgi_application

        django.setup()
        self.handler: Callable[..., Any] = get_wsgi_application()
        self.issued: list[Issued] = []
        self.environ: dict[str, Any] = {}
        self.header = "HTTP_AUTHORIZATION"
        self.sent: list[tuple[bytes, bytes]] = []
        self.status = ""

    # -- commands ----------------------------------------------------------------------------------------------------

    def seed(self) -> int:
        """Fill the row's database and issue every caller's credential; kept in the folder for later workers."""
        kept = self.place.folder / "credentials.pickle"
        if not kept.exists():
            from django.contrib.auth.models import User
            from django.core.management import call_command

            if self.row.options.get("database") == "postgres":
                postgres_server.create(self.place.postgres, self.place.folder.name)
            call_command("migrate", verbosity=0)
            User.objects.bulk_create(
                [
                    User(username=f"user{i}", email=f"user{i}@bench.example", password="!")
                    for i in range(self.place.principals)
                ]
            )
            issued = self.stack.issue(list(User.objects.order_by("pk")))
            stacks.ban(self.row.options.get("bans", 0))
            kept.write_bytes(pickle.dumps(issued))
        self.issued = pickle.loads(kept.read_bytes())
        self.environ = self._environ(0)
        self.header = self.issued[0].header
        self.sent = [
            (issued.credential.encode(), self._environ(index)["REMOTE_ADDR"].encode())
            for index, issued in enumerate(self.issued)
        ]
        return len(self.issued)

    def warm(self) -> None:
        """Let the worker see what it would have seen after a while, then keep it on its core."""
        count = len(self.issued) if self.row.warmup is None else min(self.row.warmup, len(self.issued))
        # A cold worker has served requests, but not from these callers: the last SETTLE are spared for it.
        indexes = range(-SETTLE, 0) if self.row.cold else range(count)
        for _ in range(50 if self.row.cold else 1):
            for index in indexes:
                self._expect_fine(index)
        gc.collect()
        if self.place.gc == "off":
            gc.disable()
        elif self.place.gc == "frozen":
            gc.freeze()
        if self.place.core is not None:
            os.sched_setaffinity(0, {self.place.core})

    def run(self, first: int, count: int) -> list[int]:
        """Time `count` requests of the principals from `first` on, each by its own clock, in nanoseconds."""
        usable = self._usable()
        for index in range(-SETTLE, 0):
            self._expect_fine(index)
        handler, start, clock, timings, bad = self.handler, self._start, CLOCKS[self.place.clock], [], 0
        for index in range(first, first + count):
            environ = self._arrive(index % usable)
            begin = clock()
            response = handler(environ, start)
            for _ in response:
                pass
            response.close()
            timings.append(clock() - begin)
            bad += self.status != "200 OK"
        if bad:
            raise RuntimeError(f"{bad} of {count} answers were not 200; the last was {self.status}")
        return timings

    def count(self, first: int, count: int) -> Counts:
        """What requests do, counted in requests that nobody times."""
        from django.db import connection

        usable, sql = self._usable(), 0
        for index in range(
            -SETTLE, 0
        ):  # what a worker asks every so many seconds shall not fall among the counted
            self._expect_fine(index)

        def counting(execute: Any, *args: Any) -> Any:
            nonlocal sql
            sql += 1
            return execute(*args)

        with connection.execute_wrapper(counting), redis_server.observed(self.place.redis) as traffic:
            for index in range(first, first + count):
                self._expect_fine(index % usable)
        return Counts(count, sql, traffic.trips, traffic.calls)

    def answer(self, index: int = 0, body: bytes = b"", path: str = "/api/article/") -> Answer:
        """One answer as the client sees it."""
        return self._call({**self._environ(index), "PATH_INFO": path}, body)

    def hammer(self, index: int, times: int, threads: int, at: float) -> dict[int, int]:
        """From monotonic time `at` on, `times` requests of one principal in each of `threads`; counted by status."""
        return dict(
            sum(_together(threads, at, lambda: Counter(self._status(index) for _ in range(times))), Counter())
        )

    def redeem(self, index: int, refresh: str, path: str, at: float) -> Answer:
        """Redeem a refresh token from a caller's address at monotonic time `at`."""
        import json

        def once() -> Answer:
            return self._call(
                {**self._environ(index, authorized=False), "PATH_INFO": path},
                json.dumps({"refresh": refresh}).encode(),
            )

        answer: Answer = _together(1, at, once)[0]
        return answer

    def refresh_tokens(self, count: int) -> list[str]:
        """Unused refresh tokens of the first callers."""
        return [issued.refresh for issued in self.issued[:count]]

    def profile(self, first: int, count: int, lines: int) -> str:
        """Where `count` requests spend their time, by cProfile."""
        import cProfile
        import pstats

        profiler, out = cProfile.Profile(), io.StringIO()
        usable = self._usable()
        profiler.enable()
        for index in range(first, first + count):
            self._expect_fine(index % usable)
        profiler.disable()
        stats = pstats.Stats(profiler, stream=out)
        stats.sort_stats("tottime").print_stats(lines)
        stats.sort_stats("cumulative").print_stats(lines)
        return out.getvalue()

    def steps(self, first: int, count: int) -> list[Step]:
        """Where `count` requests spend their time, by clocks around the steps; the worker is of no other use after."""
        from django.core.wsgi import get_wsgi_application

        probes = Probes(PROBES)
        self.handler = get_wsgi_application()  # built anew, so that nothing keeps an unprobed method
        usable = self._usable()
        for index in range(200):
            self._expect_fine(index % usable)
        probes.clear()
        with redis_server.observed(self.place.redis) as traffic:
            for index in range(first, first + count):
                self._expect_fine(index % usable)
        return [*probes.steps(count), *served(traffic, count)]

    # -- inside ------------------------------------------------------------------------------------------------------

    def _usable(self) -> int:
        """How many callers take turns; the last ones are spared for settling in."""
        return min(len(self.sent) - SETTLE, self.row.options.get("callers", len(self.sent)))

    def _environ(self, index: int, authorized: bool = True) -> dict[str, Any]:
        index %= len(self.issued)
        environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": self.row.options.get("path", "/api/article/"),
            "QUERY_STRING": "",
            "SERVER_NAME": "bench.example",
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": f"10.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}",
            "REMOTE_PORT": "40000",
            "CONTENT_LENGTH": "",
            "CONTENT_TYPE": "",
            "HTTP_HOST": "bench.example",
            "HTTP_USER_AGENT": "bench/1 (measures)",
            "HTTP_ACCEPT": "application/json",
            "HTTP_ACCEPT_ENCODING": "gzip, deflate",
            "HTTP_CONNECTION": "keep-alive",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            **self.row.options.get("environ", {}),
        }
        if authorized:
            environ[self.issued[index].header] = self.issued[index].credential
        return environ

    def _arrive(self, index: int) -> dict[str, Any]:
        """The environ as a server would make it now: what the client sent is new text, just read from the network."""
        shown, address = self.sent[index]
        return {
            **self.environ,
            self.header: shown.decode("latin-1"),
            "REMOTE_ADDR": address.decode("latin-1"),
            "wsgi.input": io.BytesIO(),
        }

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        self.status = status

    def _expect_fine(self, index: int) -> None:
        status = self._status(index)
        if status != 200:
            raise RuntimeError(f"{self.row.name}: {self.answer(index)}")

    def _status(self, index: int) -> int:
        seen: list[str] = []
        response = self.handler(
            self._arrive(index), lambda status, headers, exc_info=None: seen.append(status)
        )
        for _ in response:
            pass
        response.close()
        return int(seen[0][:3])

    def _call(self, environ: dict[str, Any], body: bytes = b"") -> Answer:
        seen: list[Any] = []
        environ["wsgi.input"] = io.BytesIO(body)
        if body:
            environ.update(
                REQUEST_METHOD="POST", CONTENT_LENGTH=str(len(body)), CONTENT_TYPE="application/json"
            )
        response = self.handler(environ, lambda *args: seen.extend(args[:2]))
        content = b"".join(response)
        response.close()
        return Answer(int(seen[0][:3]), dict(seen[1]), content)


def _together(threads: int, at: float, what: Callable[[], Any]) -> list[Any]:
    """Run `what` in each of `threads` from monotonic time `at` on."""
    from concurrent.futures import ThreadPoolExecutor

    def one() -> Any:
        from django.db import connections

        time.sleep(
            max(0.0, at - time.monotonic())
        )  # the start signal of several processes, not a guess at readiness
        try:
            return what()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        return [future.result() for future in [pool.submit(one) for _ in range(threads)]]


def main() -> None:
    """Serve commands until the driver hangs up."""
    driver = Connection(int(sys.argv[1]))
    worker: Any = None
    while True:
        try:
            command, args = driver.recv()
        except EOFError:
            return
        answer: tuple[bool, Any]
        try:
            if command == "start":
                worker = Worker(*args)
                answer = (True, None)
            else:
                answer = (True, getattr(worker, command)(*args))
        except Exception:  # noqa: BLE001 - whatever it is, the driver must hear of it
            answer = (False, traceback.format_exc())
        driver.send(answer)


if __name__ == "__main__":
    main()
