from django.urls import path

from lending.views import (
    CheckoutView,
    DueDatesView,
    LoanExtensionView,
    PartnerRequestView,
    ReservationListView,
    ReservationView,
    SuggestionListView,
)

urlpatterns = [
    path("checkout/", CheckoutView.as_view(), name="checkout"),
    path("loans/<int:pk>/extend/", LoanExtensionView.as_view(), name="loan-extend"),
    path("reservations/", ReservationListView.as_view(), name="reservation-list"),
    path("reservations/<int:pk>/", ReservationView.as_view(), name="reservation-detail"),
    path("suggestions/", SuggestionListView.as_view(), name="suggestion-list"),
    path("partner/requests/", PartnerRequestView.as_view(), name="partner-requests"),
    path("due.ics", DueDatesView.as_view(), name="due-dates"),
]
