from django.urls import path

from lending.views import OverdueView, my_loans, renew_all

urlpatterns = [
    path("loans/", my_loans, name="my-loans"),
    path("loans/renew/", renew_all, name="renew-all"),
    path("overdue/", OverdueView.as_view(), name="overdue"),
]
