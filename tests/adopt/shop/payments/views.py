from decimal import Decimal, InvalidOperation

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from orders.models import Order
from payments.models import Payment


class PaymentPage(LoginRequiredMixin, View):
    def get(self, request, number):
        order = get_object_or_404(Order, number=number, customer=request.user)
        return render(request, "payments/page.html", {"order": order})


@csrf_exempt
@require_POST
def payment_callback(request):
    """Called by the payment provider, with form data: order, reference, amount, state."""
    try:
        amount = Decimal(request.POST["amount"])
        reference = request.POST["reference"]
        number = request.POST["order"]
    except (KeyError, InvalidOperation):
        return HttpResponseBadRequest("bad callback")
    order = Order.objects.filter(number=number).first()
    if order is None:
        return HttpResponseBadRequest("unknown order")
    if request.POST.get("state") != "captured":
        return HttpResponse("ignored")
    _payment, created = Payment.objects.get_or_create(
        reference=reference, defaults={"order": order, "amount": amount}
    )
    if created and amount >= order.total and order.status == Order.Status.PENDING:
        order.status = Order.Status.PAID
        order.paid_at = timezone.now()
        order.save(update_fields=["status", "paid_at"])
    return HttpResponse("ok")
