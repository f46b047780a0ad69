"""Who and what is there when the demo starts: four users in three groups, and twenty articles, some unpublished."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from stockade.demo.accounts import GROUPS, LINKED, PARTNER


class Draft(NamedTuple):
    """An article before it has an id."""

    author: str
    title: str
    published: bool
    body: str


ARTICLES = [
    Draft("bob", "Resignation letter", False, "Not for anyone yet. I will hand it in after the harvest."),
    Draft("alice", "Why the gate opens inwards", True, "An attacker who pushes helps to hold it shut."),
    Draft("bob", "Palisades, counted", True, "Four hundred posts, and every one of them was carried uphill."),
    Draft("alice", "The well inside the walls", True, "Water decides how long a siege can be."),
    Draft(
        "bob",
        "What the night watch writes down",
        True,
        "Who came, when, by which door, and who was turned away.",
    ),
    Draft(
        "admin", "House rules", True, "Close the door behind you. Ask before you lend a key. Write it down."
    ),
    Draft(
        "alice",
        "Two keys for one chest",
        True,
        "Neither keeper can open it alone, and neither can be forced to.",
    ),
    Draft(
        "bob",
        "Counting visitors at the bridge",
        True,
        "A bridge carries so many at once. The rest wait their turn.",
    ),
    Draft("alice", "A letter with a seal", True, "Anyone can read the seal. Only one ring can make it."),
    Draft("bob", "Old keys", True, "When a lock is changed, the old keys are collected, not forgotten."),
    Draft("alice", "Guests and residents", True, "A guest sees the hall. A resident has a room of her own."),
    Draft("bob", "Salaries, second half", False, "Figures for the council only, until they are voted on."),
    Draft("alice", "Where the wall is thin", False, "Three places. I would rather not have them read aloud."),
    Draft("bob", "The password of the day", True, "It was a good idea as long as the day was."),
    Draft("alice", "Speaking tubes", True, "What is said in one room should not be heard in all of them."),
    Draft(
        "admin", "Plan for the next audit", False, "Which doors will be tried, by whom, and on which night."
    ),
    Draft("bob", "Ladders", True, "They are always one rung longer than you thought."),
    Draft("alice", "Minutes of a quiet week", True, "Nothing happened, and that was written down too."),
    Draft(
        "bob", "Names of the informants", False, "If you can read this and are not me, the wall has a hole."
    ),
    Draft(
        "alice",
        "Stores for the winter",
        False,
        "Grain, salt, rope, oil. The amounts follow when they are counted.",
    ),
]


@transaction.atomic
def plant(secret: Mapping[str, str]) -> None:
    """Put users, groups and articles into an empty or earlier seeded database.

    Args:
        secret: passwords by user name; a user who is there already gets the new one.
    """
    from stockade.demo.articles.models import Article

    users = {}
    for name, groups in GROUPS.items():
        staff = name == "admin"
        user, _ = get_user_model().objects.get_or_create(username=name)
        user.email, user.is_active, user.is_staff, user.is_superuser = (
            f"{name}@example.org",
            True,
            staff,
            staff,
        )
        user.set_password(secret[name])
        user.save()
        user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
        users[name] = user
    if Article.objects.exists():
        return
    now = timezone.now()
    Article.objects.bulk_create(
        Article(
            title=draft.title,
            body=draft.body,
            author=users[draft.author],
            published=draft.published,
            created_at=now - timedelta(hours=7 * age),
        )
        for age, draft in enumerate(ARTICLES)
    )


def name_as_theirs() -> None:
    """For the twin: users by the names that the other company's people have there, for it goes by that claim."""
    for subject in LINKED:
        user, _ = get_user_model().objects.get_or_create(username=subject)
        user.groups.set([Group.objects.get(name="Viewers")])


def link() -> None:
    """Say who of the other company's people is who here; not of all of them."""
    import stockade

    for subject, name in LINKED.items():
        stockade.link(get_user_model().objects.get(username=name), PARTNER, subject)
