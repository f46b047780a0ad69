from django.test import TestCase
from rest_framework.test import APIClient, APITestCase

from members.tests.people import PASSWORD, member, office


class SessionTests(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana = member()

    def setUp(self):
        self.client = APIClient(enforce_csrf_checks=True)

    def log_in(self):
        self.client.get("/api-auth/login/")
        form = {
            "username": "ana",
            "password": PASSWORD,
            "csrfmiddlewaretoken": self.client.cookies["csrftoken"].value,
            "next": "/api/me/",
        }
        return self.client.post("/api-auth/login/", form, format="multipart")

    def test_logging_in_by_the_form_leads_to_where_one_wanted(self):
        answer = self.log_in()
        self.assertRedirects(answer, "/api/me/", fetch_redirect_response=False)
        self.assertEqual(self.client.get("/api/me/").json()["username"], "ana")

    def test_the_form_asks_for_its_csrf_token(self):
        self.client.get("/api-auth/login/")
        answer = self.client.post(
            "/api-auth/login/", {"username": "ana", "password": PASSWORD}, format="multipart"
        )
        self.assertEqual(answer.status_code, 403)

    def test_a_session_cannot_write_without_a_csrf_token(self):
        self.log_in()
        answer = self.client.patch("/api/me/", {"first_name": "Ana"})
        self.assertEqual(answer.status_code, 403)
        self.assertIn("CSRF Failed", answer.json()["detail"])

    def test_a_session_writes_with_a_csrf_token(self):
        self.log_in()
        token = self.client.cookies["csrftoken"].value
        answer = self.client.patch("/api/me/", {"first_name": "Ana"}, HTTP_X_CSRFTOKEN=token)
        self.assertEqual(answer.status_code, 200)
        self.ana.refresh_from_db()
        self.assertEqual(self.ana.first_name, "Ana")

    def test_a_token_writes_without_a_csrf_token(self):
        self.client.credentials(HTTP_AUTHORIZATION=f"Token {self.ana.auth_token.key}")
        self.assertEqual(self.client.patch("/api/me/", {"first_name": "Ana"}).status_code, 200)

    def test_logging_out_ends_the_session(self):
        self.log_in()
        token = self.client.cookies["csrftoken"].value
        self.client.post("/api-auth/logout/", {"csrfmiddlewaretoken": token}, format="multipart")
        self.assertEqual(self.client.get("/api/me/").status_code, 401)


class BrowsableTests(TestCase):
    """The office works with the pages of the API."""

    @classmethod
    def setUpTestData(cls):
        cls.ines = office()
        cls.ana = member()

    def page(self, path):
        return self.client.get(path, headers={"accept": "text/html"})

    def test_the_root_lists_what_there_is(self):
        self.client.force_login(self.ines)
        answer = self.page("/api/")
        self.assertContains(answer, "http://testserver/api/books/")
        self.assertContains(answer, "ines")

    def test_a_page_has_a_form_with_a_csrf_token(self):
        self.client.force_login(self.ines)
        answer = self.page(f"/api/members/{self.ana.pk}/")
        self.assertContains(answer, 'name="email"')
        self.assertContains(answer, "csrfToken")
        self.assertContains(answer, ">PUT</button>")

    def test_a_visitor_sees_a_link_to_log_in(self):
        answer = self.page("/api/books/")
        self.assertContains(answer, "/api-auth/login/?next=/api/books/")
        self.assertNotContains(answer, ">POST</button>")

    def test_a_visitor_cannot_see_the_members(self):
        self.assertContains(self.page("/api/members/"), "not provided", status_code=401)

    def test_the_form_of_a_page_writes(self):
        self.client.force_login(self.ines)
        answer = self.client.put(
            f"/api/members/{self.ana.pk}/",
            {"username": "ana", "email": "new@library.example", "is_active": True, "groups": []},
            content_type="application/json",
            headers={"accept": "text/html"},
        )
        self.assertContains(answer, "new@library.example")
