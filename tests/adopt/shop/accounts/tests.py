from datetime import timedelta
from unittest import mock

from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate
from rest_framework.throttling import AnonRateThrottle, UserRateThrottle
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.models import Address, User
from accounts.views import ProfileView
from common.testing import PASSWORD, ShopTestCase


class UserModelTests(ShopTestCase):
    def test_email_is_the_username(self):
        self.assertIs(get_user_model(), User)
        self.assertEqual(User.objects.get_by_natural_key("ANNA@example.com"), self.anna)

    def test_create_user_needs_an_email(self):
        with self.assertRaises(ValueError):
            User.objects.create_user("", PASSWORD)

    def test_superuser(self):
        boss = User.objects.create_superuser("boss@shop.example", PASSWORD)
        self.assertTrue(boss.is_staff and boss.is_superuser)
        self.assertEqual(boss.get_short_name(), "boss@shop.example")


class LoginTests(ShopTestCase):
    def test_login_answers_tokens_and_user(self):
        data = self.tokens()
        self.assertEqual(set(data), {"access", "refresh", "user"})
        self.assertEqual(data["user"], {"id": str(self.anna.pk), "email": "anna@example.com"})

    def test_access_token_carries_our_claims(self):
        token = AccessToken(self.tokens()["access"])
        self.assertEqual(token["user_id"], str(self.anna.pk))
        self.assertEqual((token["email"], token["name"]), ("anna@example.com", "Anna Berg"))
        self.assertFalse(token["staff"])

    def test_login_ignores_case_of_email(self):
        self.assertIn("access", self.tokens("Anna@Example.com"))

    def test_wrong_password(self):
        response = self.client.post(reverse("login"), {"email": "anna@example.com", "password": "no"})
        self.assertEqual(response.status_code, 401)
        self.assertEqual(set(response.json()), {"detail"})

    def test_inactive_user_cannot_log_in(self):
        User.objects.filter(pk=self.anna.pk).update(is_active=False)
        response = self.client.post(reverse("login"), {"email": "anna@example.com", "password": PASSWORD})
        self.assertEqual(response.status_code, 401)

    def test_login_sets_last_login(self):
        self.tokens()
        self.anna.refresh_from_db()
        self.assertIsNotNone(self.anna.last_login)

    def test_sixth_login_in_a_minute_is_throttled(self):
        for _ in range(5):
            response = self.client.post(reverse("login"), {"email": "anna@example.com", "password": "no"})
            self.assertEqual(response.status_code, 401)
        response = self.client.post(reverse("login"), {"email": "anna@example.com", "password": PASSWORD})
        self.assertEqual(response.status_code, 429)
        self.assertIn("Retry-After", response)

    def test_mobile_login(self):
        for _ in range(8):  # a whole family behind one address
            response = self.client.post(
                reverse("mobile-login"), {"email": "ben@example.com", "password": PASSWORD}
            )
            self.assertEqual(response.status_code, 200)

    def test_bad_token(self):
        self.client.credentials(HTTP_AUTHORIZATION="Bearer nonsense")
        response = self.client.get(reverse("profile"))
        self.assertEqual(response.status_code, 401)
        self.assertEqual(response.json()["code"], "token_not_valid")
        self.assertEqual(response["WWW-Authenticate"], 'Bearer realm="api"')

    def test_expired_token(self):
        token = AccessToken.for_user(self.anna)
        token.set_exp(from_time=timezone.now() - timedelta(hours=1), lifetime=timedelta(minutes=15))
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        response = self.client.get(reverse("profile"))
        self.assertEqual(response.status_code, 401)

    def test_token_of_deactivated_user(self):
        self.login(self.anna)
        User.objects.filter(pk=self.anna.pk).update(is_active=False)
        response = self.client.get(reverse("profile"))
        self.assertEqual(response.status_code, 401)
        self.assertEqual(response.json()["code"], "user_inactive")


class RefreshTests(ShopTestCase):
    def refresh(self, token):
        return self.client.post(reverse("refresh"), {"refresh": token})

    def test_refresh_rotates(self):
        old = self.tokens()["refresh"]
        response = self.refresh(old)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(set(response.json()), {"access", "refresh"})
        self.assertNotEqual(response.json()["refresh"], old)

    def test_used_refresh_token_is_refused(self):
        old = self.tokens()["refresh"]
        new = self.refresh(old).json()["refresh"]
        again = self.refresh(old)
        self.assertEqual(again.status_code, 401)
        self.assertEqual(again.json()["code"], "token_not_valid")
        self.assertEqual(self.refresh(new).status_code, 200)

    def test_rotation_fills_the_blacklist(self):
        old = self.tokens()["refresh"]
        self.refresh(old)
        self.assertTrue(BlacklistedToken.objects.filter(token__jti=RefreshToken(old, verify=False)["jti"]))

    def test_new_access_token_works(self):
        access = self.refresh(self.tokens()["refresh"]).json()["access"]
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
        self.assertEqual(self.client.get(reverse("profile")).json()["email"], "anna@example.com")

    def test_access_token_does_not_refresh(self):
        self.assertEqual(self.refresh(self.tokens()["access"]).status_code, 401)

    def test_logout_blacklists(self):
        token = self.tokens()["refresh"]
        self.assertEqual(self.client.post(reverse("logout"), {"refresh": token}).status_code, 200)
        self.assertEqual(self.refresh(token).status_code, 401)

    def test_refresh_token_is_outstanding(self):
        self.tokens()
        self.assertEqual(OutstandingToken.objects.filter(user=self.anna).count(), 1)


class RegisterTests(ShopTestCase):
    def test_register_and_log_in(self):
        body = {"email": "Cleo@example.com", "full_name": "Cleo", "password": "a-long-enough-one"}
        response = self.client.post(reverse("register"), body)
        self.assertEqual(response.status_code, 201)
        self.assertNotIn("password", response.json())
        self.assertIn("access", self.tokens("cleo@example.com", "a-long-enough-one"))

    def test_address_is_taken(self):
        body = {"email": "ANNA@example.com", "password": "a-long-enough-one"}
        response = self.client.post(reverse("register"), body)
        self.assertEqual(response.status_code, 400)
        self.assertIn("email", response.json())

    def test_weak_password(self):
        response = self.client.post(reverse("register"), {"email": "d@example.com", "password": "12345678"})
        self.assertEqual(response.status_code, 400)
        self.assertFalse(User.objects.filter(email="d@example.com").exists())

    def test_register_makes_no_staff(self):
        body = {"email": "e@example.com", "password": "a-long-enough-one", "is_staff": True}
        self.client.post(reverse("register"), body)
        self.assertFalse(User.objects.get(email="e@example.com").is_staff)


class ProfileTests(ShopTestCase):
    def test_needs_login(self):
        self.assertEqual(self.client.get(reverse("profile")).status_code, 401)

    def test_read_and_change(self):
        self.login(self.anna)
        self.assertEqual(self.client.get(reverse("profile")).json()["id"], str(self.anna.pk))
        response = self.client.patch(reverse("profile"), {"full_name": "Anna Sund", "newsletter": True})
        self.assertEqual(response.status_code, 200)
        self.anna.refresh_from_db()
        self.assertEqual(self.anna.full_name, "Anna Sund")
        self.assertTrue(self.anna.newsletter)

    def test_password_hash_is_not_shown(self):
        self.assertNotIn("password", self.client_of(self.anna).get(reverse("profile")).json())

    def test_email_is_fixed(self):
        self.client_of(self.anna).patch(reverse("profile"), {"email": "other@example.com"})
        self.anna.refresh_from_db()
        self.assertEqual(self.anna.email, "anna@example.com")

    def test_view_by_itself(self):
        request = APIRequestFactory().get("/whatever/")
        force_authenticate(request, user=self.ben)
        response = ProfileView.as_view()(request)
        self.assertEqual(response.data["email"], "ben@example.com")

    def test_session_login_works_too(self):
        client = APIClient()
        self.assertTrue(client.login(email="anna@example.com", password=PASSWORD))
        self.assertEqual(client.get(reverse("profile")).status_code, 200)

    def test_session_needs_csrf_token(self):
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(self.anna)
        self.assertEqual(client.patch(reverse("profile"), {"full_name": "x"}).status_code, 403)


class PasswordChangeTests(ShopTestCase):
    body = {"old_password": PASSWORD, "new_password": "another long one"}

    def test_change(self):
        self.login(self.anna)
        self.assertEqual(self.client.post(reverse("password-change"), self.body).status_code, 204)
        self.client.credentials()
        self.assertIn("access", self.tokens(password="another long one"))

    def test_change_ends_refresh_tokens(self):
        refresh = self.tokens()["refresh"]
        self.login(self.anna)
        self.client.post(reverse("password-change"), self.body)
        self.assertEqual(self.client.post(reverse("refresh"), {"refresh": refresh}).status_code, 401)

    def test_old_password_must_be_right(self):
        response = self.client_of(self.anna).post(
            reverse("password-change"), {**self.body, "old_password": "no"}
        )
        self.assertEqual(response.status_code, 400)
        self.assertEqual(set(response.json()), {"old_password"})


class AddressTests(ShopTestCase):
    body = {"name": "Anna Berg", "street": "Lindenweg 3", "postcode": "20095", "city": "Hamburg"}

    def test_create_and_list(self):
        client = self.client_of(self.anna)
        self.assertEqual(client.post(reverse("address-list"), self.body).status_code, 201)
        Address.objects.create(user=self.ben, **self.body)
        rows = client.get(reverse("address-list")).json()
        self.assertEqual([row["user"] for row in rows], [str(self.anna.pk)])

    def test_change(self):
        address = Address.objects.create(user=self.anna, **self.body)
        url = reverse("address-detail", args=[address.pk])
        self.assertEqual(self.client_of(self.anna).patch(url, {"city": "Bremen"}).json()["city"], "Bremen")

    def test_delete(self):
        address = Address.objects.create(user=self.anna, **self.body)
        url = reverse("address-detail", args=[address.pk])
        self.assertEqual(self.client_of(self.anna).delete(url).status_code, 204)

    def test_one_default(self):
        first, second = (Address.objects.create(user=self.anna, **self.body) for _ in range(2))
        for address in (first, second):
            self.client_of(self.anna).post(reverse("address-make-default", args=[address.pk]))
        self.assertEqual(list(self.anna.addresses.filter(is_default=True)), [second])

    def test_needs_login(self):
        self.assertEqual(self.client.get(reverse("address-list")).status_code, 401)


class CustomerTests(ShopTestCase):
    def test_for_staff_only(self):
        self.assertEqual(self.client_of(self.anna).get(reverse("customer-list")).status_code, 403)

    def test_search(self):
        response = self.client_of(self.staff).get(reverse("customer-list"), {"search": "holm"})
        self.assertEqual([row["email"] for row in response.json()["results"]], ["ben@example.com"])

    def test_deactivate(self):
        url = reverse("customer-deactivate", args=[self.ben.pk])
        self.assertEqual(self.client_of(self.anna).post(url).status_code, 403)
        self.assertEqual(self.client_of(self.staff).post(url).status_code, 204)
        self.ben.refresh_from_db()
        self.assertFalse(self.ben.is_active)


class NewsletterTests(ShopTestCase):
    def test_subscribe(self):
        self.client.force_login(self.anna)
        response = self.client.post(reverse("newsletter"), {"subscribe": "1"}, format="multipart")
        self.assertEqual(response.json(), {"newsletter": True})

    def test_sends_to_login(self):
        response = self.client.post(reverse("newsletter"), {"subscribe": "1"}, format="multipart")
        self.assertEqual(response.status_code, 302)
        self.assertTrue(response["Location"].startswith(reverse("admin:login")))


class ThrottleTests(ShopTestCase):
    def test_anonymous_callers_share_an_address(self):
        with mock.patch.object(AnonRateThrottle, "THROTTLE_RATES", {"anon": "2/min"}):
            codes = [self.client.get(reverse("product-list")).status_code for _ in range(3)]
        self.assertEqual(codes, [200, 200, 429])

    def test_users_have_a_limit_each(self):
        with mock.patch.object(UserRateThrottle, "THROTTLE_RATES", {"user": "2/min"}):
            anna = [self.client_of(self.anna).get(reverse("profile")).status_code for _ in range(3)]
            ben = self.client_of(self.ben).get(reverse("profile")).status_code
        self.assertEqual((anna, ben), ([200, 200, 429], 200))


class AdminTests(ShopTestCase):
    def test_user_list(self):
        boss = User.objects.create_superuser("boss@shop.example", PASSWORD)
        self.client.force_login(boss)
        response = self.client.get(reverse("admin:accounts_user_changelist"))
        self.assertContains(response, "anna@example.com")

    @override_settings(ALLOWED_HOSTS=["other.example"])
    def test_foreign_host(self):
        self.assertEqual(self.client.get(reverse("health")).status_code, 400)

    def test_health(self):
        self.assertEqual(self.client.get(reverse("health")).json(), {"status": "ok"})
        self.assertEqual(self.client.post(reverse("health")).status_code, 405)

    def test_atomic_requests(self):
        self.assertTrue(settings.DATABASES["default"]["ATOMIC_REQUESTS"])
