from unittest import mock

from django.core.cache import cache
from rest_framework.authtoken.models import Token
from rest_framework.test import APITestCase
from rest_framework.throttling import AnonRateThrottle, UserRateThrottle

from members.tests.people import PASSWORD, member


class TokenTests(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana = member()

    def test_every_member_has_a_token_and_a_card(self):
        self.assertTrue(Token.objects.filter(user=self.ana).exists())
        self.assertEqual(self.ana.membership.card_number, f"LIB{self.ana.pk:09d}")

    def test_the_phone_app_gets_the_token(self):
        answer = self.client.post("/api/token/", {"username": "ana", "password": PASSWORD})
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer.json(), {"token": self.ana.auth_token.key})

    def test_the_token_opens_the_profile(self):
        self.client.credentials(HTTP_AUTHORIZATION=f"Token {self.ana.auth_token.key}")
        answer = self.client.get("/api/me/")
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer.json()["username"], "ana")

    def test_a_wrong_password_gets_none(self):
        answer = self.client.post("/api/token/", {"username": "ana", "password": "no"})
        self.assertEqual(answer.status_code, 400)
        self.assertIn("non_field_errors", answer.json())

    def test_a_wrong_token_is_refused(self):
        self.client.credentials(HTTP_AUTHORIZATION="Token 0123456789012345678901234567890123456789")
        answer = self.client.get("/api/me/")
        self.assertEqual(answer.status_code, 401)
        self.assertEqual(answer["WWW-Authenticate"], "Token")
        self.assertEqual(answer.json(), {"detail": "Invalid token."})

    def test_a_member_who_left_is_refused(self):
        self.ana.is_active = False
        self.ana.save()
        self.client.credentials(HTTP_AUTHORIZATION=f"Token {self.ana.auth_token.key}")
        self.assertEqual(self.client.get("/api/me/").status_code, 401)

    def test_nobody_is_asked_to_log_in(self):
        answer = self.client.get("/api/me/")
        self.assertEqual(answer.status_code, 401)
        self.assertEqual(answer.json(), {"detail": "Authentication credentials were not provided."})


class ThrottleTests(APITestCase):
    def setUp(self):
        cache.clear()
        self.addCleanup(cache.clear)

    def test_visitors_are_slowed_down(self):
        with mock.patch.object(AnonRateThrottle, "THROTTLE_RATES", {"anon": "3/min"}):
            statuses = [self.client.get("/api/books/").status_code for _ in range(4)]
        self.assertEqual(statuses, [200, 200, 200, 429])

    def test_members_are_slowed_down(self):
        self.client.force_authenticate(member())
        with mock.patch.object(UserRateThrottle, "THROTTLE_RATES", {"user": "2/min"}):
            answers = [self.client.get("/api/books/") for _ in range(3)]
        self.assertEqual([answer.status_code for answer in answers], [200, 200, 429])
        self.assertGreater(int(answers[-1]["Retry-After"]), 0)

    def test_the_app_may_ask_for_its_token_again_and_again(self):
        member()
        with mock.patch.object(AnonRateThrottle, "THROTTLE_RATES", {"anon": "3/min"}):
            for _ in range(5):
                answer = self.client.post("/api/token/", {"username": "ana", "password": PASSWORD})
                self.assertEqual(answer.status_code, 200)
