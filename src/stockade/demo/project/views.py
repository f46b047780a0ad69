"""The reference API itself: articles that belong to somebody, and who the caller is."""

from __future__ import annotations

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework.filters import SearchFilter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet

from stockade.core.principal import Principal
from stockade.demo.articles.models import Article
from stockade.demo.project.filters import ArticleFilter
from stockade.demo.project.serializers import ArticleSerializer, ExportSerializer, ProfileSerializer
from stockade.drf.filters import ListedOrderingFilter
from stockade.drf.mixins import PolicyMixin
from stockade.drf.pagination import BoundedPageNumberPagination
from stockade.policy import Authenticated, Fresh, Owner, Public, Role, Scope


class Pages(BoundedPageNumberPagination):
    """Twenty a page, a hundred at most: who asks for more gets a hundred."""

    page_size = 20
    max_page_size = 100
    clamp = True


class ArticleViewSet(PolicyMixin, ModelViewSet[Article]):
    """Articles: what is published is everyone's to read, drafts are their author's, Admins may do everything."""

    queryset = Article.objects.select_related("author")
    serializer_class = ArticleSerializer
    pagination_class = Pages
    lookup_value_converter = "uuid"
    filter_backends = [ArticleFilter, SearchFilter, ListedOrderingFilter]
    search_fields = ["title", "body"]
    ordering_fields = ["created_at", "title"]

    visible = (Public(where=Q(published=True)) | Owner("author") | Role("Admins")) & Scope("articles:read")
    policy = {
        "list, retrieve": visible,
        "create": Role("Editors", "Admins") & Scope("articles:write"),
        "update, partial_update, destroy": (Role("Editors") & Owner("author") | Role("Admins"))
        & Scope("articles:write"),
    }
    limits = {"create": "60/hour"}

    def perform_create(self, serializer: BaseSerializer[Article]) -> None:
        """The author is who calls."""
        serializer.save(author=self.request.user)


class Profile(APIView):
    """Who is calling, by which scheme, with which roles and scopes."""

    policy = Authenticated()

    @extend_schema(responses=ProfileSerializer)
    def get(self, request: Request) -> Response:
        """The caller, as the server sees it."""
        principal: Principal = request.stockade.principal  # type: ignore[attr-defined]
        user, scopes, credential = principal.user, principal.scopes, principal.credential
        return Response(
            {
                "username": user.get_username() if user is not None else None,
                "email": user.email if user is not None else None,
                "service": principal.subject if user is None else None,
                "roles": sorted(principal.roles),
                "scopes": None if scopes is None else sorted(scopes),
                "scheme": credential.scheme if credential is not None else "",
            }
        )


class Export(APIView):
    """Everything that is the caller's, to take along. Whoever has stolen a token or a session does not get it all."""

    policy = Fresh("5m") & Scope("articles:read")
    most = 1000

    @extend_schema(responses=ExportSerializer)
    def get(self, request: Request) -> Response:
        """The caller's own articles, for somebody who has logged in within the last five minutes."""
        user = request.stockade.principal.user  # type: ignore[attr-defined]
        articles = Article.objects.filter(author=user).select_related("author").order_by("created_at", "pk")
        return Response({"articles": ArticleSerializer(articles[: self.most], many=True).data})
