"""What the tests of all apps share: two clinics, people, clients and tokens."""

import datetime
import secrets

from django.db import connection
from django.test import AsyncClient, TestCase, TransactionTestCase
from django.utils import timezone
from oauth2_provider.models import AccessToken, Application
from rest_framework.test import APIClient

from accounts.models import User
from patients.models import Patient
from tenancy.models import Clinic

CLINICS = ["north", "south"]
PASSWORD = "a long enough phrase"


def host(schema):
    return f"{schema}.example.test"


def make_user(username, **fields):
    names = {"first_name": username.title(), "last_name": "Example"}
    return User.objects.create_user(username, f"{username}@example.test", PASSWORD, **names, **fields)


def make_patient(mrn="N-1", **fields):
    names = {"first_name": "Ada", "last_name": "Moreau", "born_on": datetime.date(1980, 5, 17)}
    return Patient.objects.create(mrn=mrn, **{**names, **fields})


def make_application(**fields):
    """A registered client; `application.secret` is what it sends."""
    secret = secrets.token_urlsafe(24)
    application = Application.objects.create(
        **{
            "name": "Test client",
            "client_type": Application.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": Application.GRANT_CLIENT_CREDENTIALS,
            "client_secret": secret,
            **fields,
        }
    )
    application.secret = secret
    return application


def make_token(user, scope="read write", seconds=600, application=None):
    return AccessToken.objects.create(
        user=user,
        token=secrets.token_urlsafe(24),
        scope=scope,
        application=application or make_application(),
        expires=timezone.now() + datetime.timedelta(seconds=seconds),
    )


def bearer(user, scope="read write", **fields):
    return {"authorization": f"Bearer {make_token(user, scope, **fields).token}"}


class ClinicAsyncClient(AsyncClient):
    """Django's async client always calls "testserver": this one calls a clinic."""

    def __init__(self, schema, **defaults):
        super().__init__(**defaults)
        self.host = host(schema).encode()

    def _base_scope(self, **request):
        scope = super()._base_scope(**request)
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"host"]
        scope["headers"].append((b"host", self.host))
        return scope


class ClinicMixin:
    """Tests work in the north clinic. A request leaves the connection in the clinic that it went to."""

    def setUp(self):
        super().setUp()
        connection.set_tenant(self.north)
        self.client = APIClient(headers={"host": host("north")})
        self.async_client = ClinicAsyncClient("north")
        self.addCleanup(connection.set_tenant, self.north)

    @classmethod
    def find_clinics(cls):
        connection.set_schema_to_public()
        cls.north, cls.south = (Clinic.objects.get(schema_name=schema) for schema in CLINICS)
        connection.set_tenant(cls.north)


class ClinicTestCase(ClinicMixin, TestCase):
    @classmethod
    def setUpClass(cls):
        cls.find_clinics()
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        connection.set_schema_to_public()


class ClinicTransactionTestCase(ClinicMixin, TransactionTestCase):
    """For tests that need real transactions: each clinic is emptied afterwards, and the clinics stay."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.find_clinics()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        connection.set_schema_to_public()

    def _fixture_teardown(self):
        connection.set_tenant(self.north)
        super()._fixture_teardown()
