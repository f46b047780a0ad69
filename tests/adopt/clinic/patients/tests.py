import datetime

from django.urls import reverse
from django.utils import timezone

from patients.models import Allergy, Patient
from tenancy.testing import ClinicTestCase, bearer, make_patient, make_user


class PatientTests(ClinicTestCase):
    def setUp(self):
        super().setUp()
        self.nurse = make_user("nora")
        self.patient = make_patient()
        self.list = reverse("patient-list")
        self.detail = reverse("patient-detail", args=[self.patient.pk])

    def test_a_session_is_not_enough(self):
        self.client.force_login(self.nurse)
        self.assertEqual(self.client.get(self.list).status_code, 401)

    def test_reading_needs_the_scope(self):
        self.assertEqual(self.client.get(self.list, headers=bearer(self.nurse, "results")).status_code, 403)
        self.assertEqual(self.client.get(self.list, headers=bearer(self.nurse, "read")).status_code, 200)

    def test_writing_needs_the_scope(self):
        response = self.client.patch(self.detail, {"phone": "1"}, headers=bearer(self.nurse, "read"))
        self.assertEqual(response.status_code, 403)

    def test_a_patient_is_registered(self):
        data = {"mrn": "N-2", "first_name": "Bo", "last_name": "Li", "born_on": "2001-02-03"}
        response = self.client.post(self.list, data, headers=bearer(self.nurse))
        self.assertEqual(response.status_code, 201)
        self.assertTrue(Patient.objects.filter(mrn="N-2").exists())

    def test_a_number_is_used_once(self):
        data = {"mrn": self.patient.mrn, "first_name": "Bo", "last_name": "Li", "born_on": "2001-02-03"}
        response = self.client.post(self.list, data, headers=bearer(self.nurse))
        self.assertIn("mrn", response.json())

    def test_nobody_is_born_tomorrow(self):
        tomorrow = timezone.localdate() + datetime.timedelta(days=2)
        response = self.client.patch(self.detail, {"born_on": tomorrow}, headers=bearer(self.nurse))
        self.assertIn("born_on", response.json())

    def test_pages_hold_twenty(self):
        for number in range(24):
            make_patient(f"P-{number}")
        first = self.client.get(self.list, headers=bearer(self.nurse)).json()
        self.assertEqual((first["count"], len(first["results"])), (25, 20))
        self.assertIn("page=2", first["next"])

    def test_patients_are_found_by_number(self):
        make_patient("N-9")
        found = self.client.get(self.list, {"mrn": "N-9"}, headers=bearer(self.nurse)).json()
        self.assertEqual(found["count"], 1)

    def test_the_summary_names_what_is_dangerous(self):
        Allergy.objects.create(patient=self.patient, substance="penicillin", severity="severe")
        Allergy.objects.create(patient=self.patient, substance="pollen")
        summary = self.client.get(f"{self.detail}summary/", headers=bearer(self.nurse)).json()
        self.assertEqual(summary["severe_allergies"], ["penicillin"])

    def test_a_patient_of_the_neighbour_is_not_found(self):
        with self.south:
            other = make_patient("S-1", pk=10**6)
        url = reverse("patient-detail", args=[other.pk])
        self.assertEqual(self.client.get(url, headers=bearer(self.nurse)).status_code, 404)


class AllergyTests(ClinicTestCase):
    def test_an_allergy_is_noted_once(self):
        self.client.force_login(make_user("nora"))
        data = {"patient": make_patient().pk, "substance": "latex", "severity": "severe"}
        codes = [self.client.post(reverse("allergy-list"), data).status_code for _ in range(2)]
        self.assertEqual(codes, [201, 400])

    def test_allergies_of_one_patient(self):
        self.client.force_login(make_user("nora"))
        for mrn in ["N-1", "N-2"]:
            Allergy.objects.create(patient=make_patient(mrn), substance="latex")
        found = self.client.get(
            reverse("allergy-list"), {"patient": Patient.objects.get(mrn="N-1").pk}
        ).json()
        self.assertEqual(found["count"], 1)
