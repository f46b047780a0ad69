from datetime import timedelta

from django.test import TestCase
from django.utils import timezone
from rest_framework.test import APITestCase
from rest_framework_api_key.models import APIKey

from catalogue.models import Author, Book
from lending.models import Loan, Reservation, Suggestion
from members.tests.people import librarian, member


def make_book(isbn="9789720049", copies=2):
    author = Author.objects.create(name="Eça de Queirós")
    return Book.objects.create(isbn=isbn, title="Os Maias", author=author, copies=copies)


class LoanTests(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana, cls.bea, cls.rui = member(), member("bea"), librarian()
        cls.book = make_book()
        cls.loan = Loan.objects.create(book=cls.book, borrower=cls.ana)
        cls.other = Loan.objects.create(book=cls.book, borrower=cls.bea)

    def test_members_see_their_own_loans(self):
        self.client.force_authenticate(self.ana)
        answer = self.client.get("/api/loans/").json()
        self.assertEqual([loan["borrower"] for loan in answer["results"]], ["ana"])
        self.assertEqual(self.client.get(f"/api/loans/{self.other.pk}/").status_code, 404)

    def test_librarians_see_all_loans(self):
        self.client.force_authenticate(self.rui)
        self.assertEqual(self.client.get("/api/loans/").json()["count"], 2)
        self.assertEqual(self.client.get(f"/api/loans/{self.other.pk}/").status_code, 200)

    def test_a_librarian_takes_a_book_back(self):
        self.client.force_authenticate(self.rui)
        answer = self.client.post(f"/api/loans/{self.loan.pk}/check_in/")
        self.assertEqual(answer.json()["returned"], str(timezone.localdate()))

    def test_a_member_does_not_take_books_back(self):
        self.client.force_authenticate(self.ana)
        self.assertEqual(self.client.post(f"/api/loans/{self.loan.pk}/check_in/").status_code, 403)

    def test_the_desk_lends_a_book(self):
        self.other.returned = timezone.localdate()
        self.other.save()
        self.client.force_authenticate(self.rui)
        scan = {"book": self.book.isbn, "borrower": self.bea.membership.card_number}
        answer = self.client.post("/api/checkout/", scan)
        self.assertEqual(answer.status_code, 201)
        self.assertEqual(answer.json()["borrower"], "bea")

    def test_what_is_not_on_the_shelf_cannot_be_lent(self):
        self.client.force_authenticate(self.rui)
        scan = {"book": self.book.isbn, "borrower": self.bea.membership.card_number}
        answer = self.client.post("/api/checkout/", scan)
        self.assertEqual(answer.status_code, 400)
        self.assertIn("book", answer.json())

    def test_members_do_not_lend(self):
        self.client.force_authenticate(self.ana)
        self.assertEqual(self.client.post("/api/checkout/", {}).status_code, 403)

    def test_a_loan_is_extended_twice(self):
        self.client.force_authenticate(self.ana)
        path = f"/api/loans/{self.loan.pk}/extend/"
        self.assertEqual([self.client.post(path).status_code for _ in range(3)], [200, 200, 409])

    def test_a_visitor_cannot_extend(self):
        self.assertEqual(self.client.post(f"/api/loans/{self.loan.pk}/extend/").status_code, 401)


class ReservationTests(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana, cls.bea = member(), member("bea")
        cls.book = make_book()

    def test_members_see_their_own_reservations(self):
        Reservation.objects.create(book=self.book, member=self.bea)
        self.client.force_authenticate(self.ana)
        answer = self.client.post("/api/reservations/", {"book": self.book.pk})
        self.assertEqual(answer.status_code, 201)
        self.assertEqual(self.client.get("/api/reservations/").json()["count"], 1)

    def test_a_member_cancels_a_reservation(self):
        reservation = Reservation.objects.create(book=self.book, member=self.ana)
        self.client.force_authenticate(self.ana)
        self.assertEqual(self.client.delete(f"/api/reservations/{reservation.pk}/").status_code, 204)
        self.assertFalse(Reservation.objects.exists())

    def test_a_visitor_cannot_see_a_reservation(self):
        reservation = Reservation.objects.create(book=self.book, member=self.ana)
        self.assertEqual(self.client.get(f"/api/reservations/{reservation.pk}/").status_code, 401)


class SuggestionTests(APITestCase):
    def test_all_wishes_come_at_once(self):
        ana = member()
        Suggestion.objects.bulk_create(Suggestion(member=ana, title=f"Book {n}") for n in range(30))
        self.client.force_authenticate(ana)
        self.assertEqual(len(self.client.get("/api/suggestions/").json()), 30)

    def test_a_wish_is_its_members(self):
        ana = member()
        self.client.force_authenticate(ana)
        self.assertEqual(self.client.post("/api/suggestions/", {"title": "Orlando"}).status_code, 201)
        self.assertEqual(Suggestion.objects.get().member, ana)


class PartnerTests(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.book = make_book()
        _, cls.key = APIKey.objects.create_key(name="District")
        cls.asked = {"book": cls.book.isbn, "library": "Upriver", "reference": "U-1"}

    def test_the_partner_asks_for_a_book(self):
        self.client.credentials(HTTP_AUTHORIZATION=f"Api-Key {self.key}")
        self.assertEqual(self.client.post("/api/partner/requests/", self.asked).status_code, 201)
        self.assertEqual(self.client.get("/api/partner/requests/").json()["count"], 1)

    def test_nobody_asks_without_the_key(self):
        answer = self.client.post("/api/partner/requests/", self.asked)
        self.assertEqual(answer.status_code, 403)

    def test_a_key_that_was_revoked_opens_nothing(self):
        APIKey.objects.update(revoked=True)
        self.client.credentials(HTTP_AUTHORIZATION=f"Api-Key {self.key}")
        self.assertEqual(self.client.get("/api/partner/requests/").status_code, 403)

    def test_a_member_is_not_a_partner(self):
        self.client.credentials(HTTP_AUTHORIZATION=f"Token {member().auth_token.key}")
        self.assertEqual(self.client.get("/api/partner/requests/").status_code, 403)


class CalendarTests(APITestCase):
    def test_a_calendar_program_subscribes(self):
        ana = member()
        Loan.objects.create(book=make_book(), borrower=ana)
        answer = self.client.get(f"/api/due.ics?auth_token={ana.auth_token.key}")
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer["Content-Type"], "text/calendar")
        self.assertContains(answer, "SUMMARY:Bring back Os Maias")

    def test_a_wrong_token_sees_no_calendar(self):
        self.assertEqual(self.client.get("/api/due.ics?auth_token=wrong").status_code, 401)
        self.assertEqual(self.client.get("/api/due.ics").status_code, 401)


class PageTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana, cls.rui = member(), librarian()
        cls.loan = Loan.objects.create(book=make_book(), borrower=cls.ana)

    def test_the_page_shows_ones_loans(self):
        self.client.force_login(self.ana)
        answer = self.client.get("/desk/loans/")
        self.assertContains(answer, "Os Maias")
        self.assertContains(answer, "csrfmiddlewaretoken")

    def test_all_loans_are_renewed_at_the_terminal(self):
        self.client.force_login(self.ana)
        answer = self.client.post("/desk/loans/renew/", follow=True)
        self.assertContains(answer, "1 renewed.")
        self.loan.refresh_from_db()
        self.assertEqual(self.loan.renewals, 1)

    def test_renewing_needs_a_login(self):
        answer = self.client.post("/desk/loans/renew/")
        self.assertRedirects(answer, "/api-auth/login/?next=/desk/loans/renew/")

    def test_the_reminders_are_for_librarians(self):
        Loan.objects.update(due=timezone.localdate() - timedelta(days=1))
        self.client.force_login(self.ana)
        self.assertEqual(self.client.get("/desk/overdue/").status_code, 403)
        self.client.force_login(self.rui)
        self.assertContains(self.client.get("/desk/overdue/"), "ana")
