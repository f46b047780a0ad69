from decimal import Decimal
from io import StringIO

from django.core.management import call_command
from django.test import TransactionTestCase
from django.urls import reverse
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from accounts.models import User
from catalog.models import Category, Product
from common.testing import ShopTestCase
from orders.models import Coupon, Order, OrderItem, Redemption, Return
from orders.views import OrderExportView, reorder


class CheckoutTests(ShopTestCase):
    def test_checkout(self):
        self.login(self.anna)
        body = {"lines": [{"product": self.sencha.pk, "quantity": 2}], "ship_to": "Lindenweg 3"}
        response = self.client.post(reverse("checkout"), body)
        self.assertEqual(response.status_code, 201)
        self.assertEqual(response.json()["total"], "19.00")
        self.sencha.refresh_from_db()
        self.assertEqual(self.sencha.stock, 18)

    def test_numbers_count_up(self):
        first, second = (self.checkout(self.anna, (self.sencha, 1)).json()["number"] for _ in range(2))
        self.assertEqual(int(second.split("-")[1]), int(first.split("-")[1]) + 1)

    def test_visitors_do_not_order(self):
        self.assertEqual(self.client.post(reverse("checkout"), {"lines": []}).status_code, 401)

    def test_empty_cart(self):
        self.assertEqual(self.checkout(self.anna).status_code, 400)

    def test_out_of_stock_takes_everything_back(self):
        response = self.checkout(self.anna, (self.sencha, 1), (self.pot, 3))
        self.assertEqual(response.status_code, 400)
        self.assertEqual(response.json(), {"lines": ["Iron pot: only 2 left."]})
        self.assertFalse(Order.objects.exists())
        self.sencha.refresh_from_db()
        self.assertEqual(self.sencha.stock, 20)

    def test_coupon(self):
        Coupon.objects.create(code="SPRING", percent=10)
        response = self.checkout(self.anna, (self.pot, 1), coupon="spring")
        self.assertEqual(response.json()["total"], "43.20")
        self.assertEqual(Redemption.objects.get().customer, self.anna)

    def test_coupon_once_and_the_second_order_is_rolled_back(self):
        Coupon.objects.create(code="SPRING", percent=10)
        self.checkout(self.anna, (self.pot, 1), coupon="SPRING")
        response = self.checkout(self.anna, (self.pot, 1), coupon="SPRING")
        self.assertEqual(response.status_code, 409)
        self.assertEqual(Order.objects.count(), 1)
        self.pot.refresh_from_db()
        self.assertEqual(self.pot.stock, 1)

    def test_unknown_coupon(self):
        response = self.checkout(self.anna, (self.pot, 1), coupon="NO")
        self.assertEqual(response.status_code, 400)
        self.assertFalse(OrderItem.objects.exists())


class OrderTests(ShopTestCase):
    def setUp(self):
        super().setUp()
        self.mine = Order.objects.get(pk=self.checkout(self.anna, (self.sencha, 1)).json()["id"])
        self.other = Order.objects.get(pk=self.checkout(self.ben, (self.pot, 1)).json()["id"])

    def test_list_shows_my_orders(self):
        self.login(self.anna)
        rows = self.client.get(reverse("order-list")).json()["results"]
        self.assertEqual([row["number"] for row in rows], [self.mine.number])

    def test_staff_see_all(self):
        self.login(self.staff)
        self.assertEqual(self.client.get(reverse("order-list")).json()["count"], 2)
        url = reverse("order-detail", args=[self.mine.pk])
        self.assertEqual(self.client.get(url).json()["number"], self.mine.number)

    def test_order_of_somebody_else_is_not_found(self):
        url = reverse("order-detail", args=[self.other.pk])
        self.assertEqual(self.client_of(self.anna).get(url).status_code, 404)

    def test_filter_and_order(self):
        Order.objects.filter(pk=self.other.pk).update(status="paid")
        client = self.client_of(self.staff)
        rows = client.get(reverse("order-list"), {"status": "paid"}).json()["results"]
        self.assertEqual([row["id"] for row in rows], [str(self.other.pk)])
        rows = client.get(reverse("order-list"), {"ordering": "total"}).json()["results"]
        self.assertEqual([row["total"] for row in rows], ["9.50", "48.00"])

    def test_customer_changes_the_address_only(self):
        url = reverse("order-detail", args=[self.mine.pk])
        response = self.client_of(self.anna).patch(url, {"ship_to": "Hafen 1", "status": "paid", "total": 0})
        self.assertEqual(response.status_code, 200)
        self.mine.refresh_from_db()
        self.assertEqual((self.mine.ship_to, self.mine.status), ("Hafen 1", "pending"))
        self.assertEqual(self.mine.total, Decimal("9.50"))

    def test_put_and_delete_are_not_allowed(self):
        url = reverse("order-detail", args=[self.mine.pk])
        self.assertEqual(self.client_of(self.anna).put(url, {}).status_code, 405)
        self.assertEqual(self.client_of(self.anna).delete(url).status_code, 405)

    def test_ship(self):
        url = reverse("order-ship", args=[self.mine.pk])
        self.assertEqual(self.client_of(self.anna).post(url).status_code, 403)
        self.assertEqual(self.client_of(self.staff).post(url).status_code, 409)
        Order.objects.filter(pk=self.mine.pk).update(status="paid")
        self.assertEqual(self.client_of(self.staff).post(url).json()["status"], "shipped")

    def test_cancel_gives_the_stock_back(self):
        self.login(self.anna)
        response = self.client.post(reverse("order-cancel", args=[self.mine.pk]))
        self.assertEqual(response.json()["status"], "cancelled")
        self.sencha.refresh_from_db()
        self.assertEqual(self.sencha.stock, 20)
        again = self.client.post(reverse("order-cancel", args=[self.mine.pk]))
        self.assertEqual(again.status_code, 409)

    def test_reorder(self):
        response = self.client_of(self.anna).post(reverse("order-reorder", args=[self.mine.pk]))
        self.assertEqual(response.status_code, 201)
        self.assertNotEqual(response.json()["number"], self.mine.number)
        foreign = self.client_of(self.anna).post(reverse("order-reorder", args=[self.other.pk]))
        self.assertEqual(foreign.status_code, 404)

    def test_reorder_by_itself(self):
        request = APIRequestFactory().post("/x/")
        force_authenticate(request, user=self.anna)
        self.assertEqual(reorder(request, pk=self.mine.pk).status_code, 201)

    def test_receipt(self):
        self.login(self.anna)
        data = self.client.get(reverse("receipt", args=[self.mine.number])).json()
        self.assertEqual((data["customer"], data["total"]), ("anna@example.com", "9.50"))
        self.assertEqual(self.client.get(reverse("receipt", args=["2000-1"])).status_code, 404)

    def test_stats(self):
        self.assertEqual(self.client_of(self.anna).get(reverse("order-stats")).status_code, 403)
        data = self.client_of(self.staff).get(reverse("order-stats")).json()
        self.assertEqual(data["pending"]["orders"], 2)


class ItemTests(ShopTestCase):
    def setUp(self):
        super().setUp()
        self.mine = Order.objects.get(pk=self.checkout(self.anna, (self.sencha, 1)).json()["id"])
        self.url = reverse("order-items", args=[self.mine.pk])

    def test_list(self):
        self.assertEqual(self.client_of(self.anna).get(self.url).json()["count"], 1)
        self.assertEqual(self.client_of(self.ben).get(self.url).json()["count"], 0)

    def test_add(self):
        self.login(self.anna)
        response = self.client.post(self.url, {"product": self.pot.pk, "quantity": 1})
        self.assertEqual(response.status_code, 201)
        self.mine.refresh_from_db()
        self.assertEqual(self.mine.total, Decimal("57.50"))

    def test_add_to_the_order_of_somebody_else(self):
        response = self.client_of(self.ben).post(self.url, {"product": self.pot.pk, "quantity": 1})
        self.assertEqual(response.status_code, 404)

    def test_remove(self):
        url = reverse("order-item", args=[self.mine.pk, self.mine.items.get().pk])
        self.assertEqual(self.client_of(self.ben).delete(url).status_code, 404)
        self.assertEqual(self.client_of(self.anna).delete(url).status_code, 204)
        self.mine.refresh_from_db()
        self.assertEqual(self.mine.total, 0)

    def test_constraint_rolls_the_total_back(self):
        client = APIClient(raise_request_exception=False)
        client.force_authenticate(self.anna)
        with self.assertLogs("django.request", "ERROR"):
            response = client.post(self.url, {"product": self.pot.pk, "quantity": 0})
        self.assertEqual(response.status_code, 500)
        self.mine.refresh_from_db()
        self.assertEqual((self.mine.total, self.mine.items.count()), (Decimal("9.50"), 1))


class RollbackTests(TransactionTestCase):
    """With real transactions, not the savepoints of TestCase."""

    def test_nothing_of_a_refused_order_is_committed(self):
        anna = User.objects.create_user("anna@example.com", "x")
        tea = Category.objects.create(name="Tea", slug="tea")
        sencha = Product.objects.create(sku="s", name="Sencha", category=tea, price=1, stock=5)
        Coupon.objects.create(code="OLD", percent=5, active=False)
        client = APIClient()
        client.force_authenticate(anna)
        body = {"lines": [{"product": sencha.pk, "quantity": 5}], "coupon": "OLD"}
        self.assertEqual(client.post(reverse("checkout"), body).status_code, 400)
        sencha.refresh_from_db()
        self.assertEqual((sencha.stock, Order.objects.count()), (5, 0))


class ExportTests(ShopTestCase):
    def test_export_of_the_token_s_user(self):
        self.checkout(self.anna, (self.sencha, 1))
        self.checkout(self.ben, (self.pot, 1))
        self.login(self.anna)
        response = self.client.get(reverse("order-export"))
        self.assertEqual(response["Content-Type"], "text/csv")
        lines = response.content.decode().splitlines()
        self.assertEqual(lines[0], "number,status,total")
        self.assertEqual([line.split(",", 1)[1] for line in lines[1:]], ["pending,9.50"])

    def test_fourth_export_in_an_hour_is_throttled(self):
        self.login(self.anna)
        codes = [self.client.get(reverse("order-export")).status_code for _ in range(4)]
        self.assertEqual(codes, [200, 200, 200, 429])

    def test_view_by_itself(self):
        request = APIRequestFactory().get("/x/")
        force_authenticate(request, user=self.ben, token={"user_id": str(self.ben.pk)})
        response = OrderExportView.as_view()(request)
        self.assertEqual(response.content.decode().splitlines(), ["number,status,total"])


class InvoiceTests(ShopTestCase):
    def setUp(self):
        super().setUp()
        self.number = self.checkout(self.anna, (self.pot, 1), ship_to="Lindenweg 3").json()["number"]
        self.url = reverse("invoice", args=[self.number])

    def test_header(self):
        self.login(self.anna)
        self.assertContains(self.client.get(self.url), "Total: 48.00 EUR")

    def test_link_from_an_old_mail(self):
        access = self.tokens("anna@example.com")["access"]
        self.assertContains(self.client.get(self.url, {"token": access}), "Lindenweg 3")

    def test_link_of_somebody_else(self):
        access = self.tokens("ben@example.com")["access"]
        self.assertEqual(self.client.get(self.url, {"token": access}).status_code, 404)

    def test_broken_link(self):
        self.assertEqual(self.client.get(self.url, {"token": "x.y.z"}).status_code, 401)
        self.assertEqual(self.client.get(self.url).status_code, 401)


class ReturnTests(ShopTestCase):
    def setUp(self):
        super().setUp()
        self.mine = Order.objects.get(pk=self.checkout(self.anna, (self.pot, 1)).json()["id"])

    def test_create_and_list(self):
        self.login(self.anna)
        body = {"order": str(self.mine.pk), "reason": "The lid does not fit."}
        response = self.client.post(reverse("return-list"), body)
        self.assertEqual(response.status_code, 201)
        rows = self.client.get(reverse("return-list")).json()["results"]
        self.assertEqual([row["reason"] for row in rows], ["The lid does not fit."])

    def test_order_must_be_mine(self):
        body = {"order": str(self.mine.pk), "reason": "I want money."}
        response = self.client_of(self.ben).post(reverse("return-list"), body)
        self.assertEqual(response.status_code, 400)

    def test_detail_is_for_the_owner(self):
        parcel = Return.objects.create(order=self.mine, customer=self.anna, reason="x")
        url = reverse("return-detail", args=[parcel.pk])
        self.assertEqual(self.client_of(self.anna).get(url).status_code, 200)
        self.assertEqual(self.client_of(self.ben).get(url).status_code, 403)

    def test_label(self):
        parcel = Return.objects.create(order=self.mine, customer=self.anna, reason="x")
        url = reverse("return-label", args=[parcel.pk])
        self.assertEqual(self.client_of(self.anna).get(url).json()["order"], self.mine.number)
        self.assertEqual(self.client_of(self.ben).get(url).status_code, 403)


class CouponTests(ShopTestCase):
    def test_staff_only(self):
        body = {"code": "AUTUMN", "percent": 15}
        self.assertEqual(self.client_of(self.anna).post(reverse("coupon-list"), body).status_code, 403)
        self.assertEqual(self.client_of(self.staff).post(reverse("coupon-list"), body).status_code, 201)


class SchemaCommandTests(ShopTestCase):
    def test_no_warnings(self):
        out = StringIO()
        call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
        self.assertIn("/api/orders/{id}/ship/", out.getvalue())
