from django.contrib.auth.models import User
from django.core.cache import cache
from rest_framework.test import APIClient, APITestCase

from members.tests.people import PASSWORD, member

APP = "/_allauth/app/v1/auth"
BROWSER = "/_allauth/browser/v1"


class AppTests(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana = member()

    def setUp(self):
        cache.clear()

    def log_in(self):
        answer = self.client.post(f"{APP}/login", {"username": "ana", "password": PASSWORD})
        self.assertEqual(answer.status_code, 200)
        return answer.json()["meta"]["session_token"]

    def test_the_session_token_opens_the_api(self):
        token = self.log_in()
        answer = self.client.get("/api/me/", HTTP_X_SESSION_TOKEN=token)
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer.json()["username"], "ana")

    def test_the_session_token_writes_without_a_csrf_token(self):
        client = APIClient(enforce_csrf_checks=True)
        answer = client.patch("/api/me/", {"first_name": "Ana"}, HTTP_X_SESSION_TOKEN=self.log_in())
        self.assertEqual(answer.status_code, 200)

    def test_a_wrong_session_token_is_nobody(self):
        answer = self.client.get("/api/me/", HTTP_X_SESSION_TOKEN="x" * 32)
        self.assertEqual(answer.status_code, 401)

    def test_logging_out_ends_the_session_token(self):
        token = self.log_in()
        self.client.delete(f"{APP}/session", HTTP_X_SESSION_TOKEN=token)
        self.assertEqual(self.client.get("/api/me/", HTTP_X_SESSION_TOKEN=token).status_code, 401)

    def test_a_wrong_password_says_what_is_wrong(self):
        answer = self.client.post(f"{APP}/login", {"username": "ana", "password": "no"})
        self.assertEqual(answer.status_code, 400)
        self.assertEqual(answer.json()["errors"][0]["code"], "username_password_mismatch")

    def test_who_signs_up_gets_a_card(self):
        form = {"username": "eva", "email": "eva@library.example", "password": PASSWORD}
        answer = self.client.post(f"{APP}/signup", form)
        self.assertEqual(answer.status_code, 200)
        self.assertTrue(User.objects.get(username="eva").membership.card_number)


class BrowserTests(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana = member()

    def setUp(self):
        cache.clear()
        self.client = APIClient(enforce_csrf_checks=True)

    def test_the_browser_logs_in_with_cookies(self):
        self.assertEqual(self.client.get(f"{BROWSER}/auth/session").status_code, 401)
        token = self.client.cookies["csrftoken"].value
        answer = self.client.post(
            f"{BROWSER}/auth/login", {"username": "ana", "password": PASSWORD}, HTTP_X_CSRFTOKEN=token
        )
        self.assertEqual(answer.status_code, 200)
        self.assertTrue(answer.json()["meta"]["is_authenticated"])
        self.assertEqual(self.client.get("/api/me/").json()["username"], "ana")

    def test_the_browser_needs_its_csrf_token(self):
        answer = self.client.post(f"{BROWSER}/auth/login", {"username": "ana", "password": PASSWORD})
        self.assertEqual(answer.status_code, 403)
