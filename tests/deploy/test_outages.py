"""What clients and load balancers see while a part is away, and during a deploy; through nginx, as they do."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.deploy import stack
from tests.deploy.client import AS_NGINX, Answer, context, send
from tests.deploy.conftest import Site
from tests.deploy.redis import Node, Passwords, redis
from tests.servers import Server, free_port
from tests.waiting import until


def through(front: stack.Front, tls: Path, path: str = "/echo") -> Answer:
    return send(front.tls, path, tls=context(tls / "ca.pem"))


def with_state(site: Site, folder: Path, url: str) -> dict[str, str]:
    """The site's environment with another state."""
    kept = stack.credentials(
        folder,
        **{
            name: (Path(site.env["CREDENTIALS_DIRECTORY"]) / name).read_text()
            for name in ("DJANGO_SECRET_KEY", "STOCKADE_KEY", "DATABASE_PASSWORD", "STOCKADE_PROXY_SECRET")
        },
        STATE_URL=url,
    )
    return {**site.env, "CREDENTIALS_DIRECTORY": str(kept)}


@pytest.fixture
def own(site: Site, tmp_path: Path) -> Iterator[tuple[Node, Server, int, stack.Front]]:
    """A state, a host and an nginx of this test's own."""
    passwords, port = Passwords(), free_port()
    with (
        redis(tmp_path / "redis", passwords) as node,
        stack.host(port, with_state(site, tmp_path / "credentials", node.url()), workers=1) as server,
        stack.front(tmp_path / "nginx", site.tls, (port, port), site.env) as front,
    ):
        until(lambda: send(port, "/readyz").status == 200)
        yield node, server, port, front


def test_a_state_that_is_away_is_503_with_retry_after_and_back_within_5_seconds(
    own: tuple[Node, Server, int, stack.Front], site: Site, tmp_path: Path
) -> None:
    node, _, port, front = own
    assert through(front, site.tls).status == 200
    os.kill(node.pid, signal.SIGKILL)
    until(lambda: send(port, "/readyz").status == 503)
    assert send(port, "/readyz").json()["state"] == "unavailable"
    assert send(port, "/healthz").status == 200, "a restart would not help"
    answer = through(front, site.tls)
    assert (answer.status, answer.json()["code"]) == (503, "state_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    with redis(tmp_path / "again", node.passwords, port=node.port):
        until(lambda: send(port, "/readyz").status == 200)
        until(lambda: through(front, site.tls).status == 200)


def test_a_host_that_alone_has_lost_the_state_is_passed_over(
    own: tuple[Node, Server, int, stack.Front], site: Site, tmp_path: Path
) -> None:
    node, _, port, _ = own
    os.kill(node.pid, signal.SIGKILL)
    until(lambda: send(port, "/readyz").status == 503)
    with stack.front(tmp_path / "both", site.tls, (port, site.hosts[0]), site.env) as front:
        assert [through(front, site.tls).status for _ in range(20)] == [200] * 20


def put(front: stack.Front, port: int, word: str) -> None:
    """Write how nginx takes a host, and have it read that; returns when its old workers have finished."""
    path = front.folder / "site.conf"
    lines = [
        f"    server 127.0.0.1:{port} {word};" if f"server 127.0.0.1:{port} " in line else line
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines) + "\n")
    before = workers(front.pid)
    os.kill(front.pid, signal.SIGHUP)
    until(lambda: workers(front.pid) and not before & workers(front.pid))


def workers(pid: int) -> set[int]:
    """The children of a process."""
    return {int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def test_a_deploy_host_by_host_loses_no_request(site: Site, tmp_path: Path) -> None:
    """Out of nginx, stopped, started, ready, into nginx again; while others read and write."""
    port = free_port()
    statuses: list[int] = []
    stop = threading.Event()

    def ask(method: str) -> None:
        tls = context(site.tls / "ca.pem")
        while not stop.is_set():
            statuses.append(send(front.tls, "/echo", method=method, body=b"x" * 100, tls=tls).status)

    with ExitStack() as running:
        old = running.enter_context(ExitStack())
        old.enter_context(stack.host(port, site.env, workers=1))
        front = running.enter_context(
            stack.front(tmp_path / "nginx", site.tls, (port, site.hosts[0]), site.env)
        )
        threads = [threading.Thread(target=ask, args=(method,)) for method in ("GET", "POST")]
        for thread in threads:
            thread.start()
        try:
            put(front, port, "down")
            old.close()
            running.enter_context(stack.host(port, site.env, workers=1))
            until(lambda: send(port, "/readyz").status == 200)
            put(front, port, "max_fails=2 fail_timeout=2s")
            served = len(statuses)
            until(lambda: len(statuses) > served + 20)
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
    assert {status: statuses.count(status) for status in set(statuses)} == {200: len(statuses)}


def test_a_reload_starts_the_new_workers_before_it_ends_the_old(
    own: tuple[Node, Server, int, stack.Front], site: Site
) -> None:
    _, server, port, _ = own
    before = {send(port, "/echo", lines=AS_NGINX).json()["pid"] for _ in range(5)}
    os.kill(server.pid, signal.SIGHUP)
    seen: set[int] = set()

    def replaced() -> bool:
        with contextlib.suppress(
            OSError, HTTPException
        ):  # a request that just arrives may be cut: see the guide
            seen.add(send(port, "/echo", lines=AS_NGINX).json()["pid"])
        return not any(Path(f"/proc/{pid}").exists() for pid in before)

    until(replaced)
    assert seen - before, "a new one answered before the old one had gone"


def test_a_worker_that_dies_is_replaced(own: tuple[Node, Server, int, stack.Front], site: Site) -> None:
    _, _, _, front = own
    before = {through(front, site.tls).json()["pid"] for _ in range(20)}
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def another() -> bool:
        answer = through(front, site.tls)
        return answer.status == 200 and answer.json()["pid"] not in before

    until(another)
