"""Lists: found where one request gets everything, or orders by anything, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from django_filters import CharFilter, FilterSet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.decorators import action
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.pagination import CursorPagination, LimitOffsetPagination, PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

from stockade.drf.filters import ListedOrderingFilter
from stockade.drf.pagination import BoundedLimitOffsetPagination
from tests.drf.survey.asking import at, facts, listed, routed
from tests.drf.survey.common import Docs, Generic, Pages, Rest
from tests.drf.survey.test_access import asks
from tests.policy_app.models import Doc


class Listing(Generic, ListAPIView[Doc]):
    pass


def lists(**attributes: Any) -> Any:
    """A list view with these attributes."""
    return listed(type("Listed", (Listing,), attributes))


class Limits(LimitOffsetPagination):
    default_limit = 20
    max_limit = 100


class AnyLimit(LimitOffsetPagination):
    default_limit = 20


class AnySize(PageNumberPagination):
    page_size = 20
    page_size_query_param = "size"


class Cursors(CursorPagination):
    page_size = 20


class OwnSize(PageNumberPagination):
    def get_page_size(self, request: Request) -> int:
        return 20


class OwnEndless(Docs):
    pagination_class = None

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.get_serializer(self.get_queryset(), many=True).data)


class OwnCut(Docs):
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.get_serializer(self.get_queryset()[:50], many=True).data)


class OwnPages(Docs):
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class OtherAction(Docs):
    @action(detail=False)
    def titles(self, request: Request) -> Response:
        return Response(["one"])


class Few(Rest):
    def get(self, request: Request) -> Response:
        return Response([doc.title for doc in Doc.objects.all()[:5]])


class AllColumns(FilterSet):
    class Meta:
        model = Doc
        fields = "__all__"
        exclude = ["extra"]


class AllButOne(FilterSet):
    class Meta:
        model = Doc
        exclude = ["extra"]


class ByHash(FilterSet):
    who = CharFilter(field_name="author__password", lookup_expr="startswith")


class SomeColumns(FilterSet):
    class Meta:
        model = Doc
        fields = ["title"]


ORDERING, FILTERING = [OrderingFilter], [DjangoFilterBackend]


@pytest.mark.parametrize(
    ("kind", "patterns", "expected"),
    [
        *asks(
            "unbounded-list",
            found={
                "no pagination": lists(pagination_class=None),
                "pages without a size": lists(pagination_class=PageNumberPagination),
                "limits without one": lists(pagination_class=LimitOffsetPagination),
                "limits that a client sets": lists(pagination_class=AnyLimit),
                "sizes that a client sets": lists(pagination_class=AnySize),
                "a viewset": routed(type("All", (Docs,), {"pagination_class": None})),
                "a list of its own": routed(OwnEndless),
            },
            missed={
                "pages": lists(),
                "limits": lists(pagination_class=Limits),
                "sizes that a client sets, bounded": lists(
                    pagination_class=type("Most", (AnySize,), {"max_page_size": 100})
                ),
                "ours": lists(pagination_class=BoundedLimitOffsetPagination),
                "cursors": lists(pagination_class=Cursors),
                "a size of its own": lists(pagination_class=OwnSize),
                "a size at the class": lists(pagination_class=type("Five", (Pages,), {"page_size": 5})),
                "a slice": routed(OwnCut),
                "pages by hand": routed(OwnPages),
                "a detail view": at(type("One", (Generic, RetrieveAPIView), {"pagination_class": None})),
                "an action that is no list": routed(OtherAction),
                "an APIView": listed(Few),
            },
        ),
        *asks(
            "order-by-anything",
            found={
                "ordering_fields": lists(filter_backends=ORDERING, ordering_fields="__all__"),
                "filterset_fields": lists(filter_backends=FILTERING, filterset_fields="__all__"),
                "a FilterSet": lists(filter_backends=FILTERING, filterset_class=AllColumns),
                "a backend of its own": lists(
                    filter_backends=[type("Ordered", (OrderingFilter,), {})], ordering_fields="__all__"
                ),
                "a viewset": routed(
                    type("Any", (Docs,), {"filter_backends": ORDERING, "ordering_fields": "__all__"})
                ),
                "a backend that says so": lists(
                    filter_backends=[type("Any", (OrderingFilter,), {"ordering_fields": "__all__"})]
                ),
                "a FilterSet of all but a few": lists(filter_backends=FILTERING, filterset_class=AllButOne),
                "an order by a hash": lists(filter_backends=ORDERING, ordering_fields=["author__password"]),
                "an order by a hash, and its name": lists(
                    filter_backends=ORDERING, ordering_fields=[("author__password", "author")]
                ),
                "a search in a hash": lists(
                    filter_backends=[SearchFilter], search_fields=["^author__password"]
                ),
                "a filter by a hash": lists(
                    filter_backends=FILTERING, filterset_fields={"author__password": ["startswith"]}
                ),
                "a filter by a hash under another name": lists(
                    filter_backends=FILTERING, filterset_class=ByHash
                ),
                "a search in a token": lists(
                    filter_backends=[SearchFilter], search_fields=["author__auth_token__key"]
                ),
            },
            missed={
                "named columns": lists(filter_backends=ORDERING, ordering_fields=["title"]),
                "columns that are shown": lists(filter_backends=ORDERING),
                "no such backend": lists(filter_backends=[SearchFilter], ordering_fields="__all__"),
                "no backend": lists(ordering_fields="__all__", filterset_fields="__all__"),
                "named filters": lists(filter_backends=FILTERING, filterset_fields=["title"]),
                "a FilterSet of named ones": lists(filter_backends=FILTERING, filterset_class=SomeColumns),
                "the FilterSet goes before": lists(
                    filter_backends=FILTERING, filterset_class=SomeColumns, filterset_fields="__all__"
                ),
                "ours, for which that is nothing": lists(
                    filter_backends=[ListedOrderingFilter], ordering_fields="__all__"
                ),
                "the view goes before its backend": lists(
                    filter_backends=[type("Any", (OrderingFilter,), {"ordering_fields": "__all__"})],
                    ordering_fields=["title"],
                ),
                "a search in a name": lists(
                    filter_backends=[SearchFilter], search_fields=["author__username"]
                ),
                "a search that nobody makes": lists(search_fields=["author__password"]),
                "the other backend": lists(filter_backends=FILTERING, ordering_fields="__all__"),
                "no list": at(
                    type(
                        "One",
                        (Generic, RetrieveAPIView),
                        {"filter_backends": ORDERING, "ordering_fields": "__all__"},
                    )
                ),
            },
        ),
    ],
)
def test_it_is_found_and_not_invented(kind: str, patterns: Any, expected: bool, settings: Any) -> None:
    assert (kind in facts(settings, patterns)) is expected
