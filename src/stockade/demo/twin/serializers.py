"""What the twin takes in and gives out: the author is the server's."""

from __future__ import annotations

from rest_framework import serializers

from stockade.demo.articles.models import Article


class ArticleSerializer(serializers.ModelSerializer[Article]):
    """An article, its author by name."""

    author = serializers.ReadOnlyField(source="author.username")

    class Meta:
        model = Article
        fields = ("id", "title", "body", "author", "published", "created_at")
        read_only_fields = ("created_at",)
