from io import StringIO

from django.shortcuts import get_object_or_404, render
from django.utils.xmlutils import SimplerXMLGenerator
from django.views.decorators.http import require_GET
from rest_framework import viewsets
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.generics import ListCreateAPIView, RetrieveUpdateDestroyAPIView
from rest_framework.permissions import (
    AllowAny,
    DjangoModelPermissions,
    DjangoModelPermissionsOrAnonReadOnly,
    IsAuthenticated,
    IsAuthenticatedOrReadOnly,
)
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from catalogue.models import Author, Book, Branch, Purchase, Review
from catalogue.serializers import (
    AuthorSerializer,
    BookSerializer,
    BranchSerializer,
    PurchaseSerializer,
    ReviewSerializer,
)
from lending.models import Reservation


@require_GET
def home(request):
    return render(request, "home.html", {"newest": Book.objects.order_by("-pk")[:10]})


class BookViewSet(viewsets.ModelViewSet):
    """The catalogue: everybody reads it, librarians keep it."""

    permission_classes = [DjangoModelPermissionsOrAnonReadOnly]
    queryset = Book.objects.select_related("author").order_by("title")
    serializer_class = BookSerializer
    filterset_fields = ["author"]
    search_fields = ["title", "author__name", "isbn"]
    ordering_fields = ["title", "author__name"]

    @action(detail=True)
    def availability(self, request, pk=None):
        book = self.get_object()
        return Response({"copies": book.copies, "on_shelf": book.on_shelf})

    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def reserve(self, request, pk=None):
        reservation, created = Reservation.objects.get_or_create(book=self.get_object(), member=request.user)
        return Response({"reservation": reservation.pk}, status=201 if created else 200)


class AuthorListView(ListCreateAPIView):
    permission_classes = [DjangoModelPermissions]
    queryset = Author.objects.order_by("name")
    serializer_class = AuthorSerializer
    search_fields = ["name"]


class BranchListView(ListCreateAPIView):
    """The branches, for the map on the home page: a dozen, all at once."""

    queryset = Branch.objects.order_by("name")
    serializer_class = BranchSerializer
    pagination_class = None


class BranchView(RetrieveUpdateDestroyAPIView):
    permission_classes = [DjangoModelPermissionsOrAnonReadOnly]
    queryset = Branch.objects.all()
    serializer_class = BranchSerializer


class ReviewViewSet(viewsets.ModelViewSet):
    """What readers think of a book."""

    permission_classes = [IsAuthenticatedOrReadOnly]
    queryset = Review.objects.select_related("author").order_by("-written")
    serializer_class = ReviewSerializer
    filterset_fields = ["book", "stars"]
    search_fields = ["text"]

    def perform_create(self, serializer):
        serializer.save(author=self.request.user)


@api_view(["GET"])
@permission_classes([AllowAny])
def by_isbn(request, isbn):
    """For the bar code scanner at the door."""
    book = get_object_or_404(Book, isbn=isbn)
    return Response(BookSerializer(book).data)


@api_view(["GET"])
def purchases(request):
    """The last purchases, for the page of the book committee."""
    latest = Purchase.objects.select_related("book").order_by("-bought", "-pk")[:50]
    return Response(PurchaseSerializer(latest, many=True).data)


class OpdsRenderer(BaseRenderer):
    media_type = "application/atom+xml"
    format = "opds"

    def render(self, data, accepted_media_type=None, renderer_context=None):
        return data


class OpdsView(APIView):
    """The newest books as an OPDS feed. E-readers ask for a name and a password, and know nothing else."""

    authentication_classes = [SessionAuthentication, BasicAuthentication]
    permission_classes = [IsAuthenticated]
    renderer_classes = [OpdsRenderer]

    def get(self, request):
        return Response(self.feed(Book.objects.select_related("author").order_by("-pk")[:100]))

    def feed(self, books):
        out = StringIO()
        xml = SimplerXMLGenerator(out, "utf-8")
        xml.startDocument()
        xml.startElement("feed", {"xmlns": "http://www.w3.org/2005/Atom"})
        xml.addQuickElement("title", "New in the library")
        for book in books:
            xml.startElement("entry", {})
            xml.addQuickElement("id", f"urn:isbn:{book.isbn}")
            xml.addQuickElement("title", book.title)
            xml.addQuickElement("author", book.author.name)
            xml.endElement("entry")
        xml.endElement("feed")
        xml.endDocument()
        return out.getvalue()
