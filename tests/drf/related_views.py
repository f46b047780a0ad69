"""Notes on documents: what is open is everyone's to see, the rest its author's; notes are for whoever has logged in."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.urls import include, path
from rest_framework import serializers
from rest_framework.parsers import FormParser
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ModelViewSet

from stockade.drf.mixins import PolicyMixin
from stockade.drf.parsers import StrictJSONParser
from stockade.policy import Authenticated, Owner, Public
from tests.policy_app.models import Doc, Note

seen = Public(where=Q(published=True)) | Owner("author")


class DocSerializer(serializers.ModelSerializer[Doc]):
    class Meta:
        model = Doc
        fields = ("id", "title")


class Docs(PolicyMixin, ModelViewSet[Doc]):
    """Says by its policy alone what may be seen, and makes its queryset for each request."""

    serializer_class = DocSerializer
    policy = {"list, retrieve": seen, "update, partial_update, destroy": Owner("author")}

    def get_queryset(self) -> QuerySet[Doc]:
        return Doc.every.order_by("pk")


class NoteSerializer(serializers.ModelSerializer[Note]):
    """Every way that a serializer has to tell of one other object."""

    slug = serializers.SlugRelatedField[Doc](source="doc", slug_field="title", read_only=True)
    text_of = serializers.StringRelatedField[Doc](source="doc")
    nested = DocSerializer(source="doc", read_only=True)
    dotted = serializers.CharField(source="doc.title", read_only=True)
    further = serializers.CharField(source="doc.parent.title", read_only=True, default="nothing")
    by_name = serializers.CharField(source="by.username", read_only=True, default=None)

    class Meta:
        model = Note
        fields = ("id", "text", "doc", "slug", "text_of", "nested", "dotted", "further", "by_name")


class Notes(PolicyMixin, ModelViewSet[Note]):
    queryset = Note.objects.order_by("pk")
    serializer_class = NoteSerializer
    parser_classes = [StrictJSONParser, FormParser]  # the browsable API shows forms only where one is read
    policy = Authenticated()


class FamilySerializer(serializers.ModelSerializer[Doc]):
    """And of many."""

    nested = DocSerializer(source="children", many=True, read_only=True)

    class Meta:
        model = Doc
        fields = ("id", "children", "nested", "parent")
        read_only_fields = ("children",)


class Families(PolicyMixin, ModelViewSet[Doc]):
    queryset = Doc.every.order_by("pk")
    serializer_class = FamilySerializer
    policy = seen


class OddFamilySerializer(serializers.ModelSerializer[Doc]):
    """By ways that are no relation's field."""

    listed = serializers.ListField(child=serializers.CharField(), source="children.all", read_only=True)
    number = serializers.IntegerField(source="children.count", read_only=True)
    first = serializers.CharField(source="children.first.title", read_only=True, default="nothing")
    nested_first = DocSerializer(source="children.first", read_only=True)
    fetched = DocSerializer(many=True, read_only=True)  # by Prefetch(..., to_attr=...)
    few = DocSerializer(source="few_children", many=True, read_only=True)

    class Meta:
        model = Doc
        fields = ("id", "listed", "number", "first", "nested_first", "fetched", "few")


class OddFamilies(PolicyMixin, ModelViewSet[Doc]):
    queryset = Doc.every.prefetch_related(
        Prefetch("children", queryset=Doc.every.order_by("pk"), to_attr="fetched")
    ).order_by("pk")
    serializer_class = OddFamilySerializer
    policy = seen


class BundleSerializer(serializers.Serializer[Any]):
    """Refers to several from within lists and maps."""

    docs = serializers.ListField(
        child=serializers.PrimaryKeyRelatedField(queryset=Doc.every.all()), required=False
    )
    by_name = serializers.DictField(
        child=serializers.ListField(
            child=serializers.SlugRelatedField(slug_field="title", queryset=Doc.every.all())
        ),
        required=False,
    )

    def create(self, validated_data: Any) -> Any:
        return Doc.every.none()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return {}


class Bundles(PolicyMixin, ModelViewSet[Doc]):
    queryset = Doc.every.order_by("pk")
    serializer_class = BundleSerializer
    policy = {"create": Authenticated()}


class OwnNoteSerializer(serializers.ModelSerializer[Note]):
    class Meta:
        model = Note
        fields = ("id", "text", "doc", "by")


class OwnNotes(PolicyMixin, ModelViewSet[Note]):
    """Takes one or many at once."""

    queryset = Note.objects.order_by("pk")
    serializer_class = OwnNoteSerializer
    policy = {"create": Owner("by")}

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        if isinstance(kwargs.get("data"), list):
            kwargs["many"] = True
        return super().get_serializer(*args, **kwargs)


router = SimpleRouter()
router.register("docs", Docs, basename="doc")
router.register("notes", Notes, basename="note")
router.register("families", Families, basename="family")
router.register("odd_families", OddFamilies, basename="odd_family")
router.register("bundles", Bundles, basename="bundle")
router.register("own_notes", OwnNotes, basename="own_note")

urlpatterns = [path("", include(router.urls))]
