"""The life of a credential of each scheme: issued, used, limited, bounded, rotated, revoked, over."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.schemes.every.cases.conftest import STATES, Site, Worker
from tests.schemes.every.cases.lives import LIVES, Life, Shown, answer, ask

pytestmark = pytest.mark.django_db(transaction=True)
GONE = (401, 403)

ROTATED = [one for one in LIVES if one.rotation() is not None]
SCOPED = [one for one in LIVES if one.scoped]
ENDING = [one for one in LIVES if one.seconds is not None]
REVOKED = [(one, way) for one in LIVES for way in sorted(one.revocations())]


def named(lives: list[Life]) -> list[str]:
    return [type(one).__name__ for one in lives]


def test_what_a_scheme_cannot_is_known() -> None:
    """A life that leaves an operation out must say so here: nothing is left out by oversight."""
    everybody = set(named(list(LIVES)))
    assert everybody - set(named(ROTATED)) == {"OwnToken", "External", "Imported", "ImportedKnox", "Foreign"}
    assert everybody - set(named(SCOPED)) == {"Browser", "SimpleJwt", "Foreign"}
    assert everybody - set(named(ENDING)) == {"Imported", "ImportedKey", "Foreign"}
    lacking = {
        way: {type(one).__name__ for one in LIVES if way not in one.revocations()}
        for way in ("api", "command", "admin", "orm")
    }
    assert lacking == {
        "api": {"ServiceKey", "ImportedKey", "External", "SimpleJwt", "Foreign"},
        "command": {"Foreign"},
        "admin": {"External", "SimpleJwt"},
        "orm": {"SimpleJwt"},
    }


@pytest.mark.parametrize("state", STATES, indirect=True)
def test_it_stands_for_its_user_in_every_worker(life: Life, site: Site, alice: User, worker: Worker) -> None:
    shown = life.issue(alice)
    found = answer(shown)
    assert found.status_code == 200, found.content
    assert found.json() == {"user": "alice" if life.of_user else "", "scheme": life.name}
    assert worker.ask(shown) == 200


def test_a_limit_counts_all_of_a_users_credentials_and_nobody_elses(
    life: Life, site: Site, alice: User, bob: User
) -> None:
    mine, other = life.issue(alice), life.issue(bob)
    site.change(LIMITS={"anon": None, "user": "3/min", "failed_auth": None})
    assert [ask(mine) for _ in range(5)] == [200] * 3 + [429] * 2
    assert ask(other) == 200


@pytest.mark.parametrize("life", SCOPED, ids=named(SCOPED), indirect=True)
def test_scopes_bound_it_in_every_worker(life: Life, site: Site, alice: User, worker: Worker) -> None:
    shown = life.issue(alice, ["articles:read"])
    assert [ask(shown, path) for path in ("/me/", "/reading/", "/writing/")] == [200, 200, 403]
    assert [worker.ask(shown, path) for path in ("/reading/", "/writing/")] == [200, 403]


@pytest.mark.parametrize("state", STATES, indirect=True)
@pytest.mark.parametrize("life", ROTATED, ids=named(ROTATED), indirect=True)
def test_what_was_rotated_is_replaced(life: Life, site: Site, alice: User, worker: Worker) -> None:
    old = life.issue(alice)
    assert worker.ask(old) == 200
    again = life.rotation()
    assert again is not None
    new = again(old)
    assert new.secret != old.secret
    assert [ask(new), worker.ask(new)] == [200, 200]
    expected = 200 if life.old_goes_on else 401
    assert [worker.ask(old), ask(old)] == [expected, expected]


@pytest.mark.parametrize("state", STATES, indirect=True)
@pytest.mark.parametrize(
    ("life", "way"),
    REVOKED,
    ids=[f"{type(one).__name__}-{way}" for one, way in REVOKED],
    indirect=["life"],
)
def test_a_revocation_bites_on_the_next_request_of_another_worker(
    life: Life, way: str, site: Site, alice: User, bob: User, worker: Worker
) -> None:
    shown, other = life.issue(alice), life.issue(bob)
    assert [worker.ask(shown), worker.ask(other), ask(shown)] == [200, 200, 200]  # each knows it
    life.revocations()[way](life, shown)
    assert worker.ask(shown) in GONE
    assert ask(shown) in GONE
    assert [worker.ask(other), ask(other)] == [200, 200]


@pytest.mark.parametrize("life", ENDING, ids=named(ENDING), indirect=True)
@pytest.mark.parametrize("state", ["memory", "lmdb"], indirect=True)
def test_it_is_over_when_its_time_is(life: Life, site: Site, alice: User, worker: Worker) -> None:
    known, unknown = life.issue(alice), None
    if life.name != "authtoken":
        unknown = life.issue(User.objects.create_user("carol", password="correct horse battery staple"))
    seconds = life.seconds
    assert seconds is not None
    step, late = min(seconds / 2, 86400.0), 0.0
    while late + step < seconds - 20:  # in use all the time: what is idle is over sooner
        worker.shift(step)
        late += step
        assert [worker.ask(known), ask(known)] == [200, 200]
    worker.shift(seconds - late - 10)
    assert [worker.ask(known), ask(known)] == [200, 200]
    worker.shift(11)
    assert [worker.ask(known), ask(known)] == [401, 401]
    assert unknown is None or [worker.ask(unknown), ask(unknown)] == [401, 401]


def shown_again(shown: Shown, worker: Worker) -> set[int]:
    return {status for _ in range(3) for status in (ask(shown), worker.ask(shown))}


@pytest.mark.parametrize("state", ["memory", "lmdb"], indirect=True)
def test_what_was_revoked_stays_so(life: Life, site: Site, alice: User, worker: Worker) -> None:
    """Shown again, later, to a worker that has forgotten, and to one whose state was lost."""
    shown = life.issue(alice)
    assert [ask(shown), worker.ask(shown)] == [200, 200]
    life.revocations()[min(life.revocations())](life, shown)
    assert shown_again(shown, worker) <= set(GONE)
    worker.shift(31)
    assert shown_again(shown, worker) <= set(GONE)
    site.restart()
    assert shown_again(shown, worker) <= set(GONE)
    site.change(REALM="another")  # the engines are built anew
    assert shown_again(shown, worker) <= set(GONE)
