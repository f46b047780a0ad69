"""The articles in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from stockade.demo.articles.models import Article

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Article]
else:
    Base = admin.ModelAdmin


@admin.register(Article)
class ArticleAdmin(Base):
    """For staff, who see everything anyway."""

    list_display = ("title", "author", "published", "created_at")
    list_filter = ("published", "author")
    search_fields = ("title",)
