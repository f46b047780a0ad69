from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import ListView
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.generics import ListCreateAPIView, RetrieveDestroyAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_api_key.permissions import HasAPIKey

from lending.models import Loan, PartnerRequest, Reservation, Suggestion
from lending.permissions import IsBorrower
from lending.serializers import (
    CheckoutSerializer,
    LoanSerializer,
    PartnerRequestSerializer,
    ReservationSerializer,
    SuggestionSerializer,
)
from members.authentication import FeedTokenAuthentication
from members.permissions import LIBRARIANS, IsLibrarian


class LoanViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Loans: members see their own, librarians all."""

    permission_classes = [IsAuthenticated & (IsBorrower | IsLibrarian)]
    serializer_class = LoanSerializer
    filterset_fields = ["book", "returned"]
    ordering_fields = ["due"]

    def get_queryset(self):
        loans = Loan.objects.select_related("book", "borrower").order_by("due")
        if self.request.user.groups.filter(name=LIBRARIANS).exists():
            return loans
        return loans.filter(borrower=self.request.user)

    @action(detail=True, methods=["post"], permission_classes=[IsLibrarian])
    def check_in(self, request, pk=None):
        loan = self.get_object()
        loan.returned = timezone.localdate()
        loan.save(update_fields=["returned"])
        return Response(self.get_serializer(loan).data)


class CheckoutView(APIView):
    """The desk scans a card and a book."""

    permission_classes = [IsLibrarian]

    def post(self, request):
        serializer = CheckoutSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(LoanSerializer(serializer.save()).data, status=201)


class LoanExtensionView(APIView):
    """Four weeks more."""

    permission_classes = [IsAuthenticated, IsBorrower]

    def post(self, request, pk):
        loan = get_object_or_404(Loan, pk=pk)
        if not loan.renew():
            return Response({"detail": "This loan cannot be renewed."}, status=409)
        return Response(LoanSerializer(loan).data)


class ReservationListView(ListCreateAPIView):
    permission_classes = [IsAuthenticated]
    serializer_class = ReservationSerializer

    def get_queryset(self):
        return Reservation.objects.filter(member=self.request.user).select_related("book").order_by("created")

    def perform_create(self, serializer):
        serializer.save(member=self.request.user)


class ReservationView(RetrieveDestroyAPIView):
    permission_classes = [IsAuthenticated]
    queryset = Reservation.objects.select_related("book")
    serializer_class = ReservationSerializer


class SuggestionListView(ListCreateAPIView):
    """Wishes of the members; the front end searches them while you type."""

    permission_classes = [IsAuthenticated]
    queryset = Suggestion.objects.order_by("-made")
    serializer_class = SuggestionSerializer
    search_fields = ["title"]
    pagination_class = None

    def perform_create(self, serializer):
        serializer.save(member=self.request.user)


class PartnerRequestView(ListCreateAPIView):
    """Interlibrary loan, for the system of the district."""

    authentication_classes = []
    permission_classes = [HasAPIKey]
    queryset = PartnerRequest.objects.select_related("book").order_by("-asked")
    serializer_class = PartnerRequestSerializer


class DueDatesView(APIView):
    """When to bring what back, as a calendar to subscribe to."""

    authentication_classes = [FeedTokenAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request):
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Town library//Loans//EN"]
        for loan in request.user.loans.filter(returned=None).select_related("book").order_by("due"):
            lines += [
                "BEGIN:VEVENT",
                f"UID:loan-{loan.pk}@library.example",
                f"DTSTART;VALUE=DATE:{loan.due:%Y%m%d}",
                f"SUMMARY:Bring back {loan.book.title}",
                "END:VEVENT",
            ]
        lines.append("END:VCALENDAR")
        return HttpResponse("\r\n".join(lines) + "\r\n", content_type="text/calendar")


@login_required
@require_GET
def my_loans(request):
    loans = request.user.loans.filter(returned=None).select_related("book").order_by("due")
    return render(request, "lending/my_loans.html", {"loans": loans})


@csrf_exempt  # the terminal at the entrance keeps no cookies between the page and the form
@login_required
@require_POST
def renew_all(request):
    renewed = [loan for loan in request.user.loans.filter(returned=None) if loan.renew()]
    messages.success(request, f"{len(renewed)} renewed.")
    return redirect("my-loans")


class OverdueView(PermissionRequiredMixin, ListView):
    """Who has to be reminded."""

    permission_required = "lending.view_loan"
    template_name = "lending/overdue.html"

    def get_queryset(self):
        late = Loan.objects.filter(returned=None, due__lt=timezone.localdate())
        return late.select_related("book", "borrower").order_by("due")
