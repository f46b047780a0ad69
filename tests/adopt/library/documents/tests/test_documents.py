from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase
from guardian.shortcuts import assign_perm, remove_perm
from rest_framework.test import APITestCase

from documents.models import Collection, Document
from documents.views import grant
from members.tests.people import member


def make_document(owner, title="Letters"):
    document = Document.objects.create(
        title=title, owner=owner, file=ContentFile(b"Dear friend,\n", name="letters.txt")
    )
    grant(owner, document, "view", "change", "delete")
    return document


class DocumentTests(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana, cls.bea = member(), member("bea")
        cls.document = make_document(cls.ana)
        cls.path = f"/api/documents/{cls.document.pk}/"

    def test_a_member_keeps_a_document(self):
        self.client.force_authenticate(self.bea)
        upload = {"title": "Map", "file": SimpleUploadedFile("map.txt", b"north")}
        answer = self.client.post("/api/documents/", upload, format="multipart")
        self.assertEqual(answer.status_code, 201)
        document = Document.objects.get(pk=answer.json()["id"])
        self.assertEqual(document.owner, self.bea)
        self.assertTrue(self.bea.has_perm("documents.delete_document", document))

    def test_the_list_holds_what_one_may_see(self):
        make_document(self.bea, "Diary")
        self.client.force_authenticate(self.ana)
        answer = self.client.get("/api/documents/").json()
        self.assertEqual([document["title"] for document in answer["results"]], ["Letters"])

    def test_a_stranger_does_not_find_it(self):
        self.client.force_authenticate(self.bea)
        self.assertEqual(self.client.get(self.path).status_code, 404)
        self.assertEqual(self.client.delete(self.path).status_code, 404)

    def test_a_visitor_has_to_log_in(self):
        self.assertEqual(self.client.get(self.path).status_code, 401)

    def test_a_reader_reads_and_does_not_change(self):
        assign_perm("view_document", self.bea, self.document)
        self.client.force_authenticate(self.bea)
        self.assertEqual(self.client.get(self.path).status_code, 200)
        self.assertEqual(self.client.patch(self.path, {"title": "Mine"}).status_code, 403)

    def test_taking_the_permission_away_is_seen_at_once(self):
        assign_perm("view_document", self.bea, self.document)
        remove_perm("view_document", self.bea, self.document)
        self.client.force_authenticate(self.bea)
        self.assertEqual(self.client.get(self.path).status_code, 404)

    def test_the_owner_shares(self):
        self.client.force_authenticate(self.ana)
        answer = self.client.post(f"{self.path}share/", {"username": "bea", "may_change": True})
        self.assertEqual(answer.status_code, 204)
        self.client.force_authenticate(self.bea)
        self.assertEqual(self.client.patch(self.path, {"title": "Ours"}).status_code, 200)

    def test_a_reader_does_not_share(self):
        assign_perm("view_document", self.bea, self.document)
        self.client.force_authenticate(self.bea)
        self.assertEqual(self.client.post(f"{self.path}share/", {"username": "bea"}).status_code, 403)

    def test_a_reader_sees_the_other_readers(self):
        self.client.force_authenticate(self.bea)
        self.assertEqual(self.client.get(f"{self.path}readers/").status_code, 404)
        assign_perm("view_document", self.bea, self.document)
        answer = self.client.get(f"{self.path}readers/")
        self.assertEqual(answer.json(), {"readers": ["ana", "bea"]})

    def test_searching_stays_within_what_one_may_see(self):
        self.client.force_authenticate(self.bea)
        self.assertEqual(self.client.get("/api/documents/", {"search": "Letters"}).json()["count"], 0)


class CollectionTests(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana, cls.bea = member(), member("bea")

    def test_a_member_makes_a_collection_and_sees_it(self):
        self.client.force_authenticate(self.ana)
        answer = self.client.post("/api/collections/", {"name": "Family", "note": "Grandmother's box"})
        self.assertEqual(answer.status_code, 201)
        self.assertEqual(self.client.get("/api/collections/").json()["count"], 1)

    def test_a_stranger_does_not_open_it(self):
        collection = Collection.objects.create(name="Family", owner=self.ana)
        self.client.force_authenticate(self.bea)
        self.assertEqual(self.client.get(f"/api/collections/{collection.pk}/").status_code, 404)


class PageTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana, cls.bea = member(), member("bea")
        cls.document = make_document(cls.ana)
        cls.path = f"/desk/documents/{cls.document.pk}/"

    def test_the_owner_downloads(self):
        self.client.force_login(self.ana)
        answer = self.client.get(f"{self.path}download/")
        self.assertEqual(b"".join(answer.streaming_content), b"Dear friend,\n")
        self.assertIn("attachment", answer["Content-Disposition"])

    def test_a_stranger_does_not_download(self):
        self.client.force_login(self.bea)
        self.assertEqual(self.client.get(f"{self.path}download/").status_code, 403)

    def test_a_visitor_does_not_download(self):
        self.assertEqual(self.client.get(f"{self.path}download/").status_code, 302)

    def test_the_box_shows_the_first_lines(self):
        self.client.force_login(self.ana)
        self.assertContains(self.client.get(f"{self.path}excerpt/"), "Dear friend,")
