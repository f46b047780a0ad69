from decimal import Decimal

from django.core.cache import cache
from django.urls import reverse
from rest_framework.test import APIClient, APITestCase

from accounts.models import User
from catalog.models import Category, Product

PASSWORD = "correct horse battery"


class ShopTestCase(APITestCase):
    """Two customers, an employee, two products; `login` logs in as the storefront does."""

    @classmethod
    def setUpTestData(cls):
        cls.anna = User.objects.create_user("anna@example.com", PASSWORD, full_name="Anna Berg")
        cls.ben = User.objects.create_user("ben@example.com", PASSWORD, full_name="Ben Holm")
        cls.staff = User.objects.create_user("staff@shop.example", PASSWORD, is_staff=True)
        cls.tea = Category.objects.create(name="Tea", slug="tea")
        cls.pots = Category.objects.create(name="Pots", slug="pots")
        cls.sencha = Product.objects.create(
            sku="sencha-100", name="Sencha", category=cls.tea, price=Decimal("9.50"), stock=20
        )
        cls.pot = Product.objects.create(
            sku="pot-1l", name="Iron pot", category=cls.pots, price=Decimal("48.00"), stock=2
        )

    def setUp(self):
        cache.clear()  # the throttles

    def tokens(self, email="anna@example.com", password=PASSWORD):
        response = self.client.post(reverse("login"), {"email": email, "password": password})
        self.assertEqual(response.status_code, 200, response.content)
        return response.json()

    def login(self, user):
        access = self.tokens(user.email)["access"]
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")

    def client_of(self, user):
        client = APIClient()
        client.force_authenticate(user=user, token={"user_id": str(user.pk)})
        return client

    def checkout(self, user, *lines, **more):
        body = {"lines": [{"product": product.pk, "quantity": n} for product, n in lines], **more}
        return self.client_of(user).post(reverse("checkout"), body)
