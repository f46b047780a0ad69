from django.db import IntegrityError, transaction
from django.db.models import F
from rest_framework.exceptions import ValidationError

from catalog.models import Product
from common.exceptions import Conflict
from orders.models import Coupon, Order, OrderItem, Redemption


def place_order(customer, lines, ship_to="", coupon_code=""):
    """Relies on ATOMIC_REQUESTS: whatever is raised takes the whole order back."""
    order = Order.objects.create(customer=customer, ship_to=ship_to)
    for line in lines:
        product, quantity = line["product"], line["quantity"]
        OrderItem.objects.create(order=order, product=product, quantity=quantity, unit_price=product.price)
        taken = Product.objects.filter(pk=product.pk, stock__gte=quantity).update(stock=F("stock") - quantity)
        if not taken:
            raise ValidationError({"lines": [f"{product.name}: only {product.stock} left."]})
        order.total += product.price * quantity
    if coupon_code:
        redeem(order, coupon_code)
    order.save(update_fields=["total"])
    return order


def redeem(order, code):
    coupon = Coupon.objects.filter(code__iexact=code, active=True).first()
    if coupon is None:
        raise ValidationError({"coupon": ["There is no such coupon."]})
    try:
        with transaction.atomic():
            Redemption.objects.create(coupon=coupon, customer=order.customer, order=order)
    except IntegrityError:
        raise Conflict("You have used this coupon already.") from None
    order.total = round(order.total * (100 - coupon.percent) / 100, 2)


def cancel(order):
    if order.status not in (Order.Status.PENDING, Order.Status.PAID):
        raise Conflict("The parcel has left.")
    for item in order.items.all():
        Product.objects.filter(pk=item.product_id).update(stock=F("stock") + item.quantity)
    order.status = Order.Status.CANCELLED
    order.save(update_fields=["status"])
