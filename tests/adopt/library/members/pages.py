from django.urls import path

from members.views import RosterView, card

urlpatterns = [
    path("card/", card, name="card"),
    path("roster/", RosterView.as_view(), name="roster"),
]
