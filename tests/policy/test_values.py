"""Python decides only what the database is sure to decide alike; each trap of a comparison is left to the database."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.lookups import Exact, GreaterThan
from django.utils.safestring import mark_safe

from stockade.core.principal import ANONYMOUS
from stockade.policy import Public
from stockade.policy.spelling import spell
from stockade.policy.where import statement
from tests.policy.world import NOON
from tests.policy_app.models import Doc, Note

pytestmark = pytest.mark.django_db


class Title(models.TextChoices):
    A = "a"


class Rank(models.IntegerChoices):
    ONE = 1


@pytest.fixture
def doc() -> Doc:
    keeper = get_user_model().objects.create(username="kim")
    made = Doc.every.create(
        keeper=keeper,
        title="a",
        rank=1,
        published=True,
        created=NOON,
        day=datetime.date(2026, 3, 1),
        extra={"level": 1},
    )
    return Doc.every.get(pk=made.pk)


def decided(where: Q, doc: Doc, queries: Any) -> bool | None:
    """What Python says; checked against what the database says."""
    policy = Public(where=where)
    with queries(0):
        verdict = policy.foresee(ANONYMOUS, doc)
    stored = Doc.every.filter(pk=doc.pk).filter(policy.filter(ANONYMOUS)).exists()
    assert policy.check(ANONYMOUS, doc) is stored
    assert verdict in (None, stored)
    return verdict


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (Q(title=Title.A), True),
        (Q(title__in=[Title.A, None]), True),
        (Q(rank=Rank.ONE), True),
        (Q(rank__lte=Rank.ONE), True),
        (Q(rank__gt=10**30), False),
        (Q(published=True) & ~Q(rank__in=(1,)), False),
        (Q(created=NOON.astimezone(zoneinfo.ZoneInfo("Asia/Tokyo"))), True),
        (Q(created__lt=NOON), False),
        (Q(day__gte=datetime.date(2026, 3, 1)), True),
        (Q(author__isnull=True) & Q(author=None) & Q(project__owner=None), True),
        (~Q(author=1) | Q(title="b"), False),
        (Q(locked=False), True),
    ],
)
def test_what_is_plain_is_decided_without_a_query(
    where: Q, says: bool, doc: Doc, django_assert_num_queries: Any
) -> None:
    assert decided(where, doc, django_assert_num_queries) is says


# Django 6.1 would rather have JSONNull() than the None that projects have written until then.
@pytest.mark.filterwarnings("ignore:Using None as the right-hand side of an exact lookup on JSONField")
@pytest.mark.parametrize(
    "where",
    [
        Q(rank=1.0), Q(rank="1"), Q(rank=True), Q(rank__gt=0.5), Q(rank__lt=Decimal("1.5")), Q(published=1),
        Q(title__gt="A"), Q(title__lte="a"), Q(title__iexact="A"), Q(title=mark_safe("a")), Q(title=1),
        Q(rank__in=[1, 1.5]), Q(title__in=["a", 1]), Q(day__lt=NOON), Q(created__date=datetime.date(2026, 3, 1)),
        Q(extra={"level": 1}), Q(extra=None), Q(extra__level=1), Q(rank=F("rank")), Q(keeper__username="kim"),
        Q(GreaterThan(F("rank"), 0)), ~Q(Exact(F("title"), F("owner_text"))), Q(notes__isnull=True),
        Q(Exists(Note.objects.filter(doc=OuterRef("pk")))), Q(rank__in=Note.objects.values("stars")),
    ],
    # Without the addresses that some objects show: every process must give the same name to the same case.
    ids=lambda where: re.sub(r" at 0x[0-9a-f]+", "", spell(where)),
)  # fmt: skip
def test_what_python_might_see_otherwise_is_left_to_the_database(
    where: Q, doc: Doc, django_assert_num_queries: Any
) -> None:
    assert decided(where, doc, django_assert_num_queries) is None


def test_two_times_of_one_zone_are_not_compared_by_their_hands(
    doc: Doc, django_assert_num_queries: Any
) -> None:
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    # In the night in which an hour comes twice, 2:30 the second time is an hour after 2:30 the first time.
    first, second = (datetime.datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1))
    Doc.every.filter(pk=doc.pk).update(created=first)
    stored = Doc.every.get(pk=doc.pk)
    stored.created = first
    assert decided(Q(created__lt=second), stored, django_assert_num_queries) is True
    assert decided(Q(created=second), stored, django_assert_num_queries) is False


@pytest.fixture
def strange(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database, a column or a lookup that is not as Django ships it."""
    kind = request.param
    if kind == "vendor":
        monkeypatch.setattr(connection, "vendor", "mysql")
    elif kind == "zone":
        monkeypatch.setitem(connection.settings_dict, "TIME_ZONE", "Europe/Berlin")
    elif kind == "collation":
        monkeypatch.setattr(Doc._meta.get_field("title"), "db_collation", "nocase")
    elif kind == "naive":
        request.getfixturevalue("settings").USE_TZ = False
    elif kind == "field":

        class Folding(models.CharField):
            """Stores something else than it shows."""

        monkeypatch.setattr(Doc._meta.get_field("title"), "__class__", Folding)
    elif kind == "lookup":

        class Loose(Exact):
            lookup_name = "exact"

        models.CharField.register_lookup(Loose)
    yield
    if kind == "lookup":
        models.CharField._unregister_lookup(Loose)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("strange", "where"),
    [
        ("vendor", Q(title="a")),
        ("vendor", Q(created=NOON)),
        ("zone", Q(created__gte=NOON)),
        ("collation", Q(title="a")),
        ("naive", Q(created=NOON)),
        ("field", Q(title="a")),
        ("lookup", Q(title="a")),
    ],
    indirect=["strange"],
)
def test_what_is_not_as_django_ships_it_is_not_second_guessed(doc: Doc, strange: None, where: Q) -> None:
    assert statement(Doc, where, "test").bits(ANONYMOUS, doc) == 7


def test_to_print_a_policy_asks_the_database_nothing(doc: Doc, django_assert_num_queries: Any) -> None:
    policy = Public(where=Q(author__in=get_user_model().objects.all()) | Q(parent=doc))
    with django_assert_num_queries(0):
        assert repr(policy) == f"Public(where=Q(author__in=<User rows>) | Q(parent=<Doc {doc.pk}>))"
        assert "User rows" in policy.describe()
