"""Random worlds, callers and policies for the tests, from one seeded source of randomness."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import F, Q

from stockade.core import clock
from stockade.core.credential import Credential
from stockade.core.principal import ANONYMOUS, Kind, Principal
from stockade.policy import (
    Assurance,
    Authenticated,
    Fresh,
    Nobody,
    Owner,
    Person,
    Policy,
    Public,
    Role,
    Scheme,
    Scope,
    as_policy,
)
from tests.policy_app.models import Badge, Cover, Doc, Note, Org, Project, Report

NOON = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
BERLIN = datetime.timezone(datetime.timedelta(hours=1))
TIMES = [None, NOON, NOON.astimezone(BERLIN), NOON + datetime.timedelta(microseconds=1)]
DAYS = [None, datetime.date(2026, 3, 1), datetime.date(2026, 3, 2)]
TITLES = [None, "", "a", "A", "a ", "hidden", "100%_"]
RANKS = [None, -1, 0, 1, 2]
BOOLS = [None, True, False]
ROLES = ["Editors", "Admins"]
SCOPES = ["docs:read", "docs:write"]


def user_principal(
    user: Any, *, roles: Any = (), scopes: Any = None, superuser: bool = False, amr: Any = ()
) -> Principal:
    """A user's principal, with a credential; of a login that is now, if it says how that was made."""
    bound = None if scopes is None else frozenset(scopes)
    when = clock.now() if amr else 0.0
    credential = Credential("jwt", "test", str(user.pk), scopes=bound, auth_time=when, amr=frozenset(amr))
    return Principal(Kind.USER, str(user.pk), user, frozenset(roles), bound, credential, superuser)


def populate(chance: random.Random, docs: int = 14) -> list[Any]:
    """Fill the database: users, projects, and documents with NULLs everywhere. Returns the users."""
    users = [get_user_model().objects.create(username=name) for name in ("ann", "bob", "cy")]

    def maybe(values: list[Any]) -> Any:
        return chance.choice([None, *values])

    orgs = [Org.objects.create(name=str(n), owner=maybe(users)) for n in range(2)]
    badges = [Badge.objects.create(code=f"b{n}", holder=maybe(users)) for n in range(2)]
    projects = []
    for _ in range(3):
        project = Project.objects.create(org=maybe(orgs), owner=maybe(users), open=chance.choice(BOOLS))
        project.members.set(chance.sample(users, chance.randint(0, 3)))
        projects.append(project)
    made: list[Doc] = []
    for n in range(docs):
        model = Report if n % 4 == 3 else Doc
        reviewer = maybe(users)
        kept = chance.choice(users)
        doc = model(
            author=maybe(users),
            reviewer=reviewer,
            keeper=kept,
            badge=maybe(badges),
            project=maybe(projects),
            parent=maybe(made) if made else None,
            owner_number=maybe([user.pk for user in users]),
            owner_text=maybe([str(user.pk) for user in users]),
            published=chance.choice(BOOLS),
            locked=chance.random() < 0.5,
            rank=chance.choice(RANKS),
            ceiling=chance.choice(RANKS),
            title=chance.choice(TITLES),
            created=chance.choice(TIMES),
            day=chance.choice(DAYS),
            extra=chance.choice([None, {}, {"level": 1}, {"level": None}, {"level": 2}]),
        )
        if isinstance(doc, Report):
            doc.graded_by = maybe(users)
        doc.save()
        doc.editors.set(chance.sample(users, chance.randint(0, 3)))
        made.append(Doc.every.get(pk=doc.pk))
        if chance.random() < 0.6:
            Cover.objects.create(doc_id=doc.pk, painter=maybe(users))
        for _ in range(chance.randint(0, 3)):
            Note.objects.create(
                doc_id=doc.pk, by=maybe(users), stars=chance.choice(RANKS), text=chance.choice(TITLES)
            )
    return users


def callers(users: list[Any]) -> list[Principal]:
    """Callers of every kind."""
    ann, bob, cy = users
    return [
        ANONYMOUS,
        user_principal(ann),
        user_principal(bob, roles=["Editors"], scopes=["docs:read"]),
        user_principal(cy, roles=ROLES, scopes=[]),
        user_principal(ann, roles=["Admins"], scopes=SCOPES),
        user_principal(bob, roles=["Editors"], amr=["pwd"]),
        user_principal(cy, amr=["pwd", "otp"]),
        Principal(Kind.SERVICE, "backup", scopes=frozenset({"docs:read"})),
        Principal(Kind.USER, str(bob.pk)),
        Principal(Kind.USER, "99999", None),
    ]


OWNERS = [
    "author",
    "author_id",
    "author__pk",
    "reviewer",
    "keeper",
    "project__owner",
    "project__members",
    "project__org__owner",
    "editors",
    "notes__by",
    "cover__painter",
    "parent__author",
    "parent__editors",
    "children__author",
    "owner_number",
    "owner_text",
    "badge__holder",
    "parent__parent__author",
    "report__graded_by",
    "project__docs__author",
]


def instant(chance: random.Random, users: list[Any]) -> tuple[str, Any]:
    """One condition of a Q, about an instant."""
    known = [time for time in TIMES if time is not None]
    return chance.choice(
        [
            (f"created{chance.choice(['', '__gt', '__lte'])}", chance.choice(known)),
            ("created__in", known[:2]),
            ("created__year", 2026),
        ]
    )


def lookup(chance: random.Random, users: list[Any]) -> tuple[str, Any]:
    """One condition of a Q."""
    keys = [user.pk for user in users]
    choices: list[Callable[[], tuple[str, Any]]] = [
        lambda: ("published", chance.choice([True, False])),
        lambda: ("published", None),
        lambda: ("locked", chance.choice([True, False])),
        lambda: (f"rank__{chance.choice(['gt', 'gte', 'lt', 'lte', 'exact'])}", chance.choice([-1, 0, 1])),
        lambda: ("rank__in", chance.choice([[], [0], (1, 2), {0, -1}, [None, 1]])),
        lambda: ("rank__range", (0, 1)),
        lambda: ("rank", F("ceiling")),
        lambda: ("rank__lt", F("ceiling")),
        lambda: (
            chance.choice(["rank", "title", "author", "project", "project__owner", "cover", "created"])
            + "__isnull",
            chance.choice([True, False]),
        ),
        lambda: ("title", chance.choice(["", "a", "A", "100%_"])),
        lambda: (
            f"title__{chance.choice(['iexact', 'contains', 'icontains', 'startswith'])}",
            chance.choice("aA%"),
        ),
        lambda: ("title__in", ["a", "", None]),
        lambda: ("title__gt", "a"),
        *[lambda: instant(chance, users)] * 3,
        lambda: (f"day{chance.choice(['', '__gt', '__lte'])}", chance.choice(DAYS[1:])),
        lambda: ("extra__level", chance.choice([1, 2])),
        lambda: ("extra__level", None),
        lambda: ("extra__has_key", "level"),
        lambda: ("author", chance.choice(keys)),
        lambda: ("author", chance.choice(users)),
        lambda: ("author_id__in", keys[:2]),
        lambda: ("reviewer", chance.choice(users)),
        lambda: ("reviewer__username", "ann"),
        lambda: ("badge", chance.choice(["b0", "b1"])),
        lambda: ("badge__holder", chance.choice(keys)),
        lambda: ("project__open", chance.choice([True, False])),
        lambda: ("project__open", None),
        lambda: ("project__owner", chance.choice(keys)),
        lambda: ("project__org__name", "0"),
        lambda: ("parent__rank__gte", 0),
        lambda: ("parent__parent__published", True),
        lambda: ("cover__painter", chance.choice(keys)),
        lambda: ("editors", chance.choice(keys)),
        lambda: ("editors__username", "bob"),
        lambda: ("editors__isnull", chance.choice([True, False])),
        lambda: ("notes__stars__gt", 0),
        lambda: ("notes__stars", F("rank")),
        lambda: ("notes__by", chance.choice(keys)),
        lambda: ("notes__text__contains", "a"),
        lambda: ("notes__text__isnull", True),
        lambda: ("project__members", chance.choice(keys)),
        lambda: ("children__published", True),
        lambda: ("author__in", get_user_model().objects.filter(username__in=["ann", "bob"])),
    ]
    return chance.choice(choices)()


def condition(
    chance: random.Random,
    users: list[Any],
    depth: int = 2,
    lookup: Callable[[random.Random, list[Any]], tuple[str, Any]] = lookup,
) -> Q:
    """A random Q of such conditions."""
    if depth == 0 or chance.random() < 0.3:
        names = [lookup(chance, users) for _ in range(chance.choice([1, 1, 2]))]
        return Q(*names)
    left, right = (condition(chance, users, depth - 1, lookup) for _ in range(2))
    kind = chance.random()
    if kind < 0.35:
        return left & right
    if kind < 0.65:
        return left | right
    return ~left if kind < 0.92 else left ^ right


class OddRank:
    """A rule of the user's own."""

    def check(self, principal: Principal, obj: Any) -> bool:
        return obj.rank in (-1, 1)

    def filter(self, principal: Principal) -> Q:
        return Q(rank__in=[-1, 1])

    def __repr__(self) -> str:
        return "OddRank()"


class OnWeekdays:
    """A rule of the user's own that looks at the caller alone."""

    about_objects = False

    def check(self, principal: Principal, obj: Any) -> bool:
        return "Editors" in principal.roles

    def filter(self, principal: Principal) -> Q:
        raise AssertionError("asked for a filter although it speaks of no object")

    def __repr__(self) -> str:
        return "OnWeekdays()"


def policy(chance: random.Random, users: list[Any], depth: int = 3) -> Policy:
    """A random policy about documents."""
    if depth == 0 or chance.random() < 0.25:
        kind = chance.random()
        if kind < 0.35:
            return Owner(chance.choice(OWNERS))
        if kind < 0.7:
            return Public(where=condition(chance, users))
        simple = [Public(), Nobody(), Authenticated(), Person(), Role("Editors"), Role("Editors", "Admins")]
        others: list[Policy] = [Scope("docs:read"), Scope(*SCOPES), Scheme("jwt"), Scheme("token", "session")]
        others += [as_policy(OddRank()), as_policy(OnWeekdays()), Fresh("5m"), Assurance("mfa")]
        return chance.choice([*simple, *others])
    left, right = policy(chance, users, depth - 1), policy(chance, users, depth - 1)
    kind = chance.random()
    return left & right if kind < 0.35 else left | right if kind < 0.7 else ~left
