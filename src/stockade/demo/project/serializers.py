"""What the reference API takes in and gives out. Unknown fields, and those that the server decides, are 400."""

from __future__ import annotations

from rest_framework import serializers

from stockade.demo.articles.models import Article
from stockade.drf.serializers import StrictModelSerializer


class ArticleSerializer(StrictModelSerializer):
    """An article, its author by name."""

    author = serializers.CharField(source="author.username", read_only=True)

    class Meta:
        model = Article
        fields = ("id", "title", "body", "author", "published", "created_at")
        read_only_fields = ("id", "created_at")


class ProfileSerializer(serializers.Serializer[object]):
    """The caller, as the server sees it."""

    username = serializers.CharField(read_only=True, allow_null=True)
    email = serializers.EmailField(read_only=True, allow_null=True)
    service = serializers.CharField(
        read_only=True, allow_null=True, help_text="a machine's name; null: the caller is a user"
    )
    roles = serializers.ListField(child=serializers.CharField(), read_only=True)
    scopes = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        allow_null=True,
        help_text="null: not bounded by scopes",
    )
    scheme = serializers.CharField(read_only=True)


class ExportSerializer(serializers.Serializer[object]):
    """What the caller may take along."""

    articles = ArticleSerializer(many=True, read_only=True)
