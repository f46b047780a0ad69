"""The guide's section 4, nearly word for word: a role for writing, and the owner of an object."""

from __future__ import annotations

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from stockade.demo.articles.models import Article


def _in_group(request: Request, *names: str) -> bool:
    return request.user.is_authenticated and request.user.groups.filter(name__in=names).exists()


class IsEditorOrReadOnly(BasePermission):
    """Anyone reads; Editors and Admins write."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the caller may use the endpoint at all."""
        return request.method in SAFE_METHODS or _in_group(request, "Editors", "Admins")


class IsOwner(BasePermission):
    """What is published is read by anyone; the rest belongs to its author and to Admins."""

    def has_object_permission(self, request: Request, view: APIView, obj: Article) -> bool:
        """Whether the caller may touch this one article."""
        if request.method in SAFE_METHODS and obj.published:
            return True
        return obj.author == request.user or _in_group(request, "Admins")
