"""The edge refuses floods, and never a request that the limits of the project would have admitted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import Phase, example, given, settings as hypothesis_settings, strategies as st

from stockade.edge.proxy.flood import Flood
from tests.proxy import stand
from tests.proxy.conftest import Site
from tests.proxy.raw import Client, request
from tests.proxy.stand import SETTINGS, Files, printed

STOCKADE = SETTINGS["STOCKADE"]


class Bucket:
    """nginx's own arithmetic (ngx_http_limit_req_lookup): thousandths of requests, milliseconds, integers."""

    def __init__(self, flood: Flood) -> None:
        self.rate, self.burst = flood.rate * 1000, flood.burst * 1000
        self.excess, self.last = 0, -1

    def admits(self, at: int) -> bool:
        """Whether a request at `at` milliseconds passes."""
        if self.last < 0:
            self.last = at
            return True
        excess = max(0, self.excess - self.rate * max(0, at - self.last) // 1000 + 1000)
        if excess > self.burst:
            return False
        self.excess, self.last = excess, max(at, self.last)
        return True


class Window:
    """The limit itself, exact: at most N in any window."""

    def __init__(self, count: int, milliseconds: int) -> None:
        self.count, self.length, self.times = count, milliseconds, deque[int]()

    def admits(self, at: int) -> bool:
        while self.times and self.times[0] <= at - self.length:
            self.times.popleft()
        if len(self.times) >= self.count:
            return False
        self.times.append(at)
        return True


LIMITS = st.tuples(st.integers(1, 200), st.sampled_from([1, 2, 7, 60, 900, 3600, 86400]))


STEPS = st.tuples(st.integers(0, 1_500), st.integers(1, 250), st.sampled_from([0, 0, 300, 999]))


# Without shrinking: the histories are long.
@hypothesis_settings(max_examples=200, deadline=None, phases=[Phase.explicit, Phase.generate])
@example(limit=(50, 60), steps=[(0, 50, 0), (0, 50, 999)])
@given(limit=LIMITS, steps=st.lists(STEPS, min_size=1, max_size=30))
def test_whoever_keeps_the_limit_is_never_refused_by_the_edge(
    limit: tuple[int, int], steps: list[tuple[int, int, int]]
) -> None:
    """Bursts of any size after pauses of any length, each late at the application by less than a window.

    A step is a pause, a number of requests, and their lateness; the times in thousandths of the window.
    """
    count, seconds = limit
    bucket, window = Bucket(Flood(count, seconds, ())), Window(count, seconds * 1000)
    arrivals: list[tuple[int, int]] = []  # at the application, at the edge
    at = 0
    for pause, burst, late in steps:
        at += pause * seconds
        arrivals += [(at + late * seconds, at)] * min(burst, 2 * count)
    kept = sorted(edge for here, edge in sorted(arrivals) if window.admits(here))
    assert all(bucket.admits(edge) for edge in kept)


@pytest.mark.parametrize("limit", [(50, 86400), (600, 60), (61, 60), (1, 1), (100000, 60)])
def test_the_fastest_that_keeps_the_limit_is_never_refused(limit: tuple[int, int]) -> None:
    count, seconds = limit
    bucket = Bucket(Flood(count, seconds, ()))
    for window in range(max(5, 20_000 // count)):  # long enough for what is lost in rounding to add up
        assert all(bucket.admits(window * seconds * 1000) for _ in range(count))


def test_a_flood_is_refused() -> None:
    bucket = Bucket(Flood(50, 86400, ()))
    assert sum(bucket.admits(0) for _ in range(10_000)) == 101
    assert (
        sum(bucket.admits(ms) for ms in range(0, 100_000, 10)) <= 101
    )  # a hundred a second, a hundred seconds


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"LIMITS": {"anon": None}}, 'LIMITS has no "anon"'),
        ({"MODE": {"limits": "report"}}, "only reported"),
        ({"MODE": "report"}, "only reported"),
        ({"SCHEMES": ["jwt", "tests.proxy.test_flood.Partner"]}, "where only it knows"),
    ],
)
def test_where_the_edge_might_refuse_what_we_admit_it_counts_nothing(
    changes: dict[str, object], why: str
) -> None:
    text = printed("nginx", STOCKADE={**STOCKADE, **changes})
    assert "limit_req zone" not in text
    assert why in " ".join(text.replace("#", "").split())


def test_nor_where_a_path_can_only_be_read_by_python() -> None:
    text = printed("nginx", ROOT_URLCONF="tests.proxy.twice")
    assert "limit_req zone" not in text


def test_paths_that_the_limit_does_not_count_are_not_counted_at_the_edge() -> None:
    text = printed("nginx", ROOT_URLCONF="tests.deploy.site")
    assert '"~^/echo$" 1;' in text  # limited=False
    assert '"~^/api/token/$" 1;' in text  # counts its own failures
    assert "whoami" not in text


def test_a_credential_of_a_foreign_scheme_is_one_at_the_edge_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from stockade.drf.foreign import authenticators
    from stockade.drf.foreign.reading import Reads

    monkeypatch.setattr(authenticators, "reads_of", lambda *_: Reads(headers=("HTTP_X_PARTNER",)))
    text = printed("nginx", STOCKADE={**STOCKADE, "SCHEMES": ["jwt", "tests.proxy.test_flood.Partner"]})
    assert "$http_authorization$http_x_api_key$http_cookie$http_x_partner" in text


class Partner:
    """A scheme of the project's own."""

    def authenticate(self, request: object) -> None:
        return None

    def authenticate_header(self, request: object) -> str:
        return "Partner"


@pytest.fixture(scope="module")
def limited(folder: Path, tls: Path, site: Site) -> Iterator[Client]:
    """nginx as for a project with anon 5/min, before an application with more: what is refused is nginx's doing."""
    stockade = {**STOCKADE, "LIMITS": {"anon": "5/min"}}
    with ExitStack() as running:
        front = stand.front(
            "nginx", Files(folder / "flood", tls), site.upstream, "--connections", "3", STOCKADE=stockade,
            ROOT_URLCONF="tests.proxy.counted",
        )  # fmt: skip
        yield Client(running.enter_context(front), tls / "ca.pem")


def test_nginx_refuses_a_flood_without_credentials_and_nothing_else(limited: Client) -> None:
    """One address each: buckets are by network."""
    one = request("/counted/").replace(b"Connection: close\r\n", b"")
    found = limited.send(
        one * 49 + request("/counted/"), source="127.0.0.9"
    )  # over one connection: nothing waits
    assert [answer.status for answer in found[:10]] == [200] * 10  # twice the limit at once
    refused = next(answer for answer in found if answer.status == 429)
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("throttled", "1")
    assert refused.headers["content-security-policy"]
    for line in ("Authorization: Bearer x", "X-API-Key: x", "Cookie: a=b"):
        assert limited.ask("/counted/", line, source="127.0.0.9").status != 429
    assert limited.ask("/counted/", method="OPTIONS", source="127.0.0.9").status != 429
    assert limited.ask("/told/", source="127.0.0.9").status == 200  # not counted by the limit
    assert limited.ask("/counted/", source="127.0.0.10").status == 200


def test_connections_at_once_are_bounded_where_that_was_asked_for(limited: Client) -> None:
    with ExitStack() as held:
        for _ in range(3):
            connection = held.enter_context(limited.connect(source="127.0.0.11"))
            connection.sendall(
                b"POST /told/ HTTP/1.1\r\nHost: api.example.org\r\nContent-Length: 10\r\n\r\nx"
            )
        statuses = [limited.ask("/told/", source="127.0.0.11").status for _ in range(5)]
        assert 429 in statuses
    assert limited.ask("/told/", source="127.0.0.12").status == 200
