"""Who is banned gets 403 and nothing else, from the next request on, whatever way he comes in by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

import stockade
from stockade.core import clock
from stockade.gate.protocol import LISTS
from stockade.gate.registry import get_gate
from stockade.models import ListEntry
from stockade.pipeline.start import findings
from stockade.testing import StockadeClient
from stockade.truth import lists, reconciler
from tests.pipeline import views

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.every_state]
HERE = "127.0.0.1"  # as the test client has it


@pytest.fixture(autouse=True)
def fresh(project: Any) -> None:
    lists.forget()


def banned(response: Any) -> bool:
    return response.status_code == 403 and response.json()["code"] == "banned"


# -- addresses ---------------------------------------------------------------------------------------------------------


def test_a_banned_address_is_refused_on_the_next_request(
    anonymous: Client, log: Callable[[], list[Any]]
) -> None:
    assert anonymous.get("/public/").status_code == 200
    entry = stockade.ban(HERE, reason="scraping")
    reached = len(views.reached)
    response = anonymous.get("/public/")
    assert banned(response)
    assert response.json() == {
        "type": "about:blank", "title": "Forbidden", "status": 403, "detail": "Access is refused.", "code": "banned",
    }  # fmt: skip
    assert len(views.reached) == reached
    last = log()[-1]
    assert (last.event.tag, last.reason, dict(last.details)) == (
        "authz_banned",
        "banned:address",
        {"entry": str(entry.pk)},
    )
    assert stockade.unban(HERE)
    assert anonymous.get("/public/").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/public/", "/private/", "/nothing/here", "/undeclared/function/", "/articles/", "/.well-known/jwks.json",
        "/public", "/admin/login/", "/private_async/", "/public/?access_token=x", "/titles/",
    ],
)  # fmt: skip
def test_no_path_is_open_to_a_banned_address(path: str, anonymous: Client) -> None:
    assert not banned(anonymous.get(path))
    stockade.ban("127.0.0.0/8")
    assert banned(anonymous.get(path))


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options", "trace"])
def test_no_method_is_open_to_a_banned_address(method: str, anonymous: Client) -> None:
    stockade.ban(HERE)
    assert banned(getattr(anonymous, method)("/public/"))
    assert banned(getattr(anonymous, method)("/api/token/"))


def test_probes_answer_a_banned_address_and_nothing_else_does(
    configure: Callable[..., None], anonymous: Client
) -> None:
    """A load balancer in a banned network must not take every worker for dead."""
    stockade.ban(HERE)
    configure(ADDRESSES={"only_allowed": True, "allow": ["192.0.2.1"]})
    assert [anonymous.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
    assert banned(anonymous.get("/public/"))


def test_a_ban_is_not_escaped_by_what_a_client_says_of_itself(
    configure: Callable[..., None], anonymous: Client
) -> None:
    stockade.ban("203.0.113.9")
    spoof = {"x-forwarded-for": "198.51.100.1", "x-real-ip": "198.51.100.1", "forwarded": "for=198.51.100.1"}
    assert banned(anonymous.get("/public/", headers=spoof, REMOTE_ADDR="203.0.113.9"))
    configure(TRUSTED_PROXIES=["127.0.0.1/32"])
    lists.forget()
    # Behind a trusted proxy: what the client wrote stands left of what the proxy has seen.
    through = {"x-forwarded-for": "198.51.100.1, 203.0.113.9"}
    assert banned(anonymous.get("/public/", headers=through))
    assert banned(anonymous.get("/public/", headers={"x-forwarded-for": "::ffff:203.0.113.9"}))
    assert banned(anonymous.get("/public/", headers={"x-forwarded-for": "[::ffff:cb00:7109]:4711"}))
    assert (
        anonymous.get("/public/", headers={"x-forwarded-for": "203.0.113.9, 198.51.100.1"}).status_code == 200
    )


@pytest.mark.parametrize("peer", ["::ffff:203.0.113.9", "::ffff:cb00:7109", "0:0:0:0:0:ffff:203.0.113.9"])
def test_a_ban_is_not_escaped_over_a_dual_stack_socket(peer: str, anonymous: Client) -> None:
    stockade.ban("203.0.113.9")
    assert banned(anonymous.get("/public/", REMOTE_ADDR=peer))


def test_a_ban_of_an_ipv6_network_bans_all_of_it(anonymous: Client) -> None:
    stockade.ban("2001:db8:1::/48")
    assert banned(anonymous.get("/public/", REMOTE_ADDR="2001:db8:1:ffff::1"))
    assert anonymous.get("/public/", REMOTE_ADDR="2001:db8:2::1").status_code == 200


def test_an_allowed_address_is_let_into_a_banned_network(anonymous: Client) -> None:
    stockade.ban("203.0.113.0/24")
    stockade.allow("203.0.113.7")
    assert anonymous.get("/public/", REMOTE_ADDR="203.0.113.7").status_code == 200
    assert banned(anonymous.get("/public/", REMOTE_ADDR="203.0.113.8"))
    assert stockade.disallow("203.0.113.7")
    assert banned(anonymous.get("/public/", REMOTE_ADDR="203.0.113.7"))


def test_an_allowed_address_is_still_limited(configure: Callable[..., None], anonymous: Client) -> None:
    configure(LIMITS={"anon": "2/min"})
    stockade.allow(HERE)
    assert [anonymous.get("/public/").status_code for _ in range(3)] == [200, 200, 429]


def test_a_ban_ends_by_itself_and_without_sql(anonymous: Client) -> None:
    stockade.ban(HERE, expires="10s")
    assert banned(anonymous.get("/public/"))
    clock.shift(11)
    with CaptureQueriesContext(connection) as queries:
        assert anonymous.get("/public/").status_code == 200
    assert len(queries) == 0


def test_only_allowed_addresses_get_in_where_the_settings_say_so(
    configure: Callable[..., None], anonymous: Client, log: Callable[[], list[Any]]
) -> None:
    configure(ADDRESSES={"only_allowed": True, "allow": ["192.0.2.0/24"]})
    assert anonymous.get("/public/", REMOTE_ADDR="192.0.2.1").status_code == 200
    assert banned(anonymous.get("/public/"))
    assert dict(log()[-1].details) == {"entry": "only_allowed"}
    stockade.allow(HERE)
    assert anonymous.get("/public/").status_code == 200


def test_the_settings_ban_as_well(
    configure: Callable[..., None], anonymous: Client, log: Callable[[], list[Any]]
) -> None:
    configure(ADDRESSES={"deny": ["127.0.0.0/8"]})
    assert banned(anonymous.get("/public/"))
    assert dict(log()[-1].details) == {"entry": "settings"}


def test_a_banned_address_is_refused_before_its_token_is_verified(
    anonymous: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    from stockade.schemes.jwt import JWTScheme

    original = JWTScheme.verify
    monkeypatch.setattr(
        JWTScheme, "verify", lambda self, *given: verified.append("x") or original(self, *given)
    )
    token = stockade.issue(alice).access
    stockade.ban(HERE)
    for _ in range(2):  # with a copy that is of before, and with one of now
        assert banned(anonymous.get("/private/", headers={"authorization": f"Bearer {token}"}))
    assert verified == []


def test_a_banned_address_does_not_use_up_the_places_of_a_stolen_token(
    configure: Callable[..., None], alice: User, client_of: Callable[..., Client]
) -> None:
    configure(LIMITS={"user": "3/min"})
    client = client_of(alice)
    assert client.get("/private/").status_code == 200
    stockade.ban("203.0.113.9")
    for _ in range(10):
        assert banned(client.get("/private/", REMOTE_ADDR="203.0.113.9"))
    assert [client.get("/private/").status_code for _ in range(3)] == [200, 200, 429]


def test_a_ban_costs_a_request_that_is_not_banned_no_sql(
    alice: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)
    stockade.ban("203.0.113.0/24")
    stockade.ban(user=12345)
    assert client.get("/editors/").status_code == 200
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/editors/").status_code == 200
        assert banned(client.get("/editors/", REMOTE_ADDR="203.0.113.9"))
    assert [query["sql"] for query in queries] == []


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "a host inside a network": ({"deny": ["192.0.2.7/24"]}, "stockade.E033", "192.0.2.0/24"),
    "a name": ({"allow": ["example.org"]}, "stockade.E032", "no address"),
    "one string": ({"deny": "192.0.2.7"}, "stockade.E033", "list of strings"),
    "no truth value": ({"only_allowed": "yes"}, "stockade.E034", "True or False"),
    "a misspelled key": ({"ban": ["192.0.2.7"]}, "stockade.E003", "allow, deny, only_allowed"),
    "nobody let in": ({"only_allowed": True}, "stockade.E035", "administer"),
}


@pytest.mark.parametrize("name", WRONG)
def test_address_lists_that_cannot_be_meant_stop_the_start(name: str, configure: Callable[..., None]) -> None:
    given, id, says = WRONG[name]
    configure(ADDRESSES=given)
    found = [finding for finding in findings() if finding.stops]
    assert [finding.id for finding in found] == [id]
    assert says in str(found[0])


# -- users and sessions ------------------------------------------------------------------------------------------------


def test_a_banned_user_is_refused_with_a_token_that_this_worker_knows(
    alice: User, bob: User, client_of: Callable[..., Client], log: Callable[[], list[Any]]
) -> None:
    hers, his = client_of(alice), client_of(bob)
    assert (hers.get("/private/").status_code, his.get("/private/").status_code) == (200, 200)
    entry = stockade.ban(user=alice)
    assert banned(hers.get("/private/"))
    assert his.get("/private/").status_code == 200
    last = log()[-1]
    assert (last.event.tag, last.reason, last.subject) == ("authz_banned", "banned:user", str(alice.pk))
    assert dict(last.details) == {"entry": str(entry.pk)}
    stockade.unban(user=alice)
    assert hers.get("/private/").status_code == 200


def test_a_banned_user_is_refused_with_a_token_that_no_worker_has_seen(
    alice: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)
    stockade.ban(user=alice.pk)
    assert banned(client.get("/private/"))
    assert banned(client.get("/private_async/"))
    assert banned(client.get("/me/"))


def test_a_banned_session_is_refused_and_the_users_other_one_is_not(
    alice: User, client_of: Callable[..., Client]
) -> None:
    pair = stockade.issue(alice)
    one = Client(headers={"authorization": f"Bearer {pair.access}"})
    other = client_of(alice)
    assert one.get("/private/").status_code == 200
    stockade.ban(session=pair.session)
    assert banned(one.get("/private/"))
    assert other.get("/private/").status_code == 200


@pytest.mark.parametrize("spell", [lambda id: id.replace("-", ""), str.upper, lambda id: f" {id} "])
def test_however_a_sessions_id_is_spelled_its_ban_bites(
    alice: User, client_of: Callable[..., Client], spell: Callable[[str], str]
) -> None:
    """A refresh token shows it as 32 digits, and an operator copies what he sees."""
    pair = stockade.issue(alice)
    one = Client(headers={"authorization": f"Bearer {pair.access}"})
    assert one.get("/private/").status_code == 200
    stockade.ban(session=spell(str(pair.session)))
    assert banned(one.get("/private/"))


def test_a_banned_user_whom_a_test_has_put_there_is_refused(alice: User, anonymous: Client) -> None:
    from stockade.core.principal import Kind, Principal

    stockade.ban(user=alice)
    someone = Principal(Kind.USER, str(alice.pk), alice)
    assert banned(anonymous.get("/private/", **{"stockade.testing.principal": someone}))


def test_a_banned_users_limits_are_not_charged(
    configure: Callable[..., None], alice: User, client_of: Callable[..., Client]
) -> None:
    configure(LIMITS={"user": "2/min"})
    client = client_of(alice)
    assert client.get("/private/").status_code == 200
    stockade.ban(user=alice)
    assert [client.get("/private/").status_code for _ in range(5)] == [403] * 5
    stockade.unban(user=alice)
    assert [client.get("/private/").status_code for _ in range(2)] == [200, 429]


def test_a_banned_user_is_thrown_out_of_an_exempt_site(alice: User, bob: User) -> None:
    """The admin guards itself, by Django's sessions; a ban bites there too."""
    User.objects.filter(pk__in=[alice.pk, bob.pk]).update(is_staff=True, is_superuser=True)
    browser, other = Client(), Client()
    browser.force_login(User.objects.get(pk=alice.pk))
    other.force_login(User.objects.get(pk=bob.pk))
    assert browser.get("/admin/").status_code == 200
    stockade.ban(user=alice)
    assert banned(browser.get("/admin/"))
    assert banned(browser.get("/admin/"))
    assert other.get("/admin/").status_code == 200


def test_an_exempt_site_asks_sql_for_bans_while_the_state_is_away(
    alice: User, anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stockade.core.errors import Unavailable

    def away(*_: Any) -> Any:
        raise Unavailable(reason="state")

    assert anonymous.get("/admin/login/").status_code == 200
    monkeypatch.setattr(get_gate(), "ask", away)
    assert anonymous.get("/admin/login/").status_code == 200
    assert anonymous.get("/public/").status_code == 503
    monkeypatch.undo()
    stockade.ban(HERE)
    monkeypatch.setattr(get_gate(), "ask", away)
    assert banned(anonymous.get("/admin/login/"))


# -- changes -----------------------------------------------------------------------------------------------------------


def test_a_ban_that_was_rolled_back_bans_nobody(anonymous: Client) -> None:
    with transaction.atomic():
        stockade.ban(HERE)
        transaction.set_rollback(True)
    assert anonymous.get("/public/").status_code == 200


def test_a_ban_whose_writer_died_after_the_commit_bites_all_the_same(anonymous: Client) -> None:
    """Between commit and publication: the mark is there, so every request asks SQL about itself."""
    assert anonymous.get("/public/").status_code == 200
    get_gate().mark([LISTS], b"deadbeef")
    ListEntry.objects.bulk_create([ListEntry(value=HERE)])  # no signal: nothing will be published
    assert banned(anonymous.get("/public/"))
    assert anonymous.get("/public/", REMOTE_ADDR="192.0.2.1").status_code == 200
    reconciler.reconcile(older=-1)
    reconciler.join()
    assert banned(anonymous.get("/public/"))


def test_while_the_lists_change_users_and_sessions_are_asked_of_sql(
    alice: User, client_of: Callable[..., Client]
) -> None:
    client = client_of(alice)
    assert client.get("/private/").status_code == 200
    get_gate().mark([LISTS], b"deadbeef")
    assert client.get("/private/").status_code == 200
    ListEntry.objects.bulk_create([ListEntry(kind="user", value=str(alice.pk))])
    assert banned(client.get("/private/"))


def test_what_sends_no_signal_bites_within_thirty_seconds(anonymous: Client) -> None:
    assert anonymous.get("/public/").status_code == 200
    ListEntry.objects.bulk_create([ListEntry(value=HERE)])
    assert anonymous.get("/public/").status_code == 200
    clock.shift(30)
    assert banned(anonymous.get("/public/"))


def test_a_lost_state_forgets_no_ban(anonymous: Client) -> None:
    stockade.ban(HERE)
    get_gate().reset()
    assert banned(anonymous.get("/public/"))


def test_a_list_that_is_long_is_read_aside_and_bites_at_once(
    anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "LONG", 2)
    ListEntry.objects.bulk_create([ListEntry(value=f"198.51.100.{n}") for n in range(9)])
    assert anonymous.get("/public/").status_code == 200
    assert lists.current().size == 9
    stockade.ban(HERE)
    assert banned(anonymous.get("/public/"))
    lists.join()
    assert lists.current().size == 10
    assert banned(anonymous.get("/public/"))
    stockade.unban(HERE)
    assert anonymous.get("/public/").status_code == 200
    lists.join()


def test_of_a_long_list_what_sends_no_signal_bites_without_reading_all_of_it_every_time(
    anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "LONG", 2)
    ListEntry.objects.bulk_create([ListEntry(value=f"198.51.100.{n}") for n in range(9)])

    def later(seconds: float) -> Any:
        clock.shift(seconds)
        response = anonymous.get("/public/")
        lists.join()
        return response

    assert later(0).status_code == 200
    assert later(25).status_code == 200
    read = lists.current()
    assert later(25).status_code == 200
    assert lists.current() is read, "nothing was added or removed"
    ListEntry.objects.bulk_create([ListEntry(value=HERE)])
    later(25)
    assert lists.current() is not read
    assert banned(later(0))
    ListEntry.objects.filter(value=HERE).update(value="198.51.100.99")  # in place
    later(25)
    assert banned(later(0))
    later(100)  # five times as many as LONG are read in a hundred seconds
    assert later(0).status_code == 200


async def test_so_it_is_under_asgi(alice: User) -> None:
    token = (await sync_to_async(stockade.issue)(alice)).access
    client = AsyncClient(raise_request_exception=False)
    bearer = {"authorization": f"Bearer {token}"}
    paths = ("/private_async/", "/private/", "/nothing/here", "/admin/login/", "/public")
    for path in paths:
        assert not banned(await client.get(path, headers=bearer))
    await sync_to_async(stockade.ban)(user=alice)
    assert banned(await client.get("/private_async/", headers=bearer))
    assert banned(await client.get("/private_async/", headers=bearer))
    await sync_to_async(stockade.ban)(HERE)
    for path in paths:
        assert banned(await client.get(path, headers=bearer)), path
    assert (await client.get("/healthz")).status_code == 200
    await sync_to_async(stockade.unban)(HERE)
    assert (await client.get("/nothing/here")).status_code == 404


async def test_under_asgi_no_place_is_lost_while_lists_are_read_again(
    alice: User, configure: Callable[..., None]
) -> None:
    configure(LIMITS={"user": "3/min"})
    token = (await sync_to_async(stockade.issue)(alice)).access
    client = AsyncClient(raise_request_exception=False)
    bearer = {"authorization": f"Bearer {token}"}
    found = []
    for number in range(4):
        await sync_to_async(stockade.ban)(f"192.0.2.{number}")
        found.append((await client.get("/private_async/", headers=bearer)).status_code)
    assert found == [200, 200, 200, 429]


def test_a_user_who_was_switched_off_and_on_is_banned_all_the_same(
    alice: User, client_of: Callable[..., Client]
) -> None:
    """A worker that remembers a refusal knows nobody's name: it asked the lists about the address alone, then read."""
    client = client_of(alice)
    assert client.get("/private/").status_code == 200
    alice.is_active = False
    alice.save()
    assert client.get("/private/").status_code == 401
    alice.is_active = True
    alice.save()
    stockade.ban(user=alice)
    assert banned(client.get("/private/"))
    assert banned(client.get("/private/"))


# -- services ----------------------------------------------------------------------------------------------------------


def test_a_banned_service_is_refused_on_the_next_request_whichever_key_it_shows(
    log: Callable[[], list[Any]],
) -> None:
    client, other = (StockadeClient().as_principal(service=name) for name in ("partner", "partner-2"))
    assert client.get("/private/").status_code == 200
    entry = stockade.ban(service="partner", reason="leaked")
    assert banned(client.get("/private/"))
    assert banned(client.get("/public/"))
    assert (log()[-1].reason, dict(log()[-1].details)) == ("banned:service", {"entry": str(entry.pk)})
    assert other.get("/private/").status_code == 200
    assert stockade.unban(service="partner")
    assert client.get("/private/").status_code == 200


def test_a_service_is_no_user_of_the_same_name(alice: User, client_of: Callable[..., Client]) -> None:
    client = client_of(alice)
    stockade.ban(service=str(alice.pk))
    assert client.get("/private/").status_code == 200
    stockade.ban(user=alice)
    assert banned(client.get("/private/"))


def test_a_service_is_refused_while_the_lists_change_too() -> None:
    """SQL is asked then, about this caller alone."""
    client = StockadeClient().as_principal(service="partner")
    stockade.ban(service="partner")
    lists.forget()
    assert banned(client.get("/private/"))
    assert stockade.unban(service="partner")
    assert stockade.unban(service="partner") is False


@pytest.mark.parametrize("service", ["", "x" * 101, "a\nb"])
def test_a_service_without_a_name_is_not_banned(service: str) -> None:
    with pytest.raises(ValueError, match="Write"):
        stockade.ban(service=service)
    with pytest.raises(ValueError, match="one of them"):
        stockade.ban(service="partner", session="x")
