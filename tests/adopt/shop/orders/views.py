import csv

from django.db.models import Count, Sum
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAdminUser, IsAuthenticated
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication

from accounts.authentication import QueryTokenAuthentication
from common.exceptions import Conflict
from common.permissions import IsOwner
from orders import services
from orders.models import Coupon, Order, OrderItem, Return
from orders.serializers import (
    CheckoutSerializer,
    CouponSerializer,
    OrderItemSerializer,
    OrderSerializer,
    ReceiptSerializer,
    ReturnSerializer,
)


class OrderViewSet(mixins.UpdateModelMixin, viewsets.ReadOnlyModelViewSet):
    serializer_class = OrderSerializer
    permission_classes = [IsAuthenticated, IsOwner | IsAdminUser]
    http_method_names = ["get", "patch", "post", "head", "options"]
    filterset_fields = ["status"]
    search_fields = ["number"]
    ordering_fields = ["created_at", "total"]

    def get_queryset(self):
        orders = Order.objects.prefetch_related("items__product")
        if getattr(self, "swagger_fake_view", False):
            return orders.none()
        if self.request.user.is_staff:
            return orders
        return orders.filter(customer=self.request.user)

    def get_serializer(self, *args, **kwargs):
        serializer = super().get_serializer(*args, **kwargs)
        if self.action == "partial_update":
            for name in ("status", "total", "paid_at"):
                serializer.fields[name].read_only = True
        return serializer

    def perform_update(self, serializer):
        if serializer.instance.status != Order.Status.PENDING:
            raise Conflict("The address of a paid order is fixed.")
        serializer.save()

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], permission_classes=[IsAdminUser])
    def ship(self, request, pk=None):
        order = self.get_object()
        if order.status != Order.Status.PAID:
            raise Conflict("It is not paid.")
        order.status = Order.Status.SHIPPED
        order.save(update_fields=["status"])
        return Response(self.get_serializer(order).data)


@extend_schema(parameters=[OpenApiParameter("order_pk", OpenApiTypes.UUID, OpenApiParameter.PATH)])
class OrderItemViewSet(viewsets.ModelViewSet):
    """The lines of an order that is not paid yet: orders/{id}/items/."""

    serializer_class = OrderItemSerializer
    http_method_names = ["get", "post", "delete", "head", "options"]

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return OrderItem.objects.none()
        return OrderItem.objects.filter(
            order_id=self.kwargs["order_pk"], order__customer=self.request.user
        ).select_related("product")

    def perform_create(self, serializer):
        order = get_object_or_404(Order, pk=self.kwargs["order_pk"], customer=self.request.user)
        if order.status != Order.Status.PENDING:
            raise Conflict("The order is closed.")
        product = serializer.validated_data["product"]
        order.total += product.price * serializer.validated_data["quantity"]
        order.save(update_fields=["total"])
        serializer.save(order=order, unit_price=product.price)

    def perform_destroy(self, instance):
        order = instance.order
        if order.status != Order.Status.PENDING:
            raise Conflict("The order is closed.")
        order.total -= instance.unit_price * instance.quantity
        order.save(update_fields=["total"])
        instance.delete()


class CheckoutView(APIView):
    @extend_schema(request=CheckoutSerializer, responses={201: OrderSerializer})
    def post(self, request):
        serializer = CheckoutSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        order = services.place_order(request.user, data["lines"], data["ship_to"], data["coupon"])
        return Response(OrderSerializer(order).data, status=status.HTTP_201_CREATED)


class CancelOrderView(APIView):
    permission_classes = [IsAuthenticated, IsOwner]

    def get_object(self, pk):
        try:
            return Order.objects.get(pk=pk)
        except Order.DoesNotExist:
            raise Http404 from None

    @extend_schema(request=None, responses=OrderSerializer)
    def post(self, request, pk):
        order = self.get_object(pk)
        services.cancel(order)
        return Response(OrderSerializer(order).data)


class ReceiptView(APIView):
    @extend_schema(responses=ReceiptSerializer)
    def get(self, request, number):
        try:
            order = Order.objects.select_related("customer").get(number=number)
        except Order.DoesNotExist:
            raise NotFound("There is no such order.") from None
        return Response(ReceiptSerializer(order).data)


@extend_schema(request=None, responses={201: OrderSerializer})
@api_view(["POST"])
def reorder(request, pk):
    """The same again, at the prices of today."""
    old = get_object_or_404(Order, pk=pk, customer=request.user)
    lines = [{"product": item.product, "quantity": item.quantity} for item in old.items.all()]
    order = services.place_order(request.user, lines, old.ship_to)
    return Response(OrderSerializer(order).data, status=status.HTTP_201_CREATED)


class OrderExportView(APIView):
    """Everything a customer ever bought, as a spreadsheet; slow, so three times an hour."""

    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "export"

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request):
        orders = Order.objects.filter(customer_id=request.auth["user_id"]).order_by("number")
        response = HttpResponse(content_type="text/csv")
        response["Content-Disposition"] = 'attachment; filename="orders.csv"'
        writer = csv.writer(response)
        writer.writerow(["number", "status", "total"])
        for order in orders:
            writer.writerow([order.number, order.status, order.total])
        return response


class InvoiceDownloadView(APIView):
    """Linked from order mails as /api/invoices/2026-00042/?token=..."""

    authentication_classes = [QueryTokenAuthentication, JWTAuthentication]

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request, number):
        order = get_object_or_404(request.user.orders, number=number)
        text = f"Invoice {order.number}\n\nTo: {order.ship_to}\nTotal: {order.total} EUR\n"
        return HttpResponse(text, content_type="text/plain; charset=utf-8")


@extend_schema(responses={200: OpenApiTypes.OBJECT})
@api_view(["GET"])
@permission_classes([IsAdminUser])
def stats(request):
    rows = Order.objects.order_by("status").values("status").annotate(orders=Count("id"), sum=Sum("total"))
    return Response({row["status"]: {"orders": row["orders"], "sum": row["sum"]} for row in rows})


class CouponViewSet(viewsets.ModelViewSet):
    queryset = Coupon.objects.all()
    serializer_class = CouponSerializer
    permission_classes = [IsAdminUser]


class ReturnViewSet(
    mixins.CreateModelMixin, mixins.RetrieveModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet
):
    queryset = Return.objects.select_related("order")
    serializer_class = ReturnSerializer
    permission_classes = [IsAuthenticated, IsOwner]
    filterset_fields = ["status", "order"]
    ordering_fields = ["created_at"]

    def perform_create(self, serializer):
        serializer.save(customer=self.request.user)


class ReturnLabelView(APIView):
    permission_classes = [IsAuthenticated, IsOwner]

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request, pk):
        parcel = get_object_or_404(Return, pk=pk)
        self.check_object_permissions(request, parcel)
        return Response({"order": parcel.order.number, "label": f"RET-{parcel.pk:06d}"})
