"""What a project with a replica serves in these tests."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ModelViewSet

from stockade.demo.articles.models import Article
from stockade.drf.mixins import PolicyMixin
from stockade.drf.serializers import StrictModelSerializer
from stockade.policy import Authenticated, Owner, Permission, Policy, Role
from stockade.web import protect
from stockade.web.health import readyz


def _view(policy: Policy) -> Any:
    @protect(policy=policy)
    def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"admitted": True})

    return view


class ArticleSerializer(StrictModelSerializer[Article]):
    class Meta:
        model = Article
        fields = ("title",)


class Articles(PolicyMixin, ModelViewSet[Article]):
    serializer_class = ArticleSerializer
    queryset = Article.objects.all()
    policy = Owner("author")

    def perform_create(self, serializer: Any) -> None:
        serializer.save(author=self.request.user)


router = SimpleRouter()
router.register("articles", Articles, basename="article")

urlpatterns = [
    path("private/", _view(Authenticated())),
    path("editors/", _view(Role("Editors"))),
    path("permitted/", _view(Permission("auth.view_group"))),
    path("", include(router.urls)),
    path("readyz", readyz),
    path("api/", include("stockade.drf.urls")),
    path("admin/", admin.site.urls),
]
