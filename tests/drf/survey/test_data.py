"""What serializers let in and give out: found where it is so for a client, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.generics import CreateAPIView, ListAPIView, RetrieveAPIView, UpdateAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from tests.drf.survey.asking import at, facts, listed, routed
from tests.drf.survey.common import Docs, DocSerializer, Generic, NameSerializer, Rest
from tests.drf.survey.test_access import asks
from tests.policy_app.models import Note, Project


def of_user(*, shown: Any, **options: Any) -> type[serializers.ModelSerializer[User]]:
    """A serializer of the user model."""
    meta = type("Meta", (), {"model": User, "fields": shown, **options})
    return type("UserSerializer", (serializers.ModelSerializer,), {"Meta": meta})


def of(model: Any, *, shown: Any = "__all__", **options: Any) -> type[serializers.ModelSerializer[Any]]:
    """A serializer of any model."""
    meta = type("Meta", (), {"model": model, "fields": shown, **options})
    return type(f"{model.__name__}Serializer", (serializers.ModelSerializer,), {"Meta": meta})


def updating(serializer: Any) -> Any:
    """A view that updates by a serializer."""
    return at(type("Updating", (Generic, UpdateAPIView), {"serializer_class": serializer}))


def creating(serializer: Any) -> Any:
    return listed(type("Creating", (Generic, CreateAPIView), {"serializer_class": serializer}))


def reading(serializer: Any) -> Any:
    return at(type("Reading", (Generic, RetrieveAPIView), {"serializer_class": serializer}))


def listing(serializer: Any) -> Any:
    return listed(type("Listing", (Generic, ListAPIView), {"serializer_class": serializer}))


# --- writable-privilege ---

STAFF = of_user(shown=["id", "username", "is_staff"])


class Renamed(serializers.ModelSerializer[User]):
    admin = serializers.BooleanField(source="is_superuser")

    class Meta:
        model = User
        fields = ["id", "admin"]


class ReadOnlyField(serializers.ModelSerializer[User]):
    is_staff = serializers.BooleanField(read_only=True)

    class Meta:
        model = User
        fields = ["id", "is_staff"]


class HiddenOwner(serializers.ModelSerializer[Note]):
    by = serializers.HiddenField(default=serializers.CurrentUserDefault())

    class Meta:
        model = Note
        fields = "__all__"


class NestedStaff(serializers.ModelSerializer[Note]):
    by = STAFF(read_only=True)

    class Meta:
        model = Note
        fields = ["id", "text", "by"]


class ByNameHere(Rest):
    def patch(self, request: Request) -> Response:
        serializer = STAFF(request.user, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(status=204)


class ShownHere(Rest):
    """It writes nothing by that serializer."""

    def post(self, request: Request) -> Response:
        return Response(STAFF(request.user).data)


class ByAction(Docs):
    def get_serializer_class(self) -> Any:
        return STAFF if self.action == "update" else NameSerializer


class ByActionRead(Docs):
    def get_serializer_class(self) -> Any:
        return STAFF if self.action in ("list", "retrieve") else NameSerializer


class ByCaller(Docs):
    def get_serializer_class(self) -> Any:
        return STAFF if self.request.user.is_staff else NameSerializer


class Hardened(Docs):
    serializer_class = STAFF

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        serializer = super().get_serializer(*args, **kwargs)
        serializer.fields["is_staff"].read_only = True
        return serializer


class ReadsStaff(Generic, ReadOnlyModelViewSet[Any]):
    serializer_class = STAFF


class OwnerByServer(Generic, CreateAPIView[Note]):
    serializer_class = of(Note)

    def perform_create(self, serializer: Any) -> None:
        serializer.save(by=self.request.user)


class OwnerByServerOnce(Docs):
    """The server says whose a note is when it is made, and the client when it is changed."""

    serializer_class = of(Note)

    def perform_create(self, serializer: Any) -> None:
        serializer.save(by=self.request.user)


@api_view(["POST"])
@permission_classes([IsAuthenticated])
def by_function(request: Request) -> Response:
    serializer = STAFF(data=request.data)
    serializer.is_valid(raise_exception=True)
    return Response(status=204)


# --- password-out ---

HASH = of_user(shown=["id", "username", "password"])
WRITE_ONLY = of_user(shown=["id", "password"], extra_kwargs={"password": {"write_only": True}})


class WithUser(serializers.ModelSerializer[Note]):
    by = HASH()

    class Meta:
        model = Note
        fields = ["id", "by"]


class WithUsers(serializers.ModelSerializer[Project]):
    members = HASH(many=True, read_only=True)

    class Meta:
        model = Project
        fields = ["id", "members"]


class WithSafeUser(serializers.ModelSerializer[Note]):
    by = WRITE_ONLY()

    class Meta:
        model = Note
        fields = ["id", "by"]


class RenamedHash(serializers.ModelSerializer[User]):
    secret = serializers.CharField(source="password")

    class Meta:
        model = User
        fields = ["id", "secret"]


class TakenOut(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ["id", "password"]

    def to_representation(self, instance: Any) -> Any:
        shown = super().to_representation(instance)
        del shown["password"]
        return shown


class Login(serializers.Serializer[Any]):
    username = serializers.CharField()
    password = serializers.CharField()


class LoginView(Rest):
    def post(self, request: Request) -> Response:
        serializer = Login(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response({"token": "x"})


class Echo(Rest):
    def post(self, request: Request) -> Response:
        serializer = Login(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(serializer.data)


class MeView(Rest):
    def get(self, request: Request) -> Response:
        return Response(HASH(request.user).data)


class OwnAction(Docs):
    @action(detail=False)
    def people(self, request: Request) -> Response:
        found: QuerySet[User] = User.objects.all()
        return Response(HASH(found, many=True).data)


PRIVILEGED = {
    "is_staff": updating(STAFF),
    "is_staff at creation": creating(STAFF),
    "__all__ of the user model": updating(of_user(shown="__all__")),
    "groups": updating(of_user(shown=["groups"])),
    "under another name": updating(Renamed),
    "__all__ with an owner": updating(of(Note)),
    "by its name in the handler": listed(ByNameHere),
    "in a function": listed(by_function),
    "by action": routed(ByAction),
    "the owner, when it is changed": routed(OwnerByServerOnce),
}
HARMLESS = {
    "read_only_fields": updating(of_user(shown=["id", "is_staff"], read_only_fields=["is_staff"])),
    "extra_kwargs": updating(
        of_user(shown=["id", "is_staff"], extra_kwargs={"is_staff": {"read_only": True}})
    ),
    "a read-only field": updating(ReadOnlyField),
    "no unsafe route": routed(ReadsStaff),
    "other fields": updating(NameSerializer),
    "an owner that is named": updating(DocSerializer),
    "__all__, the owner read-only": updating(of(Note, read_only_fields=["by"])),
    "__all__, the owner hidden": updating(HiddenOwner),
    "__all__, the owner by the server": listed(OwnerByServer),
    "__all__ without an owner": updating(of(Group)),
    "nested, read-only": updating(NestedStaff),
    "only shown": listed(ShownHere),
    "by action, where it is read": routed(ByActionRead),
    "for staff alone": routed(ByCaller),
    "get_serializer takes it away": routed(Hardened),
}
GIVEN = {
    "the user model's": reading(HASH),
    "in a list": listing(HASH),
    "__all__": reading(of_user(shown="__all__")),
    "after an update": updating(HASH),
    "nested": reading(WithUser),
    "nested, many": reading(WithUsers),
    "by depth": reading(of(Note, shown=["id", "by"], depth=1)),
    "under another name": reading(RenamedHash),
    "by its name in the handler": listed(MeView),
    "in an action": routed(OwnAction),
    "what was sent": listed(Echo),
}
KEPT = {
    "write_only": updating(WRITE_ONLY),
    "write_only at creation": creating(WRITE_ONLY),
    "nested, write_only": reading(WithSafeUser),
    "other fields": reading(NameSerializer),
    "only taken": listed(LoginView),
    "taken out": reading(TakenOut),
    "no depth": reading(of(Note, shown=["id", "by"])),
    "depth to something else": reading(of(Note, shown=["id", "doc"], depth=0)),
}


@pytest.mark.parametrize(
    ("kind", "patterns", "expected"),
    [
        *asks("writable-privilege", found=PRIVILEGED, missed=HARMLESS),
        *asks("password-out", found=GIVEN, missed=KEPT),
    ],
)
def test_it_is_found_and_not_invented(kind: str, patterns: Any, expected: bool, settings: Any) -> None:
    assert (kind in facts(settings, patterns)) is expected


def test_it_says_which_handlers_and_fields_are_meant(settings: Any) -> None:
    fact = facts(settings, routed(ByAction))["writable-privilege"]
    assert (fact.methods, "is_staff" in fact.meaning) == (("update",), True)
    assert "read_only_fields" in fact.write
    fact = facts(settings, routed(OwnerByServerOnce))["writable-privilege"]
    assert (fact.methods, " by." in fact.meaning) == (("update", "partial_update"), True)
    assert "by.password" in facts(settings, reading(WithUser))["password-out"].meaning


def test_what_is_read_only_by_now_stays_so_in_the_line_to_write(settings: Any) -> None:
    patterns = updating(of_user(shown=["id", "email", "is_staff"], read_only_fields=["email"]))
    fact = facts(settings, patterns)["writable-privilege"]
    assert fact.write.endswith('read_only_fields = ["email", "is_staff"]')
