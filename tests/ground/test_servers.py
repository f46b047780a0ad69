"""The helpers that start processes report what went wrong, in bounded time, and leave nothing running."""

from __future__ import annotations

import os
import sys

import pytest

from tests.servers import ServerError, child_environment, free_port, run_processes, serve


def index_and_argument(index: int, argument: str) -> tuple[int, str]:
    return index, argument


def fail(index: int) -> None:
    if index == 1:
        raise ValueError("as it was told")


def die(index: int) -> None:
    os._exit(9)


def wait_for_ever(index: int) -> None:
    import threading

    threading.Event().wait()


def ports(index: int) -> list[int]:
    return [free_port() for _ in range(20)]


def test_a_port_is_given_once() -> None:
    """Also to another process, and before anybody listens there."""
    given = [port for some in run_processes(2, ports) for port in some] + ports(0)
    assert len(set(given)) == len(given)


def test_results_come_in_the_order_of_the_processes() -> None:
    assert run_processes(2, index_and_argument, "x") == [(0, "x"), (1, "x")]


def test_an_exception_in_a_process_is_told_with_its_traceback() -> None:
    with pytest.raises(RuntimeError, match=r"process 1 raised:[\s\S]*as it was told"):
        run_processes(2, fail)


def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(RuntimeError, match="process 0 died"):
        run_processes(1, die)


def test_a_process_that_hangs_is_ended() -> None:
    with pytest.raises(RuntimeError, match="process 0 gave no answer in time"):
        run_processes(1, wait_for_ever, seconds=1)


@pytest.mark.django_db
def test_a_server_that_cannot_start_is_told_with_its_output() -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such file')"]
    with pytest.raises(ServerError, match="no such file"), serve(command, 9, env=child_environment()):
        pass


@pytest.mark.django_db
def test_a_server_that_never_listens_is_ended() -> None:
    command = [sys.executable, "-c", "import threading; threading.Event().wait()"]
    with (
        pytest.raises(ServerError, match="nothing listens"),
        serve(command, free_port(), env=child_environment(), seconds=0.5),
    ):
        pass
