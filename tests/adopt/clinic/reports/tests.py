import base64

from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from appointments.models import Appointment
from tenancy.testing import PASSWORD, ClinicTestCase, bearer, make_patient, make_user


def basic(username, password):
    return {"authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


class ReportTests(ClinicTestCase):
    def setUp(self):
        super().setUp()
        self.manager = make_user("manager", is_staff=True)
        self.physician = make_user("paul", role=User.Role.PHYSICIAN)
        now = timezone.now()
        Appointment.objects.create(patient=make_patient(), practitioner=self.physician, starts_at=now)
        self.url = reverse("monthly-report", args=[now.year, now.month])

    def test_the_spreadsheet_fetches_the_figures(self):
        report = self.client.get(self.url, headers=basic("manager", PASSWORD)).json()
        self.assertEqual(report["patients"], 1)
        self.assertEqual(report["appointments"], {"booked": 1, "arrived": 0, "cancelled": 0})

    def test_a_wrong_password_fetches_nothing(self):
        self.assertEqual(self.client.get(self.url, headers=basic("manager", "wrong")).status_code, 401)

    def test_the_figures_are_for_managers(self):
        self.client.force_login(self.physician)
        self.assertEqual(self.client.get(self.url).status_code, 403)

    def test_a_month_without_appointments(self):
        self.client.force_login(self.manager)
        report = self.client.get(reverse("monthly-report", args=[1999, 1])).json()
        self.assertEqual(report["appointments"], {"booked": 0, "arrived": 0, "cancelled": 0})

    def test_the_scheduler_reads_the_workload(self):
        page = self.client.get(reverse("workload"), headers=bearer(None, "reports")).json()
        self.assertEqual(
            page["results"],
            [
                {"practitioner": "manager", "booked": 0, "arrived": 0},
                {"practitioner": "paul", "booked": 1, "arrived": 0},
            ],
        )

    def test_the_workload_needs_its_scope(self):
        self.assertEqual(self.client.get(reverse("workload"), headers=bearer(None, "read")).status_code, 403)

    def test_the_figures_are_only_read(self):
        self.client.force_login(self.manager)
        self.assertEqual(self.client.post(self.url).status_code, 405)
