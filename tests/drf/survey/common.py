"""What the small views of these tests are made of: permission classes, serializers, bases."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from rest_framework.authentication import SessionAuthentication
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import SAFE_METHODS, BasePermission, IsAuthenticated
from rest_framework.serializers import ModelSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet

from tests.policy_app.models import Doc


class IsOwner(BasePermission):
    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        return obj.author == request.user


class IsOwnerOrReadOnly(BasePermission):
    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        if request.method in SAFE_METHODS:
            return True
        return obj.author_id == request.user.pk


class IsMemberOfTheUrl(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return Doc.objects.filter(pk=view.kwargs["pk"], editors=request.user).exists()


class IsEditor(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return request.user.groups.filter(name="Editors").exists()


class Pages(PageNumberPagination):
    page_size = 10


class DocSerializer(ModelSerializer[Doc]):
    class Meta:
        model = Doc
        fields = ["id", "title", "author"]


class NameSerializer(ModelSerializer[User]):
    class Meta:
        model = User
        fields = ["id", "username"]


class Rest(APIView):
    """An APIView in a project whose REST_FRAMEWORK asks for a login."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [IsAuthenticated]


class Generic(Rest, GenericAPIView[Doc]):
    queryset = Doc.objects.all()
    serializer_class = DocSerializer
    pagination_class = Pages


class Docs(Generic, ModelViewSet[Doc]):
    """A viewset with nothing of its own but what a test gives it."""
