from rest_framework import serializers

from catalog.models import Product
from orders.models import Coupon, Order, OrderItem, Return


class OrderItemSerializer(serializers.ModelSerializer):
    product = serializers.PrimaryKeyRelatedField(queryset=Product.objects.filter(active=True))
    name = serializers.CharField(source="product.name", read_only=True)

    class Meta:
        model = OrderItem
        fields = ["id", "product", "name", "quantity", "unit_price"]
        read_only_fields = ["unit_price"]


class OrderSerializer(serializers.ModelSerializer):
    items = OrderItemSerializer(many=True, read_only=True)

    class Meta:
        model = Order
        fields = ["id", "number", "status", "total", "ship_to", "created_at", "paid_at", "items"]


class LineSerializer(serializers.Serializer):
    product = serializers.PrimaryKeyRelatedField(queryset=Product.objects.filter(active=True))
    quantity = serializers.IntegerField(min_value=1, max_value=99)


class CheckoutSerializer(serializers.Serializer):
    lines = LineSerializer(many=True, allow_empty=False)
    ship_to = serializers.CharField(max_length=300, required=False, default="")
    coupon = serializers.CharField(max_length=20, required=False, default="")


class ReceiptSerializer(serializers.ModelSerializer):
    customer = serializers.EmailField(source="customer.email")
    name = serializers.CharField(source="customer.full_name")

    class Meta:
        model = Order
        fields = ["number", "customer", "name", "ship_to", "total", "paid_at"]


class CouponSerializer(serializers.ModelSerializer):
    class Meta:
        model = Coupon
        fields = "__all__"


class ReturnSerializer(serializers.ModelSerializer):
    class Meta:
        model = Return
        fields = ["id", "order", "customer", "reason", "status", "created_at"]
        read_only_fields = ["customer", "status"]

    def validate_order(self, order):
        if order.customer_id != self.context["request"].user.pk:
            raise serializers.ValidationError("That is not an order of yours.")
        return order
