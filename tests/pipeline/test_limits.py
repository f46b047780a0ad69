"""Limits through the middleware: several at once, by whom, with costs, and what the answer says of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

import stockade
from stockade.core import clock
from stockade.core.errors import Unavailable
from stockade.gate.protocol import Charge, Verdict
from stockade.pipeline import registry
from tests.pipeline import views


def test_the_views_own_limit_refuses_what_is_over_it(
    alice: User, client_of: Callable[..., Client], log: Callable[[], list[Any]]
) -> None:
    client = client_of(alice)
    assert [client.get("/three/").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert len(views.reached) == 3
    refused = client.get("/three/")
    assert refused.json()["code"] == "throttled"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert log()[-1].event.tag == "excess_rate_limit_exceeded"


def test_a_refusal_names_the_limit_that_fired_to_the_client_and_in_the_log(
    configure: Callable[..., None],
    alice: User,
    client_of: Callable[..., Client],
    log: Callable[[], list[Any]],
) -> None:
    """Of several limits a client must know which one to wait for, and an operator which one is too narrow."""
    configure(LIMITS={"user": "4/min"})
    client = client_of(alice)
    for limit, path, count in (
        ("three", "/three/", 4),
        ("user", "/private/", 2),
        ("user", "/private_async/", 1),
    ):
        for _ in range(count):
            refused = client.get(path)
        problem = refused.json()
        assert (refused.status_code, problem["limit"], problem["code"]) == (429, limit, "throttled")
        last = log()[-1]
        assert last.reason == f"limit:{limit}"
        assert dict(last.details) == {"limit": limit, "seconds": int(refused.headers["Retry-After"])}


def test_whoever_obeys_retry_after_is_admitted(alice: User, client_of: Callable[..., Client]) -> None:
    client = client_of(alice)
    for _ in range(3):
        client.get("/three/")
    wait = int(client.get("/three/").headers["Retry-After"])
    clock.shift(wait)
    assert client.get("/three/").status_code == 200


def test_a_refusal_by_one_limit_takes_no_place_of_another(
    configure: Callable[..., None], alice: User, client_of: Callable[..., Client]
) -> None:
    configure(LIMITS={"user": "4/min"})
    client = client_of(alice)
    for _ in range(6):
        client.get("/three/")
    assert (
        client.get("/private/").status_code == 200
    )  # the fourth of four: three were admitted, three refused
    assert client.get("/private/").status_code == 429


def test_a_user_who_comes_back_is_limited_at_once(alice: User, client_of: Callable[..., Client]) -> None:
    """Her dead credential is remembered without a limit, and so the request that finds her alive was not counted."""
    client = client_of(alice)
    assert [client.get("/three/").status_code for _ in range(4)] == [200, 200, 200, 429]
    User.objects.filter(pk=alice.pk).update(is_active=False)
    stockade.invalidate(alice)
    assert [client.get("/private/").status_code for _ in range(2)] == [401, 401]
    User.objects.filter(pk=alice.pk).update(is_active=True)
    stockade.invalidate(alice)
    assert [client.get("/three/").status_code for _ in range(2)] == [429, 429]


def test_a_state_that_goes_away_between_two_questions_of_a_request_is_no_error_of_ours(
    alice: User, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first verdict knows nothing of the limits that the second question was about: a 500 in the fault test."""
    client = client_of(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    stockade.invalidate(alice)
    assert client.get("/private/").status_code == 401
    User.objects.filter(pk=alice.pk).update(is_active=True)
    stockade.invalidate(alice)
    gate = registry.current().engine.gate  # type: ignore[union-attr]
    ask = gate.ask

    def away(epochs: tuple[bytes, ...], charges: tuple[Charge, ...]) -> Verdict:
        if charges:
            raise Unavailable(reason="state")
        return ask(epochs, charges)

    monkeypatch.setattr(gate, "ask", away)
    answer = client.get("/three/")
    assert answer.status_code == 503
    assert "RateLimit" not in answer.headers


def test_two_callers_do_not_share_a_limit(alice: User, bob: User, client_of: Callable[..., Client]) -> None:
    first, second = client_of(alice), client_of(bob)
    for _ in range(4):
        first.get("/three/")
    assert second.get("/three/").status_code == 200


def test_two_tokens_of_one_user_share_a_limit(alice: User, client_of: Callable[..., Client]) -> None:
    first, second = client_of(alice), client_of(alice)
    for _ in range(3):
        first.get("/three/")
    assert second.get("/three/").status_code == 429


def test_each_credential_may_have_its_own(
    configure: Callable[..., None], alice: User, client_of: Callable[..., Client]
) -> None:
    configure(LIMITS={"credential": "2/min"})
    first, second = client_of(alice), client_of(alice)
    assert [first.get("/private/").status_code for _ in range(3)] == [200, 200, 429]
    assert second.get("/private/").status_code == 200


def test_a_role_and_a_scheme_may_have_their_own(
    configure: Callable[..., None], alice: User, carol: User, client_of: Callable[..., Client]
) -> None:
    configure(LIMITS={"role:Editors": "2/min", "scheme:jwt": "3/min"})
    editor, viewer = client_of(alice), client_of(carol)
    assert [editor.get("/private/").status_code for _ in range(3)] == [200, 200, 429]
    assert [viewer.get("/private/").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_cost_takes_several_places(anonymous: Client) -> None:
    assert [anonymous.get("/dear/").status_code for _ in range(3)] == [200, 200, 429]


def test_drfs_throttle_scope_is_understood(anonymous: Client) -> None:
    assert [anonymous.get("/scoped/").status_code for _ in range(3)] == [200, 200, 429]


def test_anonymous_callers_are_counted_by_address(configure: Callable[..., None], anonymous: Client) -> None:
    configure(LIMITS={"anon": "2/min"})
    here = [anonymous.get("/public/", REMOTE_ADDR="192.0.2.1").status_code for _ in range(3)]
    there = anonymous.get("/public/", REMOTE_ADDR="192.0.2.2").status_code
    assert (here, there) == ([200, 200, 429], 200)


def test_one_ipv6_network_is_one_caller(configure: Callable[..., None], anonymous: Client) -> None:
    configure(LIMITS={"anon": "2/min"})
    codes = [anonymous.get("/public/", REMOTE_ADDR=f"2001:db8::{n:x}").status_code for n in range(1, 4)]
    assert codes == [200, 200, 429]
    assert anonymous.get("/public/", REMOTE_ADDR="2001:db8:0:1::1").status_code == 200


def test_a_stranger_does_not_choose_his_address(configure: Callable[..., None], anonymous: Client) -> None:
    configure(LIMITS={"anon": "2/min"})
    codes = [
        anonymous.get("/public/", headers={"x-forwarded-for": f"198.51.100.{n}"}).status_code
        for n in range(3)
    ]
    assert codes == [200, 200, 429]


def test_a_trusted_proxy_is_believed_and_only_about_the_last_hop(
    configure: Callable[..., None], anonymous: Client
) -> None:
    configure(LIMITS={"anon": "2/min"}, TRUSTED_PROXIES=["127.0.0.1/32"])

    def get(forwarded: str) -> int:
        return anonymous.get("/public/", headers={"x-forwarded-for": forwarded}).status_code

    # What the client wrote itself stands left of what the proxy has seen.
    assert [get(f"10.9.8.{n}, 203.0.113.7") for n in range(3)] == [200, 200, 429]
    assert get("203.0.113.8") == 200


def test_scanning_for_paths_is_limited_too(configure: Callable[..., None], anonymous: Client) -> None:
    configure(LIMITS={"anon": "3/min"})
    assert [anonymous.get(f"/nothing/{n}").status_code for n in range(5)] == [404, 404, 404, 429, 429]


def test_the_answer_tells_the_state_of_every_limit(
    configure: Callable[..., None], alice: User, client_of: Callable[..., Client]
) -> None:
    configure(LIMITS={"user": "1000/day"})
    response = client_of(alice).get("/three/")
    assert response.headers["RateLimit-Policy"] == '"user";q=1000;w=86400, "three";q=3;w=60'
    assert response.headers["RateLimit"].startswith('"user";r=999;t=')


def test_a_refused_answer_tells_it_as_well(alice: User, client_of: Callable[..., Client]) -> None:
    client = client_of(alice)
    for _ in range(3):
        client.get("/three/")
    assert '"three";r=0' in client.get("/three/").headers["RateLimit"]


@pytest.mark.parametrize("count", [1, 60, 61, 100])
def test_exactly_n_are_admitted(
    count: int, configure: Callable[..., None], alice: User, client_of: Callable[..., Client]
) -> None:
    configure(LIMITS={"user": f"{count}/hour"})
    client = client_of(alice)
    codes = [client.get("/private/").status_code for _ in range(count + 3)]
    assert codes == [200] * count + [429] * 3


def test_probes_are_not_counted(configure: Callable[..., None], anonymous: Client) -> None:
    configure(LIMITS={"anon": "2/min"})
    assert [anonymous.get("/healthz").status_code for _ in range(5)] == [200] * 5
    assert anonymous.get("/readyz").json() == {"status": "ok", "state": "ok", "database": "ok"}
