import datetime
import threading

from django.db import connection
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from appointments.models import Appointment, Referral
from tenancy.testing import (
    ClinicAsyncClient,
    ClinicTestCase,
    ClinicTransactionTestCase,
    bearer,
    host,
    make_patient,
    make_user,
)


def tomorrow(hour=9):
    return (timezone.now() + datetime.timedelta(days=1)).replace(hour=hour, minute=0, second=0, microsecond=0)


class AppointmentTests(ClinicTestCase):
    def setUp(self):
        super().setUp()
        self.physician = make_user("paul", role=User.Role.PHYSICIAN)
        self.colleague = make_user("petra", role=User.Role.PHYSICIAN)
        self.reception = make_user("rita", role=User.Role.RECEPTION)
        self.patient = make_patient()
        self.own = self.book(self.physician, 9)
        self.other = self.book(self.colleague, 9)

    def book(self, practitioner, hour):
        return Appointment.objects.create(
            patient=self.patient, practitioner=practitioner, starts_at=tomorrow(hour)
        )

    def ids(self, user):
        listed = self.client.get(reverse("appointment-list"), headers=bearer(user)).json()
        return {each["id"] for each in listed["results"]}

    def test_a_practitioner_sees_her_own(self):
        self.assertEqual(self.ids(self.physician), {self.own.pk})

    def test_the_reception_sees_all(self):
        self.assertEqual(self.ids(self.reception), {self.own.pk, self.other.pk})

    def test_anothers_is_not_found(self):
        url = reverse("appointment-detail", args=[self.other.pk])
        self.assertEqual(self.client.get(url, headers=bearer(self.physician)).status_code, 404)

    def test_a_taken_time_is_refused(self):
        data = {"patient": self.patient.pk, "practitioner": self.physician.pk, "starts_at": tomorrow(9)}
        response = self.client.post(reverse("appointment-list"), data, headers=bearer(self.reception))
        self.assertEqual(response.json(), {"starts_at": "This time is taken."})

    def test_the_time_of_a_cancelled_one_is_free(self):
        self.client.force_login(self.reception)
        response = self.client.post(reverse("appointment-cancel", args=[self.own.pk]))
        self.assertEqual(response.json()["status"], "cancelled")
        data = {"patient": self.patient.pk, "practitioner": self.physician.pk, "starts_at": tomorrow(9)}
        self.assertEqual(self.client.post(reverse("appointment-list"), data).status_code, 201)

    def test_whoever_is_here_is_not_cancelled(self):
        Appointment.objects.filter(pk=self.own.pk).update(status=Appointment.Status.ARRIVED)
        self.client.force_login(self.physician)
        response = self.client.post(reverse("appointment-cancel", args=[self.own.pk]))
        self.assertEqual(response.status_code, 409)


class ReferralTests(ClinicTestCase):
    def setUp(self):
        super().setUp()
        self.physician = make_user("paul", role=User.Role.PHYSICIAN)
        self.colleague = make_user("petra", role=User.Role.PHYSICIAN)
        self.patient = make_patient()

    def test_a_letter_has_its_sender(self):
        self.client.force_login(self.physician)
        data = {"patient": self.patient.pk, "recipient": self.colleague.pk, "letter": "Please look at her."}
        self.client.post(reverse("referral-list"), data)
        self.assertEqual(Referral.objects.get().sender, self.physician)

    def test_the_recipient_finds_and_reads_it(self):
        letter = Referral.objects.create(
            patient=self.patient,
            sender=self.physician,
            recipient=self.colleague,
            letter="Please look at her.",
        )
        self.client.force_login(self.colleague)
        found = self.client.get(reverse("referral-list"), {"recipient": self.colleague.pk}).json()
        self.assertEqual([each["id"] for each in found["results"]], [letter.pk])
        read = self.client.get(reverse("referral-detail", args=[letter.pk])).json()
        self.assertEqual(read["letter"], "Please look at her.")


class ReceptionTests(ClinicTestCase):
    """The screens, with Django's own async client."""

    def setUp(self):
        super().setUp()
        self.physician = make_user("paul", role=User.Role.PHYSICIAN)
        self.patient = make_patient(phone="555")
        self.now = timezone.now().replace(microsecond=0)
        self.appointment = Appointment.objects.create(
            patient=self.patient, practitioner=self.physician, starts_at=self.now
        )

    async def test_the_kiosk_checks_a_patient_in(self):
        code = {"code": self.appointment.code}
        response = await self.async_client.post(
            reverse("reception:check-in"), code, content_type="application/json"
        )
        self.assertEqual(response.json()["patient"], "Moreau, Ada")
        waiting = await self.async_client.get(reverse("reception:queue"))
        self.assertEqual(waiting.json(), {"waiting": 1})

    async def test_the_kiosk_refuses_what_is_no_code(self):
        for body, status in [("[]", 400), ("{", 400), ('{"code": "none"}', 404)]:
            response = await self.async_client.post(
                reverse("reception:check-in"), body, content_type="application/json"
            )
            self.assertEqual(response.status_code, status, body)

    async def test_the_desk_streams_the_arrivals(self):
        response = await self.async_client.get(reverse("reception:arrivals"))
        lines = [line async for line in response.streaming_content]
        self.assertEqual(len(lines), 1)
        self.assertIn(b'"phone": "555"', lines[0])

    async def test_the_screens_are_only_read(self):
        for name in ["reception:queue", "reception:arrivals"]:
            response = await self.async_client.post(reverse(name))
            self.assertEqual(response.status_code, 405)

    async def test_a_screen_of_the_neighbour_is_empty(self):
        response = await ClinicAsyncClient("south").get(reverse("reception:queue"))
        self.assertEqual(response.json(), {"waiting": 0})

    async def test_the_next_patient(self):
        await Appointment.objects.filter(pk=self.appointment.pk).aupdate(starts_at=tomorrow())
        await self.async_client.aforce_login(self.physician)
        response = await self.async_client.get(reverse("reception:next"))
        self.assertEqual(response.json()["next"], {"id": self.appointment.pk, "patient": "Moreau, Ada"})

    async def test_the_next_patient_is_not_for_everybody(self):
        self.assertEqual((await self.async_client.get(reverse("reception:next"))).status_code, 401)

    async def test_an_appointment_is_moved(self):
        await self.async_client.aforce_login(self.physician)
        form = {"appointment": self.appointment.pk, "starts_at": tomorrow(11).isoformat()}
        response = await self.async_client.post(reverse("reception:move"), form)
        self.assertEqual(response.json(), {"moved": 1})

    async def test_anothers_appointment_is_not_moved(self):
        await self.async_client.aforce_login(await User.objects.acreate(username="petra"))
        form = {"appointment": self.appointment.pk, "starts_at": tomorrow(11).isoformat()}
        response = await self.async_client.post(reverse("reception:move"), form)
        self.assertEqual(response.status_code, 404)

    async def test_moving_is_for_those_who_signed_in(self):
        response = await self.async_client.post(reverse("reception:move"), {})
        self.assertEqual(response.status_code, 302)

    async def test_a_day_is_read_and_closed(self):
        await self.async_client.aforce_login(self.physician)
        url = reverse("reception:day", args=[self.now.date()])
        day = (await self.async_client.get(url)).json()
        self.assertEqual([each["id"] for each in day["appointments"]], [self.appointment.pk])
        self.assertEqual((await self.async_client.post(url)).json(), {"cancelled": 1})

    async def test_a_day_is_for_those_who_signed_in(self):
        url = reverse("reception:day", args=[self.now.date()])
        self.assertEqual((await self.async_client.get(url)).status_code, 401)
        self.assertEqual((await self.async_client.post(url)).status_code, 401)

    async def test_there_is_no_thirtieth_of_february(self):
        response = await self.async_client.get("/reception/days/2026-02-30/")
        self.assertEqual(response.status_code, 404)


class BookingRaceTests(ClinicTransactionTestCase):
    def test_two_at_once_get_one_appointment(self):
        physician = make_user("paul", role=User.Role.PHYSICIAN)
        data = {"patient": make_patient().pk, "practitioner": physician.pk, "starts_at": tomorrow()}
        headers = bearer(physician)
        barrier = threading.Barrier(2)
        codes = []

        def book():
            barrier.wait(60)
            client = APIClient(headers={"host": host("north")})
            codes.append(client.post("/api/appointments/", data, headers=headers).status_code)
            connection.close()

        threads = [threading.Thread(target=book) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(sorted(codes), [201, 400])
        self.assertEqual(Appointment.objects.count(), 1)
