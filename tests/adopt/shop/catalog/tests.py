from decimal import Decimal

import yaml
from django.urls import reverse

from catalog.models import Product, Review, StockAlert
from common.testing import ShopTestCase


class ProductTests(ShopTestCase):
    def names(self, **query):
        response = self.client.get(reverse("product-list"), query)
        self.assertEqual(response.status_code, 200, response.content)
        return [row["name"] for row in response.json()["results"]]

    def test_everybody_reads(self):
        self.assertEqual(self.names(), ["Iron pot", "Sencha"])

    def test_purchase_price_is_not_shown(self):
        response = self.client.get(reverse("product-detail", args=[self.pot.pk]))
        self.assertNotIn("purchase_price", response.json())

    def test_ordering(self):
        self.assertEqual(self.names(ordering="price"), ["Sencha", "Iron pot"])
        self.assertEqual(self.names(ordering="-price"), ["Iron pot", "Sencha"])

    def test_filters(self):
        self.assertEqual(self.names(max_price="10"), ["Sencha"])
        self.assertEqual(self.names(category="pots"), ["Iron pot"])
        Product.objects.filter(pk=self.pot.pk).update(stock=0)
        self.assertEqual(self.names(in_stock="true"), ["Sencha"])

    def test_search(self):
        self.assertEqual(self.names(search="iron"), ["Iron pot"])

    def test_pages(self):
        for n in range(30):
            Product.objects.create(sku=f"t-{n}", name=f"Tea {n:02d}", category=self.tea, price=1)
        page = self.client.get(reverse("product-list"), {"page_size": 10, "page": 2}).json()
        self.assertEqual((page["count"], len(page["results"])), (32, 10))
        self.assertIn("page=3", page["next"])
        self.assertEqual(self.client.get(reverse("product-list"), {"page": 9}).status_code, 404)

    def test_customers_do_not_write(self):
        body = {"sku": "x", "name": "X", "category": "tea", "price": "1.00"}
        self.assertEqual(self.client.post(reverse("product-list"), body).status_code, 401)
        self.assertEqual(self.client_of(self.anna).post(reverse("product-list"), body).status_code, 403)

    def test_staff_write(self):
        body = {"sku": "x", "name": "X", "category": "tea", "price": "1.00"}
        self.login(self.staff)
        response = self.client.post(reverse("product-list"), body)
        self.assertEqual(response.status_code, 201)
        url = reverse("product-detail", args=[response.json()["id"]])
        self.assertEqual(self.client.patch(url, {"price": "2.00"}).json()["price"], "2.00")

    def test_delete_hides(self):
        url = reverse("product-detail", args=[self.pot.pk])
        self.assertEqual(self.client_of(self.staff).delete(url).status_code, 204)
        self.assertEqual(self.client.get(url).status_code, 404)
        self.assertTrue(Product.objects.filter(pk=self.pot.pk, active=False).exists())

    def test_alert(self):
        response = self.client.post(
            reverse("product-alert", args=[self.pot.pk]), {"email": "who@example.com"}
        )
        self.assertEqual(response.status_code, 201)
        self.assertEqual(StockAlert.objects.get().product, self.pot)

    def test_categories(self):
        self.assertEqual(
            [row["slug"] for row in self.client.get(reverse("category-list")).json()], ["pots", "tea"]
        )
        self.assertEqual(self.client.get(reverse("category-detail", args=["tea"])).json()["name"], "Tea")

    def test_browsable_api(self):
        response = self.client.get(reverse("product-list"), HTTP_ACCEPT="text/html")
        self.assertEqual(response["Content-Type"], "text/html; charset=utf-8")
        self.assertContains(response, "<h1>Product List</h1>", html=True)
        self.assertNotContains(response, 'name="sku"')  # no form for visitors

    def test_browsable_api_has_a_form_for_staff(self):
        self.client.force_login(self.staff)
        response = self.client.get(reverse("product-list"), HTTP_ACCEPT="text/html")
        self.assertContains(response, 'name="sku"')


class ReviewTests(ShopTestCase):
    def test_write_and_read(self):
        body = {"product": self.pot.pk, "rating": 4, "text": "Heavy."}
        self.login(self.anna)
        self.assertEqual(self.client.post(reverse("review-list"), body).status_code, 201)
        self.client.credentials()
        rows = self.client.get(reverse("review-list"), {"product": self.pot.pk}).json()
        self.assertEqual([(row["author"], row["rating"]) for row in rows], [("Anna", 4)])

    def test_visitors_do_not_write(self):
        body = {"product": self.pot.pk, "rating": 4}
        self.assertEqual(self.client.post(reverse("review-list"), body).status_code, 401)

    def test_once(self):
        Review.objects.create(product=self.pot, author=self.anna, rating=1)
        body = {"product": self.pot.pk, "rating": 5}
        response = self.client_of(self.anna).post(reverse("review-list"), body)
        self.assertEqual(response.status_code, 400)
        self.assertEqual(Review.objects.get().rating, 1)

    def test_only_the_author_changes(self):
        review = Review.objects.create(product=self.pot, author=self.anna, rating=1)
        url = reverse("review-detail", args=[review.pk])
        self.assertEqual(self.client_of(self.ben).patch(url, {"rating": 5}).status_code, 403)
        self.assertEqual(self.client_of(self.anna).patch(url, {"rating": 2}).status_code, 200)

    def test_rating_range(self):
        response = self.client_of(self.anna).post(
            reverse("review-list"), {"product": self.pot.pk, "rating": 6}
        )
        self.assertEqual(set(response.json()), {"rating"})

    def test_ordering(self):
        Review.objects.create(product=self.pot, author=self.anna, rating=1)
        Review.objects.create(product=self.pot, author=self.ben, rating=5)
        rows = self.client.get(reverse("review-list"), {"ordering": "-rating"}).json()
        self.assertEqual([row["rating"] for row in rows], [5, 1])


class FunctionViewTests(ShopTestCase):
    def test_suggest(self):
        self.assertEqual(self.client.get(reverse("suggest"), {"q": "sen"}).json(), ["Sencha"])
        self.assertEqual(self.client.get(reverse("suggest"), {"q": "s"}).json(), [])
        self.assertEqual(self.client.post(reverse("suggest")).status_code, 405)

    def test_availability(self):
        response = self.client.get(reverse("availability", args=["sencha-100"]))
        self.assertEqual(response.json(), {"sku": "sencha-100", "stock": 20, "available": True})
        self.assertEqual(self.client.get(reverse("availability", args=["no"])).status_code, 404)

    def test_warehouse_count(self):
        response = self.client.post(reverse("update-stock", args=["sencha-100"]), {"stock": 7})
        self.assertEqual(response.json(), {"stock": 7})
        self.sencha.refresh_from_db()
        self.assertEqual(self.sencha.stock, 7)

    def test_warehouse_count_is_not_negative(self):
        response = self.client.post(reverse("update-stock", args=["sencha-100"]), {"stock": -1})
        self.assertEqual(response.status_code, 400)

    def test_price_is_a_decimal(self):
        price = self.client.get(reverse("product-detail", args=[self.sencha.pk])).json()["price"]
        self.assertEqual(Decimal(price), self.sencha.price)


class SchemaTests(ShopTestCase):
    def test_schema(self):
        schema = yaml.safe_load(self.client.get(reverse("schema")).content)
        self.assertEqual(schema["info"]["title"], "Shop API")
        self.assertIn("/api/orders/{order_pk}/items/", schema["paths"])
        operation = schema["paths"]["/api/orders/checkout/"]["post"]
        self.assertIn({"jwtAuth": []}, operation["security"])

    def test_public_operations(self):
        schema = self.client.get(reverse("schema"), {"format": "json"}).json()
        self.assertIn({}, schema["paths"]["/api/products/"]["get"]["security"])
        self.assertNotIn({}, schema["paths"]["/api/orders/"]["get"]["security"])

    def test_docs(self):
        self.assertContains(self.client.get(reverse("docs")), "swagger-ui")

    def test_root(self):
        response = self.client_of(self.anna).get("/api/")
        self.assertEqual(response.json()["products"], "http://testserver/api/products/")
