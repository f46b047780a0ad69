import base64
from decimal import Decimal

from django.test import TestCase
from rest_framework.test import APITestCase

from catalogue.models import Author, Book, Branch, Purchase, Review
from lending.models import Loan, Reservation
from members.tests.people import PASSWORD, librarian, member


class Shelf(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.eca = Author.objects.create(name="Eça de Queirós", born=1845)
        cls.saramago = Author.objects.create(name="José Saramago", born=1922)
        cls.maias = Book.objects.create(isbn="9789720049", title="Os Maias", author=cls.eca, copies=2)
        cls.ensaio = Book.objects.create(isbn="9789722110", title="Ensaio", author=cls.saramago)
        cls.ana, cls.rui = member(), librarian()


class BookTests(Shelf):
    def test_a_visitor_reads_the_catalogue(self):
        answer = self.client.get("/api/books/").json()
        self.assertEqual([book["title"] for book in answer["results"]], ["Ensaio", "Os Maias"])

    def test_a_visitor_searches(self):
        answer = self.client.get("/api/books/", {"search": "saramago"}).json()
        self.assertEqual([book["isbn"] for book in answer["results"]], ["9789722110"])

    def test_a_visitor_filters_and_orders(self):
        answer = self.client.get("/api/books/", {"author": self.eca.pk, "ordering": "-title"}).json()
        self.assertEqual(answer["count"], 1)

    def test_a_member_cannot_add_a_book(self):
        self.client.force_authenticate(self.ana)
        book = {"isbn": "1", "title": "Mine", "author": self.eca.pk}
        self.assertEqual(self.client.post("/api/books/", book).status_code, 403)

    def test_a_librarian_adds_a_book(self):
        self.client.force_login(self.rui)
        book = {"isbn": "9789720050", "title": "A Relíquia", "author": self.eca.pk}
        self.assertEqual(self.client.post("/api/books/", book).status_code, 201)

    def test_a_librarian_sees_the_form_for_a_new_book(self):
        self.client.force_login(self.rui)
        answer = self.client.get("/api/books/", HTTP_ACCEPT="text/html")
        self.assertContains(answer, ">POST</button>")
        self.assertContains(answer, 'name="isbn"')

    def test_a_visitor_sees_what_is_on_the_shelf(self):
        Loan.objects.create(book=self.maias, borrower=self.ana)
        answer = self.client.get(f"/api/books/{self.maias.pk}/availability/")
        self.assertEqual(answer.json(), {"copies": 2, "on_shelf": 1})

    def test_a_member_reserves_a_book_once(self):
        self.client.force_authenticate(self.ana)
        path = f"/api/books/{self.maias.pk}/reserve/"
        self.assertEqual([self.client.post(path).status_code for _ in range(2)], [201, 200])
        self.assertEqual(Reservation.objects.get().member, self.ana)

    def test_a_visitor_cannot_reserve(self):
        self.assertEqual(self.client.post(f"/api/books/{self.maias.pk}/reserve/").status_code, 401)

    def test_the_scanner_finds_a_book(self):
        self.assertEqual(self.client.get("/api/isbn/9789720049/").json()["title"], "Os Maias")
        self.assertEqual(self.client.get("/api/isbn/0/").status_code, 404)

    def test_only_librarians_add_authors(self):
        self.client.force_authenticate(self.ana)
        self.assertEqual(self.client.get("/api/authors/").json()["count"], 2)
        self.assertEqual(self.client.post("/api/authors/", {"name": "Ana"}).status_code, 403)
        self.client.force_authenticate(self.rui)
        self.assertEqual(self.client.post("/api/authors/", {"name": "Agustina"}).status_code, 201)

    def test_the_committee_sees_the_purchases(self):
        Purchase.objects.create(book=self.maias, supplier="Bertrand", price=Decimal("12.50"))
        answer = self.client.get("/api/purchases/").json()
        self.assertEqual((answer[0]["supplier"], answer[0]["price"]), ("Bertrand", "12.50"))


class BranchTests(Shelf):
    branch = {"name": "Harbour", "street": "Rua do Cais 1", "opens": "09:00", "closes": "18:00"}

    def test_the_map_gets_all_branches_at_once(self):
        Branch.objects.create(**self.branch)
        answer = self.client.get("/api/branches/").json()
        self.assertEqual([branch["name"] for branch in answer], ["Harbour"])

    def test_a_librarian_adds_a_branch(self):
        self.client.force_authenticate(self.rui)
        self.assertEqual(self.client.post("/api/branches/", self.branch).status_code, 201)

    def test_a_member_cannot_close_a_branch(self):
        branch = Branch.objects.create(**self.branch)
        self.client.force_authenticate(self.ana)
        self.assertEqual(self.client.delete(f"/api/branches/{branch.pk}/").status_code, 403)


class ReviewTests(Shelf):
    def test_a_visitor_reads_reviews_and_writes_none(self):
        Review.objects.create(book=self.maias, author=self.ana, stars=5)
        self.assertEqual(self.client.get("/api/reviews/").json()["count"], 1)
        self.assertEqual(
            self.client.post("/api/reviews/", {"book": self.maias.pk, "stars": 1}).status_code, 401
        )

    def test_a_review_carries_the_name_of_its_author(self):
        self.client.force_authenticate(self.ana)
        review = {"book": self.maias.pk, "stars": 4, "text": "Long.", "author": "somebody"}
        answer = self.client.post("/api/reviews/", review)
        self.assertEqual(answer.status_code, 201)
        self.assertEqual(answer.json()["author"], "ana")

    def test_a_member_changes_ones_mind(self):
        review = Review.objects.create(book=self.maias, author=self.ana, stars=2)
        self.client.force_authenticate(self.ana)
        answer = self.client.patch(f"/api/reviews/{review.pk}/", {"stars": 5})
        self.assertEqual(answer.json()["stars"], 5)

    def test_six_stars_do_not_exist(self):
        self.client.force_authenticate(self.ana)
        answer = self.client.post("/api/reviews/", {"book": self.maias.pk, "stars": 6})
        self.assertEqual(answer.status_code, 400)


class OpdsTests(Shelf):
    def test_an_e_reader_logs_in_with_a_password(self):
        basic = base64.b64encode(f"ana:{PASSWORD}".encode()).decode()
        answer = self.client.get("/api/opds/", HTTP_AUTHORIZATION=f"Basic {basic}")
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer["Content-Type"], "application/atom+xml; charset=utf-8")
        self.assertIn("urn:isbn:9789720049", answer.content.decode())

    def test_an_e_reader_without_a_password_is_refused(self):
        self.assertEqual(self.client.get("/api/opds/").status_code, 403)


class HomeTests(TestCase):
    def test_the_home_page_shows_new_books(self):
        author = Author.objects.create(name="Sophia")
        Book.objects.create(isbn="1", title="Contos Exemplares", author=author)
        self.assertContains(self.client.get("/"), "Contos Exemplares")
        self.assertEqual(self.client.post("/").status_code, 405)
