"""The views of the twin: profile and articles."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet

from stockade.demo.articles.models import Article
from stockade.demo.twin.permissions import IsEditorOrReadOnly, IsOwner
from stockade.demo.twin.serializers import ArticleSerializer


class Pages(PageNumberPagination):
    """Twenty a page, a hundred at most."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100


class Profile(APIView):
    """Who the caller is, as the guide has it."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        """The caller's name and roles."""
        user = request.user
        roles = sorted(user.groups.values_list("name", flat=True))
        return Response(
            {"username": user.get_username(), "email": getattr(user, "email", ""), "roles": roles}
        )


class ArticleViewSet(ModelViewSet[Article]):
    """Articles, guarded by the guide's permissions."""

    queryset = Article.objects.select_related("author")
    serializer_class = ArticleSerializer
    permission_classes = [IsEditorOrReadOnly, IsOwner]
    pagination_class = Pages
    filter_backends = [SearchFilter, OrderingFilter]
    search_fields = ["title", "body"]
    ordering_fields = ["created_at", "title"]

    def get_queryset(self) -> QuerySet[Article]:
        """All articles, narrowed by `?author=` and `?published=`."""
        articles = super().get_queryset()
        author, published = (self.request.query_params.get(name) for name in ("author", "published"))
        if author is not None:
            articles = articles.filter(author__username=author)
        if published is not None:
            articles = articles.filter(published=published.lower() == "true")
        return articles

    def perform_create(self, serializer: BaseSerializer[Article]) -> None:
        """The author is who calls."""
        serializer.save(author=self.request.user)


def healthz(request: HttpRequest) -> HttpResponse:
    """The server answers."""
    return HttpResponse("ok\n", content_type="text/plain")
