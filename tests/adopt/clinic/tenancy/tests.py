import asyncio
import base64
import hashlib
import secrets
from urllib.parse import parse_qs, urlsplit

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django_tenants.test.cases import FastTenantTestCase
from django_tenants.test.client import TenantClient
from oauth2_provider.models import AccessToken, Application
from rest_framework.test import APIClient

from tenancy.models import Clinic
from tenancy.testing import (
    PASSWORD,
    ClinicTestCase,
    ClinicTransactionTestCase,
    bearer,
    host,
    make_application,
    make_patient,
    make_token,
    make_user,
)

User = get_user_model()


class SubdomainTests(ClinicTestCase):
    def test_each_subdomain_is_its_clinic(self):
        for schema in ["north", "south"]:
            response = self.client.get("/api/clinic/", headers={"host": host(schema)})
            self.assertEqual(response.json()["name"], f"{schema.title()} Clinic")

    def test_unknown_subdomain_is_not_found(self):
        response = self.client.get("/api/clinic/", headers={"host": host("west")})
        self.assertEqual(response.status_code, 404)

    def test_health_needs_nobody(self):
        self.assertEqual(self.client.get("/healthz").json(), {"status": "ok"})

    def test_health_is_only_read(self):
        self.assertEqual(self.client.post("/healthz").status_code, 405)

    def test_patients_stay_in_their_clinic(self):
        make_patient("N-1")
        with self.south:
            make_patient("S-1")
            make_patient("S-2")
        nurse = make_user("nora")
        listed = self.client.get("/api/patients/", headers=bearer(nurse)).json()
        self.assertEqual([patient["mrn"] for patient in listed["results"]], ["N-1"])

    def test_the_first_user_of_each_clinic_has_a_row_of_her_own(self):
        make_user("nora")
        with self.south:
            self.assertFalse(User.objects.filter(username="nora").exists())

    def test_a_session_is_of_one_clinic(self):
        self.client.force_login(make_user("nora"))
        self.assertEqual(self.client.get("/api/me/").status_code, 200)
        self.assertEqual(self.client.get("/api/me/", headers={"host": host("south")}).status_code, 401)

    def test_no_migration_is_missing(self):
        connection.set_schema_to_public()
        call_command(
            "makemigrations", "tenancy", "accounts", "patients", check=True, dry_run=True, verbosity=0
        )


class CorsTests(ClinicTestCase):
    origin = "https://app.north-clinic.example"

    def test_the_web_app_may_call_the_api(self):
        response = self.client.get("/api/clinic/", headers={"origin": self.origin})
        self.assertEqual(response["access-control-allow-origin"], self.origin)
        self.assertEqual(response["access-control-allow-credentials"], "true")

    def test_preflight_names_the_header_of_tokens(self):
        response = self.client.options(
            "/api/patients/",
            headers={
                "origin": self.origin,
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization",
            },
        )
        self.assertIn("authorization", response["access-control-allow-headers"])

    def test_pages_are_not_for_other_origins(self):
        response = self.client.get("/login/", headers={"origin": self.origin})
        self.assertNotIn("access-control-allow-origin", response)


class ClientCredentialsTests(ClinicTestCase):
    def ask(self, application, **fields):
        basic = base64.b64encode(f"{application.client_id}:{application.secret}".encode()).decode()
        return self.client.post(
            reverse("oauth2_provider:token"),
            {"grant_type": "client_credentials", **fields},
            format="multipart",
            headers={"authorization": f"Basic {basic}"},
        )

    def test_a_client_gets_a_token_of_its_scope(self):
        issued = self.ask(make_application(), scope="results").json()
        self.assertEqual(issued["scope"], "results")
        self.assertEqual(issued["expires_in"], 900)
        response = self.client.get(
            "/api/results/", headers={"authorization": f"Bearer {issued['access_token']}"}
        )
        self.assertEqual(response.status_code, 200)

    def test_a_wrong_secret_gets_none(self):
        application = make_application()
        application.secret += "x"
        self.assertEqual(self.ask(application).status_code, 401)

    def test_an_unknown_scope_gets_none(self):
        self.assertEqual(self.ask(make_application(), scope="everything").json()["error"], "invalid_scope")

    def test_a_client_is_registered_for_all_clinics(self):
        application = make_application()
        self.client = APIClient(headers={"host": host("south")})
        self.assertEqual(self.ask(application, scope="reports").status_code, 200)

    def test_a_client_is_not_a_user(self):
        issued = self.ask(make_application(), scope="read").json()
        headers = {"authorization": f"Bearer {issued['access_token']}"}
        self.assertEqual(self.client.get("/api/me/", headers=headers).status_code, 403)


class AuthorizationCodeTests(ClinicTestCase):
    redirect = "https://app.example.test/callback"

    def setUp(self):
        super().setUp()
        self.application = make_application(
            client_type=Application.CLIENT_PUBLIC,
            authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
            redirect_uris=self.redirect,
            skip_authorization=True,
        )
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def authorize(self, **changes):
        query = {
            "response_type": "code",
            "client_id": self.application.client_id,
            "redirect_uri": self.redirect,
            "scope": "read write",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        return self.client.get(
            reverse("oauth2_provider:authorize"), {name: value for name, value in query.items() if value}
        )

    def redeem(self, code, verifier=None):
        form = {
            "grant_type": "authorization_code",
            "client_id": self.application.client_id,
            "redirect_uri": self.redirect,
            "code": code,
            "code_verifier": verifier or self.verifier,
        }
        return self.client.post(reverse("oauth2_provider:token"), form, format="multipart")

    def code(self):
        response = self.authorize()
        self.assertEqual(response.status_code, 302)
        return parse_qs(urlsplit(response["location"]).query)["code"][0]

    def test_whoever_is_not_signed_in_is_asked_to(self):
        response = self.authorize()
        self.assertTrue(response["location"].startswith("/login/?next="))

    def test_the_whole_way_from_the_login_form_to_the_api(self):
        make_user("nora")
        response = self.client.post("/login/", {"username": "nora", "password": PASSWORD}, format="multipart")
        self.assertEqual(response.status_code, 302)
        issued = self.redeem(self.code()).json()
        app = APIClient(headers={"host": host("north"), "authorization": f"Bearer {issued['access_token']}"})
        self.assertEqual(
            app.get("/api/whoami/").json(),
            {"id": User.objects.get().pk, "username": "nora", "clinic": "north", "scopes": ["read", "write"]},
        )

    def test_a_code_without_its_verifier_is_worth_nothing(self):
        self.client.force_login(make_user("nora"))
        response = self.redeem(self.code(), verifier=secrets.token_urlsafe(48))
        self.assertEqual(response.json()["error"], "invalid_grant")

    def test_a_request_without_a_challenge_is_refused(self):
        self.client.force_login(make_user("nora"))
        response = self.authorize(code_challenge=None, code_challenge_method=None)
        self.assertIn("error=invalid_request", response["location"])

    def test_a_refresh_token_is_used_once(self):
        self.client.force_login(make_user("nora"))
        issued = self.redeem(self.code()).json()
        form = {
            "grant_type": "refresh_token",
            "client_id": self.application.client_id,
            "refresh_token": issued["refresh_token"],
        }
        first = self.client.post(reverse("oauth2_provider:token"), form, format="multipart")
        again = self.client.post(reverse("oauth2_provider:token"), form, format="multipart")
        self.assertEqual([first.status_code, again.status_code], [200, 400])

    def test_a_revoked_token_ends(self):
        self.client.force_login(make_user("nora"))
        issued = self.redeem(self.code()).json()
        form = {"client_id": self.application.client_id, "token": issued["access_token"]}
        self.client.post(reverse("oauth2_provider:revoke-token"), form, format="multipart")
        app = APIClient(headers={"host": host("north"), "authorization": f"Bearer {issued['access_token']}"})
        self.assertEqual(app.get("/api/whoami/").status_code, 401)


class TokenTests(ClinicTestCase):
    def test_an_expired_token_is_refused(self):
        nurse = make_user("nora")
        response = self.client.get("/api/whoami/", headers=bearer(nurse, seconds=-1))
        self.assertEqual(response.status_code, 401)

    def test_the_tokens_of_a_removed_user_go_with_her(self):
        nurse = make_user("nora")
        make_token(nurse)
        nurse.delete()
        self.assertFalse(AccessToken.objects.exists())


class AdminTests(FastTenantTestCase):
    """Each clinic has an admin site of its own, for its own superusers."""

    @classmethod
    def get_test_schema_name(cls):
        return "north"

    @classmethod
    def get_test_tenant_domain(cls):
        return host("north")

    def setUp(self):
        self.client = TenantClient(self.tenant)
        make_user("manager", is_staff=True, is_superuser=True)

    def test_a_manager_signs_in_and_finds_her_staff(self):
        self.assertTrue(self.client.login(username="manager", password=PASSWORD))
        self.assertContains(self.client.get("/admin/accounts/user/"), "manager@example.test")

    def test_a_manager_finds_her_patients(self):
        make_patient("N-7")
        self.client.login(username="manager", password=PASSWORD)
        self.assertContains(self.client.get("/admin/patients/patient/?q=N-7"), "Moreau")

    def test_the_clinics_are_not_in_her_admin(self):
        self.client.login(username="manager", password=PASSWORD)
        self.assertEqual(self.client.get("/admin/tenancy/clinic/").status_code, 403)

    def test_a_nurse_is_not_let_in(self):
        make_user("nora")
        self.client.login(username="nora", password=PASSWORD)
        self.assertEqual(self.client.get("/admin/accounts/user/").status_code, 302)


class PublicTests(ClinicTestCase):
    """The bare domain is the operators'."""

    def setUp(self):
        super().setUp()
        connection.set_schema_to_public()
        public, _ = Clinic.objects.get_or_create(schema_name="public", defaults={"name": "Operators"})
        public.domains.create(domain="example.test", is_primary=True)
        self.client = APIClient(headers={"host": "example.test"})

    def test_operators_see_the_clinics(self):
        self.client.force_login(make_user("operator", is_staff=True, is_superuser=True))
        self.assertContains(self.client.get("/admin/tenancy/clinic/"), "South Clinic")

    def test_there_is_no_api(self):
        self.assertEqual(self.client.get("/api/clinic/").status_code, 404)


class AsgiTests(ClinicTransactionTestCase):
    async def test_the_application_answers(self):
        """Through config.asgi itself, as a server calls it."""
        from config.asgi import application

        sent = []
        received = asyncio.Queue()
        await received.put({"type": "http.request", "body": b""})
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "https",
            "path": "/healthz",
            "query_string": b"",
            "headers": [(b"host", b"north.example.test")],
            "server": ("testserver", 443),
        }

        async def send(message):
            sent.append(message)

        await asyncio.wait_for(application(scope, received.get, send), 10)
        self.assertEqual(sent[0]["status"], 200)
        self.assertEqual(sent[1]["body"], b'{"status": "ok"}')
