from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from tenancy.testing import PASSWORD, ClinicTestCase, bearer, host, make_user


class MeTests(ClinicTestCase):
    def setUp(self):
        super().setUp()
        self.nurse = make_user("nora", phone="100")

    def test_nobody_has_no_profile(self):
        self.assertEqual(self.client.get(reverse("me")).status_code, 401)

    def test_one_reads_ones_own_profile(self):
        profile = self.client.get(reverse("me"), headers=bearer(self.nurse)).json()
        self.assertEqual((profile["username"], profile["phone"]), ("nora", "100"))

    def test_one_changes_ones_phone(self):
        response = self.client.patch(reverse("me"), {"phone": "200"}, headers=bearer(self.nurse))
        self.assertEqual(response.status_code, 200)
        self.nurse.refresh_from_db()
        self.assertEqual(self.nurse.phone, "200")

    def test_a_whole_profile_can_be_put_back(self):
        headers = bearer(self.nurse)
        profile = self.client.get(reverse("me"), headers=headers).json()
        response = self.client.put(reverse("me"), {**profile, "first_name": "Eleonora"}, headers=headers)
        self.assertEqual(response.json(), {**profile, "first_name": "Eleonora"})

    def test_one_does_not_give_oneself_a_role(self):
        self.client.patch(reverse("me"), {"role": "physician"}, headers=bearer(self.nurse))
        self.nurse.refresh_from_db()
        self.assertEqual(self.nurse.role, User.Role.NURSE)

    def test_no_password_is_given_out(self):
        self.assertNotIn("password", self.client.get(reverse("me"), headers=bearer(self.nurse)).json())

    def test_a_session_needs_its_csrf_token(self):
        client = APIClient(enforce_csrf_checks=True, headers={"host": host("north")})
        client.force_login(self.nurse)
        self.assertEqual(client.patch(reverse("me"), {"phone": "300"}).status_code, 403)

    def test_who_am_i(self):
        self.client.force_login(self.nurse)
        self.assertEqual(
            self.client.get(reverse("whoami")).json(),
            {"id": self.nurse.pk, "username": "nora", "clinic": "north", "scopes": None},
        )


class LoginTests(ClinicTestCase):
    def test_a_wrong_password_shows_the_form_again(self):
        make_user("nora")
        response = self.client.post(
            reverse("login"), {"username": "nora", "password": "wrong"}, format="multipart"
        )
        self.assertContains(response, "North Clinic")
        self.assertNotIn("sessionid", self.client.cookies)

    def test_staff_of_the_neighbour_cannot_sign_in_here(self):
        with self.south:
            make_user("sam")
        form = {"username": "sam", "password": PASSWORD}
        self.client.post(reverse("login"), form, format="multipart")
        self.assertNotIn("sessionid", self.client.cookies)


class ColleagueTests(ClinicTestCase):
    def setUp(self):
        super().setUp()
        self.nurse = make_user("nora")
        make_user("paul", role=User.Role.PHYSICIAN)
        make_user("gone", is_active=False)

    def names(self, **query):
        response = self.client.get(reverse("colleague-list"), query, headers=bearer(self.nurse))
        return [each["name"] for each in response.json()["results"]]

    def test_whoever_left_is_not_listed(self):
        self.assertEqual(self.names(), ["Nora Example", "Paul Example"])

    def test_the_list_can_be_turned_around(self):
        self.assertEqual(self.names(ordering="-first_name"), ["Paul Example", "Nora Example"])

    def test_the_list_can_be_searched(self):
        self.assertEqual(self.names(search="physician"), ["Paul Example"])
