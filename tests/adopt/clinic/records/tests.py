from django.urls import reverse

from accounts.models import User
from records.models import LabResult, Medication, Note, Prescription
from tenancy.testing import ClinicTestCase, bearer, make_patient, make_user


class RecordsTestCase(ClinicTestCase):
    def setUp(self):
        super().setUp()
        self.physician = make_user("paul", role=User.Role.PHYSICIAN)
        self.nurse = make_user("nora")
        self.patient = make_patient()


class NoteTests(RecordsTestCase):
    def test_an_author_lists_and_changes_her_note(self):
        self.client.force_login(self.nurse)
        written = self.client.post(
            reverse("note-list"), {"patient": self.patient.pk, "text": "Tired."}
        ).json()
        listed = self.client.get(reverse("note-list"), {"patient": self.patient.pk}).json()
        self.assertEqual(listed["results"], [written])
        url = reverse("note-detail", args=[written["id"]])
        self.assertEqual(self.client.patch(url, {"text": "Very tired."}).json()["text"], "Very tired.")

    def test_anothers_note_is_not_read(self):
        note = Note.objects.create(patient=self.patient, author=self.nurse, text="Tired.")
        self.client.force_login(self.physician)
        self.assertEqual(self.client.get(reverse("note-detail", args=[note.pk])).status_code, 403)


class PrescriptionTests(RecordsTestCase):
    def setUp(self):
        super().setUp()
        self.medication = Medication.objects.create(name="Ibuprofen", dose="400 mg")
        self.data = {"patient": self.patient.pk, "medication": self.medication.pk, "instructions": "1-0-1"}

    def test_a_physician_prescribes_and_withdraws(self):
        self.client.force_login(self.physician)
        written = self.client.post(reverse("prescription-list"), self.data).json()
        self.assertEqual(written["prescriber"], self.physician.pk)
        response = self.client.delete(reverse("prescription-detail", args=[written["id"]]))
        self.assertEqual(response.status_code, 204)

    def test_a_nurse_does_not_prescribe(self):
        self.client.force_login(self.nurse)
        response = self.client.post(reverse("prescription-list"), self.data)
        self.assertEqual(response.status_code, 403)

    def test_a_nurse_reads_her_empty_list(self):
        self.client.force_login(self.nurse)
        self.assertEqual(self.client.get(reverse("prescription-list")).json()["count"], 0)

    def test_anothers_prescription_is_not_found(self):
        prescription = Prescription.objects.create(
            patient=self.patient, prescriber=self.physician, medication=self.medication, instructions="1-0-1"
        )
        self.client.force_login(self.nurse)
        response = self.client.get(reverse("prescription-detail", args=[prescription.pk]))
        self.assertEqual(response.status_code, 404)

    def test_the_formulary_comes_in_one_piece(self):
        for number in range(30):
            Medication.objects.create(name=f"Medication {number:02d}", dose="1 mg")
        self.client.force_login(self.nurse)
        self.assertEqual(len(self.client.get(reverse("medication-list")).json()), 31)
        one = self.client.get(reverse("medication-detail", args=[self.medication.pk])).json()
        self.assertEqual(one["name"], "Ibuprofen")


class LabResultTests(RecordsTestCase):
    def setUp(self):
        super().setUp()
        self.result = LabResult.objects.create(
            patient=self.patient, ordered_by=self.physician, test="CRP", value="4 mg/l"
        )

    def url(self, name):
        return reverse(name, args=[self.result.pk])

    def test_laboratories_collect_all_results(self):
        for number in range(30):
            LabResult.objects.create(
                patient=self.patient, ordered_by=self.physician, test="CRP", value=f"{number} mg/l"
            )
        response = self.client.get(reverse("result-feed"), headers=bearer(None, "results"))
        self.assertEqual(len(response.json()), 31)

    def test_the_feed_needs_its_scope(self):
        response = self.client.get(reverse("result-feed"), headers=bearer(None, "read"))
        self.assertEqual(response.status_code, 403)

    def test_whoever_ordered_it_reads_it(self):
        response = self.client.get(self.url("result"), headers=bearer(self.physician))
        self.assertEqual(response.json()["value"], "4 mg/l")

    def test_nobody_else_reads_it(self):
        self.assertEqual(self.client.get(self.url("result"), headers=bearer(self.nurse)).status_code, 403)

    async def test_the_card_shows_a_result(self):
        await self.async_client.aforce_login(self.physician)
        response = await self.async_client.get(self.url("result-card"))
        self.assertEqual(response.json(), {"patient": "Moreau, Ada", "test": "CRP", "value": "4 mg/l"})

    async def test_the_card_of_no_result(self):
        await self.async_client.aforce_login(self.physician)
        response = await self.async_client.get(reverse("result-card", args=[0]))
        self.assertEqual(response.status_code, 404)

    async def test_the_card_is_for_those_who_signed_in(self):
        self.assertEqual((await self.async_client.get(self.url("result-card"))).status_code, 302)

    async def test_a_result_is_acknowledged_once(self):
        await self.async_client.aforce_login(self.physician)
        first = await self.async_client.post(self.url("result-acknowledge"))
        again = await self.async_client.post(self.url("result-acknowledge"))
        self.assertEqual(first.json(), again.json())

    async def test_anothers_result_is_not_acknowledged(self):
        await self.async_client.aforce_login(self.nurse)
        response = await self.async_client.post(self.url("result-acknowledge"))
        self.assertEqual(response.status_code, 404)
