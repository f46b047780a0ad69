"""Narrows the list of articles; runs after the policy, so that it never meets what the caller may not see."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.serializers import BooleanField, CharField
from rest_framework.views import APIView


class ArticleFilter(BaseFilterBackend):
    """`?author=` by name, `?published=true|false`."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        """The articles that fit.

        Raises:
            ValidationError: a value that no article could have.
        """
        author = _clean(request, "author", CharField(max_length=150))
        published = _clean(request, "published", BooleanField())
        if author is not None:
            queryset = queryset.filter(author__username=author)
        if published is not None:
            queryset = queryset.filter(published=published)
        return queryset

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """For the OpenAPI document."""
        return [
            {
                "name": "author",
                "in": "query",
                "required": False,
                "schema": {"type": "string", "minLength": 1, "maxLength": 150},
            },
            {"name": "published", "in": "query", "required": False, "schema": {"type": "boolean"}},
        ]


def _clean(request: Request, name: str, field: CharField | BooleanField) -> Any:
    given = request.query_params.get(name)
    if given is None:
        return None
    try:
        return field.run_validation(given)
    except ValidationError as error:
        raise ValidationError({name: error.detail}) from None
