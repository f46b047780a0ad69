from django.test import TestCase
from rest_framework.test import APITestCase

from catalogue.models import Author, Book
from members.models import Circle
from members.tests.people import PASSWORD, librarian, member, office


class ProfileTests(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana = member()

    def setUp(self):
        self.client.force_authenticate(self.ana)

    def test_the_profile_shows_the_card_and_whether_one_is_staff(self):
        answer = self.client.get("/api/me/").json()
        self.assertEqual(answer["card_number"], self.ana.membership.card_number)
        self.assertIs(answer["is_staff"], False)

    def test_a_member_changes_name_and_address(self):
        answer = self.client.patch("/api/me/", {"last_name": "Reis", "email": "reis@library.example"})
        self.assertEqual(answer.status_code, 200)
        self.ana.refresh_from_db()
        self.assertEqual((self.ana.last_name, self.ana.email), ("Reis", "reis@library.example"))

    def test_the_login_name_stays(self):
        self.client.patch("/api/me/", {"username": "root"})
        self.ana.refresh_from_db()
        self.assertEqual(self.ana.username, "ana")

    def test_changing_the_password_asks_for_the_old_one(self):
        answer = self.client.post("/api/me/password/", {"old": "no", "new": "another-walk-to-the-sea"})
        self.assertEqual(answer.status_code, 400)
        self.assertIn("old", answer.json())

    def test_changing_the_password(self):
        answer = self.client.post("/api/me/password/", {"old": PASSWORD, "new": "another-walk-to-the-sea"})
        self.assertEqual(answer.status_code, 204)
        self.ana.refresh_from_db()
        self.assertTrue(self.ana.check_password("another-walk-to-the-sea"))


class DirectoryTests(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana, cls.bea = member(), member("bea")

    def setUp(self):
        self.client.force_authenticate(self.ana)

    def test_people_are_found_by_name(self):
        answer = self.client.get("/api/directory/", {"search": "be"}).json()
        self.assertEqual([person["username"] for person in answer["results"]], ["bea"])

    def test_the_newest_members_come_first_if_one_likes(self):
        answer = self.client.get("/api/directory/", {"ordering": "-date_joined"}).json()
        self.assertEqual([person["username"] for person in answer["results"]], ["bea", "ana"])

    def test_addresses_are_not_in_it(self):
        answer = self.client.get("/api/directory/").json()
        self.assertNotIn("email", answer["results"][0])


class OfficeTests(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana, cls.ines = member(), office()

    def test_members_cannot_see_the_list(self):
        self.client.force_authenticate(self.ana)
        self.assertEqual(self.client.get("/api/members/").status_code, 403)

    def test_the_office_takes_a_member_off(self):
        self.client.force_authenticate(self.ines)
        answer = self.client.patch(f"/api/members/{self.ana.pk}/", {"is_active": False})
        self.assertEqual(answer.status_code, 200)
        self.ana.refresh_from_db()
        self.assertFalse(self.ana.is_active)

    def test_members_are_not_made_here(self):
        self.client.force_authenticate(self.ines)
        self.assertEqual(self.client.post("/api/members/", {"username": "x"}).status_code, 405)


class CircleTests(APITestCase):
    def test_a_circle_shows_its_people_and_its_book(self):
        ana = member()
        book = Book.objects.create(isbn="9789720", title="Os Maias", author=Author.objects.create(name="Eça"))
        circle = Circle.objects.create(name="Tuesdays", book=book)
        circle.people.add(ana)
        self.client.force_authenticate(member("bea"))
        answer = self.client.get("/api/circles/").json()["results"][0]
        self.assertEqual(answer["book"]["title"], "Os Maias")
        self.assertEqual(answer["people"][0]["username"], "ana")


class PageTests(TestCase):
    def test_the_card_page_shows_ones_own_card(self):
        ana = member()
        self.client.force_login(ana)
        self.assertContains(self.client.get("/desk/card/"), ana.membership.card_number)

    def test_a_visitor_is_sent_to_the_login_page(self):
        answer = self.client.get("/desk/card/")
        self.assertRedirects(answer, "/api-auth/login/?next=/desk/card/")

    def test_the_roster_is_for_librarians(self):
        self.client.force_login(member())
        self.assertEqual(self.client.get("/desk/roster/").status_code, 403)
        self.client.force_login(librarian())
        self.assertContains(self.client.get("/desk/roster/"), "ana")

    def test_the_admin_lists_members(self):
        boss = member("boss", is_staff=True, is_superuser=True)
        self.client.force_login(boss)
        self.assertContains(self.client.get("/admin/members/membership/"), boss.membership.card_number)
