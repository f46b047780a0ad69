"""A write that is refused for what it made is undone in whichever database it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.urls import include, path
from rest_framework import serializers
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ModelViewSet

from stockade.demo.articles.models import Article
from stockade.drf.mixins import PolicyMixin
from stockade.policy import Owner
from tests.pipeline.conftest import *  # noqa: F403 - the same project, users and tokens


class KeySerializer(serializers.ModelSerializer[Article]):
    """Takes the author's key: objects of two databases must not refer to each other."""

    author_id = serializers.IntegerField()

    class Meta:
        model = Article
        fields = ("title", "author_id")


class Elsewhere(PolicyMixin, ModelViewSet[Article]):
    """Reads from the other database, and so writes to it: the router follows the object."""

    serializer_class = KeySerializer
    policy = Owner("author")

    def get_queryset(self) -> Any:
        return Article.objects.using("other")


router = SimpleRouter()
router.register("elsewhere", Elsewhere, basename="elsewhere")
urlpatterns = [path("", include(router.urls))]


@pytest.fixture
def other(tmp_path: Path, project: Any) -> Iterator[str]:
    """A second database that holds the table of articles and nothing else."""
    project.ROOT_URLCONF = __name__
    connections.databases["other"] = {
        **connections.databases["default"],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "other.sqlite3"),
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }
    connections["other"].connect()  # Django's test case refuses to open a database that it does not know
    with connections["other"].constraint_checks_disabled(), connections["other"].schema_editor() as editor:
        editor.create_model(Article)
    yield "other"
    connections["other"].close()
    del connections["other"]
    del connections.databases["other"]


def test_giving_ownership_away_in_another_database_is_undone_as_well(
    other: str, alice: User, bob: User, client_of: Callable[..., Client]
) -> None:
    with connections[other].constraint_checks_disabled():
        mine = Article.objects.using(other).create(title="mine", body="x", author_id=bob.pk)
        client = client_of(bob)
        given = client.patch(
            f"/elsewhere/{mine.pk}/", {"author_id": alice.pk}, content_type="application/json"
        )
        assert given.status_code == 403
        mine.refresh_from_db()
        assert mine.author_id == bob.pk
        renamed = client.patch(f"/elsewhere/{mine.pk}/", {"title": "y"}, content_type="application/json")
        assert renamed.status_code == 200
