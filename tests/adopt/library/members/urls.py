from django.urls import path

from members.views import DirectoryView, PasswordView, ProfileView

urlpatterns = [
    path("me/", ProfileView.as_view(), name="profile"),
    path("me/password/", PasswordView.as_view(), name="password"),
    path("directory/", DirectoryView.as_view(), name="directory"),
]
