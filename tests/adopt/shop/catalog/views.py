from django.db import IntegrityError, transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticatedOrReadOnly
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.filters import ProductFilter
from catalog.models import Category, Product, Review
from catalog.serializers import (
    CategorySerializer,
    ProductSerializer,
    ReviewSerializer,
    StockAlertSerializer,
    StockSerializer,
)
from common.permissions import IsAuthorOrReadOnly


class CategoryViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Category.objects.all()
    serializer_class = CategorySerializer
    permission_classes = [AllowAny]
    pagination_class = None
    lookup_field = "slug"


class ProductViewSet(viewsets.ModelViewSet):
    queryset = Product.objects.select_related("category").filter(active=True)
    serializer_class = ProductSerializer
    filterset_class = ProductFilter
    search_fields = ["name", "sku", "description"]
    ordering_fields = "__all__"

    def get_permissions(self):
        if self.action in ("list", "retrieve", "alert"):
            return [AllowAny()]
        return [IsAdminUser()]

    def perform_destroy(self, instance):
        # Old orders still point at it.
        instance.active = False
        instance.save(update_fields=["active"])

    @extend_schema(request=StockAlertSerializer, responses={201: StockAlertSerializer})
    @action(detail=True, methods=["post"])
    def alert(self, request, pk=None):
        serializer = StockAlertSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        serializer.save(product=self.get_object())
        return Response(serializer.data, status=status.HTTP_201_CREATED)


class ReviewViewSet(viewsets.ModelViewSet):
    queryset = Review.objects.select_related("author")
    serializer_class = ReviewSerializer
    permission_classes = [IsAuthenticatedOrReadOnly, IsAuthorOrReadOnly]
    pagination_class = None  # the product page shows all of them
    filterset_fields = ["product", "rating"]
    ordering_fields = ["created_at", "rating"]

    def perform_create(self, serializer):
        try:
            with transaction.atomic():
                serializer.save(author=self.request.user)
        except IntegrityError:
            raise ValidationError({"product": ["You have reviewed this product already."]}) from None


class AvailabilityView(APIView):
    """Asked by price comparison sites."""

    permission_classes = [AllowAny]

    @extend_schema(responses=StockSerializer)
    def get(self, request, sku):
        product = get_object_or_404(Product, sku=sku)
        return Response({"sku": product.sku, "stock": product.stock, "available": product.stock > 0})


@extend_schema(
    parameters=[OpenApiParameter("q", str)],
    responses={200: {"type": "array", "items": {"type": "string"}}},
)
@api_view(["GET"])
@permission_classes([AllowAny])
def suggest(request):
    term = request.query_params.get("q", "")
    if len(term) < 2:
        return Response([])
    names = Product.objects.filter(active=True, name__istartswith=term).values_list("name", flat=True)
    return Response(list(names[:10]))


@extend_schema(request=StockSerializer, responses=StockSerializer)
@api_view(["POST"])
@permission_classes([])
def update_stock(request, sku):
    """The warehouse reports its counts at night."""
    serializer = StockSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    product = get_object_or_404(Product, sku=sku)
    product.stock = serializer.validated_data["stock"]
    product.save(update_fields=["stock"])
    return Response({"stock": product.stock})
