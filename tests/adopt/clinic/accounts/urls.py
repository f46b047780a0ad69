from django.urls import path

from accounts import views

urlpatterns = [
    path("me/", views.MeView.as_view(), name="me"),
    path("whoami/", views.whoami, name="whoami"),
    path("colleagues/", views.ColleagueList.as_view(), name="colleague-list"),
]
