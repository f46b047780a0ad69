"""The helpers that start processes report what went wrong, in bounded time, and leave nothing running."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from tests.servers import ServerError, child_environment, claim, free_port, run_processes, serve


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


def lent(index: int) -> list[int]:
    return [free_port() for _ in range(5)]


def claimed(index: int, ports: list[int]) -> list[int]:
    return [port for port in ports if claim(port)]


def test_a_port_is_given_once() -> None:
    """Also to another process, and before anybody listens there."""
    given = [free_port() for _ in range(20)]
    assert len(set(given)) == len(given)
    assert run_processes(2, claimed, given) == [[], []]
    assert claimed(0, given) == []


def test_a_port_on_which_somebody_listens_is_not_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert not claim(listening.getsockname()[1])


def test_a_port_is_free_again_when_its_process_has_ended() -> None:
    (ports,) = run_processes(1, lent)
    assert any(claim(port) for port in ports), (
        "another process of the tests may have got one of them meanwhile"
    )


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
