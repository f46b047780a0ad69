"""Moving time, and bringing it back."""

from __future__ import annotations

import datetime

import pytest
from django.test import Client
from django.utils import timezone

from stockade.core import clock
from stockade.testing import moving_time as moving


def test_both_clocks_of_stockade_move(moving_time):
    now, ticks = clock.now(), clock.ticks()
    moving_time.forward("10m")
    moving_time.forward(5)
    moving_time.forward(datetime.timedelta(seconds=5))
    assert 610 <= clock.now() - now < 630
    assert 610e6 <= clock.ticks() - ticks < 630e6
    assert moving_time.moved == 610
    assert abs((moving_time.now() - timezone.now()).total_seconds() - 610) < 20


def test_pythons_clock_moves_when_asked(moving_time):
    now, mine, ticks = timezone.now(), clock.now(), clock.ticks()
    moving_time.forward("1h", everywhere=True)
    moving_time.forward("1h", everywhere=True)
    assert 7200 <= (timezone.now() - now).total_seconds() < 7220
    assert 7200 <= clock.now() - mine < 7220
    assert 7200e6 <= clock.ticks() - ticks < 7220e6


def test_the_two_ways_add_up():
    real, mine, ticks = timezone.now(), clock.now(), clock.ticks()
    with moving() as time:
        time.forward("1h")
        time.forward("1h", everywhere=True)
        assert 3600 <= (timezone.now() - real).total_seconds() < 3620
        assert 7200 <= clock.now() - mine < 7220
        assert 7200e6 <= clock.ticks() - ticks < 7220e6
    assert clock.now() - mine < 20
    assert clock.ticks() - ticks < 20e6
    assert (timezone.now() - real).total_seconds() < 20


def test_time_comes_back_when_the_block_raises():
    now = clock.now()

    def far_away() -> None:
        with moving() as time:
            time.forward("1d", everywhere=True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        far_away()
    assert clock.now() - now < 20


@pytest.mark.parametrize("wrong", ["soon", 0, -5, None, True, "20y"])
def test_only_forward(moving_time, wrong):
    with pytest.raises(ValueError, match=r"Write|must be"):
        moving_time.forward(wrong)


@pytest.mark.django_db
def test_a_limit_is_free_again_when_its_time_has_passed(moving_time):
    client = Client()
    answers = [client.get("/public/").status_code for _ in range(4)]
    assert answers == [200, 200, 200, 429]
    moving_time.forward("61s")
    assert client.get("/public/").status_code == 200


@pytest.mark.django_db
def test_a_limit_is_not_exhausted_by_requests_in_a_time_that_never_came():
    client = Client()
    with moving() as time:
        time.forward("1d")
        for _ in range(4):
            client.get("/public/")
    assert client.get("/public/").status_code == 200
