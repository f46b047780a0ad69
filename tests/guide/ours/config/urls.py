"""The URLs of the guide's example: the token views, and its view."""

from django.urls import include, path

from config.views import Profile

urlpatterns = [
    path("api/profile/", Profile.as_view()),
    path("api/", include("stockade.drf.urls")),
]
