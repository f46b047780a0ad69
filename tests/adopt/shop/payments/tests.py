from django.urls import reverse
from rest_framework.test import APIClient

from common.testing import ShopTestCase
from orders.models import Order
from payments.models import Payment


class CallbackTests(ShopTestCase):
    def setUp(self):
        super().setUp()
        self.order = Order.objects.get(pk=self.checkout(self.anna, (self.pot, 1)).json()["id"])
        self.provider = APIClient(enforce_csrf_checks=True)

    def call(self, **changes):
        data = {"order": self.order.number, "reference": "pp-1", "amount": "48.00", "state": "captured"}
        response = self.provider.post(reverse("payment-callback"), {**data, **changes}, format="multipart")
        self.order.refresh_from_db()
        return response

    def test_captured(self):
        self.assertEqual(self.call().content, b"ok")
        self.assertEqual(self.order.status, "paid")
        self.assertIsNotNone(self.order.paid_at)

    def test_repeated(self):
        self.call()
        self.assertEqual(self.call().status_code, 200)
        self.assertEqual(Payment.objects.count(), 1)

    def test_too_little(self):
        self.call(amount="1.00")
        self.assertEqual(self.order.status, "pending")

    def test_not_captured(self):
        self.assertEqual(self.call(state="failed").content, b"ignored")
        self.assertFalse(Payment.objects.exists())

    def test_nonsense(self):
        self.assertEqual(self.call(amount="a lot").status_code, 400)
        self.assertEqual(self.call(order="1999-1").status_code, 400)
        self.assertEqual(self.provider.get(reverse("payment-callback")).status_code, 405)


class PageTests(ShopTestCase):
    def setUp(self):
        super().setUp()
        self.number = self.checkout(self.anna, (self.pot, 1)).json()["number"]
        self.url = reverse("payment-page", args=[self.number])

    def test_mine(self):
        self.client.force_login(self.anna)
        self.assertContains(self.client.get(self.url), "48.00 EUR")

    def test_of_somebody_else(self):
        self.client.force_login(self.ben)
        self.assertEqual(self.client.get(self.url).status_code, 404)

    def test_visitor(self):
        self.assertRedirects(
            self.client.get(self.url),
            f"{reverse('admin:login')}?next={self.url}",
            fetch_redirect_response=False,
        )
