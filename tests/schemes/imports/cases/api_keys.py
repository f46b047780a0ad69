"""Keys of drf-api-key: revoked, renamed, run out; and those of a slow hash, which strangers would have us compute."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework_api_key.models import APIKey

import stockade
from stockade.core import clock
from stockade.models import OpaqueToken
from stockade.pipeline.registry import current
from stockade.schemes.imports import api_keys, move
from stockade.schemes.imports.api_keys import DRF_API_KEY
from stockade.schemes.opaque import prune, rotate
from tests.schemes.imports.cases.packages import PACKAGES, Package

pytestmark = pytest.mark.django_db(transaction=True)

status = PACKAGES["drf-api-key"].status


@pytest.fixture
def package() -> Package:
    return PACKAGES["drf-api-key"]


def made(name: str = "of the shop", **more: Any) -> str:
    return str(APIKey.objects.create_key(name=name, **more)[1])


def slow(name: str = "of the shop") -> str:
    """As the package made them before 3.0: Django's hash of a password."""
    row, key = APIKey.objects.create_key(name=name)
    APIKey.objects.filter(pk=row.pk).update(hashed_key=make_password(key, hasher="pbkdf2_sha256"))
    return str(key)


class Hashing:
    """Counts slow hashes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        real = hashers.check_password

        def counting(*arguments: Any, **more: Any) -> bool:
            self.count += 1
            return real(*arguments, **more)

        monkeypatch.setattr(api_keys, "check_password", counting)


@pytest.fixture
def hashing(monkeypatch: pytest.MonkeyPatch) -> Hashing:
    return Hashing(monkeypatch)


# -- what the package's row says --------------------------------------------------------------------------------------


def test_it_is_a_services_with_the_name_of_the_key() -> None:
    key = made("nightly export")
    move.run(DRF_API_KEY)
    answer = Client().get("/me/", HTTP_AUTHORIZATION=f"Api-Key {key}")
    assert answer.json() == {"user": "", "scheme": "drf-api-key"}
    assert Client().get("/me/", HTTP_X_API_KEY=key).status_code == 200
    found = OpaqueToken.objects.get()
    assert (found.name, found.user_id, found.visible) == ("nightly export", None, key[:8])


def test_one_revoked_there_is_refused_on_the_next_request() -> None:
    key = made()
    move.run(DRF_API_KEY)
    assert status(key) == 200
    row = APIKey.objects.get()
    row.revoked = True
    row.save()
    assert status(key) == 401
    assert OpaqueToken.objects.get().end_reason == "drf_api_key_deleted"


def test_one_revoked_there_by_an_old_process_is_refused_within_the_age_of_a_principal() -> None:
    key = made()
    move.run(DRF_API_KEY)
    assert status(key) == 200
    APIKey.objects.update(revoked=True)
    clock.shift(31)
    assert status(key) == 401


def test_those_revoked_or_run_out_are_not_taken() -> None:
    keys = [made(revoked=True), made(expiry_date=clock.now_datetime() - datetime.timedelta(seconds=1))]
    found = move.run(DRF_API_KEY)
    assert (found.tokens, found.over) == (0, 2)
    assert [status(key) for key in keys] == [401, 401]


@pytest.mark.parametrize("known", [True, False], ids=["known to the worker", "not known"])
def test_it_ends_when_the_package_says_to_the_second(known: bool) -> None:
    key = made(expiry_date=clock.now_datetime() + datetime.timedelta(hours=1))
    move.run(DRF_API_KEY)
    clock.shift(3580)
    assert not known or status(key) == 200
    clock.shift(21)
    assert status(key) == 401


def test_an_end_set_in_the_admin_bites_on_the_next_request() -> None:
    key = made()
    move.run(DRF_API_KEY)
    assert status(key) == 200
    row = APIKey.objects.get()
    row.expiry_date = clock.now_datetime() - datetime.timedelta(seconds=1)
    row.save()
    assert status(key) == 401
    row.expiry_date = None
    row.save()
    assert status(key) == 200


def test_a_right_prefix_with_another_secret_is_refused() -> None:
    keys = [made(), made()]
    move.run(DRF_API_KEY)
    prefix, _, secret = keys[0].partition(".")
    assert status(f"{prefix}.{keys[1].partition('.')[2]}") == 401
    assert status(f"{prefix}.{secret[::-1]}") == 401
    assert status(secret) == 401


def test_it_is_rotated_as_any_other(package: Package) -> None:
    key = made("nightly export")
    move.run(DRF_API_KEY)
    assert status(key) == 200
    new = rotate(OpaqueToken.objects.get().pk, overlap=60)
    assert new.token.startswith("stk_")
    assert [status(key), status(new.token)] == [200, 200]
    APIKey.objects.update(expiry_date=None)  # by an old process, in its admin
    clock.shift(61)
    assert [status(key), status(new.token)] == [401, 200]
    assert move.run(DRF_API_KEY).gone == 0
    clock.shift(31)
    assert [status(key), status(new.token)] == [401, 200]


def test_a_rotated_one_ends_in_the_packages_table_as_well() -> None:
    """Else old processes, an import that is taken back, and one after `prune` would take it for ever."""
    keys = [made(), made(expiry_date=clock.now_datetime() + datetime.timedelta(seconds=30)), made()]
    move.run(DRF_API_KEY)
    for row, overlap in zip(OpaqueToken.objects.order_by("created_at"), (60, 60, 0), strict=True):
        rotate(row.pk, overlap=overlap)
    ends = [row.expiry_date for row in APIKey.objects.order_by("created")]
    assert ends[0] is not None
    assert ends[1] is not None
    assert 29 < (ends[0] - ends[1]).total_seconds() < 31
    assert [row.revoked for row in APIKey.objects.order_by("created")] == [False, False, True]
    clock.shift(31 * 86400)
    assert prune() == 1  # the second one's successor, which had no longer life than that
    assert [status(key) for key in keys] == [401] * 3
    assert move.run(DRF_API_KEY).tokens == 0


# -- slow hashes ------------------------------------------------------------------------------------------------------


def test_a_slow_hash_is_asked_once_and_becomes_a_digest(hashing: Hashing) -> None:
    key = slow()
    assert move.run(DRF_API_KEY).waiting == 1
    before = OpaqueToken.objects.get().digest
    assert [status(key) for _ in range(3)] == [200] * 3
    assert hashing.count == 1
    registry = current()
    assert registry is not None
    registry.engine.forget()  # another worker
    assert status(key) == 200
    assert hashing.count == 1
    assert OpaqueToken.objects.get().digest != before
    assert move.run(DRF_API_KEY).waiting == 0
    # Old processes may be of a version that knows no other hash.
    assert APIKey.objects.get().hashed_key.startswith("pbkdf2_sha256$")


def test_one_made_with_a_slow_hash_since_the_import_is_taken(hashing: Hashing) -> None:
    move.run(DRF_API_KEY)
    key = slow()
    assert [status(key), status(key)] == [200, 200]
    assert (hashing.count, OpaqueToken.objects.count()) == (1, 1)


def test_one_whose_hash_old_code_has_renewed_is_taken_without_a_slow_one(hashing: Hashing) -> None:
    """As the package does since 3.0 when a key is shown to it."""
    key = slow()
    move.run(DRF_API_KEY)
    assert APIKey.objects.is_valid(key)
    assert not APIKey.objects.get().hashed_key.startswith("pbkdf2")
    assert status(key[:-1] + ("a" if key[-1] != "a" else "b")) == 401
    assert [status(key), status(key)] == [200, 200]
    assert (hashing.count, OpaqueToken.objects.count()) == (0, 1)


def test_a_stranger_who_knows_no_prefix_has_us_hash_nothing(hashing: Hashing) -> None:
    slow()
    move.run(DRF_API_KEY)
    assert [status(f"{number:08x}.{number:032x}") for number in range(5)] == [401] * 5
    assert hashing.count == 0


def test_a_stranger_who_knows_a_prefix_has_us_hash_a_few_times_from_however_many_addresses(
    hashing: Hashing, project: Any
) -> None:
    project.STOCKADE = {**project.STOCKADE, "LIMITS": {"failed_auth": "100/min", "login": "4/min"}}
    key = slow()
    move.run(DRF_API_KEY)
    prefix = key.partition(".")[0]
    answers = [status(f"{prefix}.{number:032x}", REMOTE_ADDR=f"192.0.2.{number}") for number in range(1, 21)]
    assert answers == [401] * 4 + [429] * 16
    assert hashing.count == 4
    clock.shift(61)
    assert status(key) == 200
    # From now on nobody can lock it out, for no slow hash is asked.
    assert [status(f"{prefix}.{number:032x}") for number in range(6)].count(200) == 0
    assert hashing.count <= 9
    assert status(key) == 200


def test_one_that_was_upgraded_has_no_slow_hash_computed_for_a_wrong_secret(hashing: Hashing) -> None:
    key = slow()
    move.run(DRF_API_KEY)
    assert status(key) == 200
    prefix = key.partition(".")[0]
    assert [status(f"{prefix}.{number:032x}") for number in range(10)] == [401] * 10
    assert hashing.count == 1


def test_one_that_is_over_has_no_slow_hash_computed(hashing: Hashing) -> None:
    key = slow()
    move.run(DRF_API_KEY)
    stockade.end_tokens(ids=[OpaqueToken.objects.get().pk])
    assert status(key) == 401
    APIKey.objects.update(revoked=False)  # an old process that has read it before
    assert status(key) == 401
    assert hashing.count == 0


def test_what_stands_in_the_place_of_a_digest_is_no_key(hashing: Hashing) -> None:
    key = slow()
    move.run(DRF_API_KEY)
    prefix = key.partition(".")[0]
    found = OpaqueToken.objects.get()
    for value in (
        f"waiting:{prefix}",
        found.digest,
        f"drf-api-key:waiting:{prefix}",
        f"{prefix}.{found.digest}",
    ):
        assert status(value) in (401, 429)


def test_erased_the_slow_ones_stay_until_they_are_shown(hashing: Hashing) -> None:
    keys = [slow(), slow(), made()]
    assert status(keys[0]) == 401
    move.run(DRF_API_KEY)
    assert status(keys[0]) == 200
    found = move.erase(DRF_API_KEY)
    assert (found.erased, found.waiting, APIKey.objects.count()) == (2, 1, 1)
    clock.shift(31)
    assert [status(key) for key in keys] == [200] * 3
    assert move.erase(DRF_API_KEY).erased == 1
    assert not APIKey.objects.exists()
    clock.shift(31)
    assert [status(key) for key in keys] == [200] * 3
    assert hashing.count == 2


def test_in_the_steady_state_a_slow_one_asks_no_sql(hashing: Hashing) -> None:
    key = slow()
    move.run(DRF_API_KEY)
    assert status(key) == 200
    with CaptureQueriesContext(connection) as queries:
        assert status(key) == 200
    assert [one["sql"] for one in queries.captured_queries if "api_key" in one["sql"]] == []
